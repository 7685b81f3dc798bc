/*
 * Text: a table CHECK WHAT VERDICT DETAIL. JSON, stable:
 *   {"verdict":"stands"|"fails"|"unproved","rows":[{"check","what","verdict","detail"}…]}
 */
#include <stdio.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "config/runner_check.h"
#include "network/check.h"
#include "runner/helper/firewall_check.h"
#include "runner/verbs/network_command.h"
#include "runner/verbs/network.h"

const char verb_network_check_help[] =
	"Starts two containers with the settings of a step and tests the egress firewall from\n"
	"inside: the allowed name resolves and connects; other names, direct addresses, other\n"
	"resolvers, the metadata service, private ranges, the host's ports, a neighbour and IPv6\n"
	"must be refused. A firewall of another program is tested too; what is closed for a step\n"
	"and open for the host proves it.\n"
	"Exit codes: 0 all tests pass, 1 a test fails, 2 bad configuration, 3 refused: there is "
	"no\n"
	"bridge to guard, 5 a test could not be run.";

static void write_json(const struct check_report *r, struct json_writer *w)
{
	json_begin_object(w);
	json_kv_str(w, "verdict", check_verdict_name(check_report_verdict(r)));
	json_key(w, "rows");
	json_begin_array(w);
	for (size_t i = 0; i < r->n; i++) {
		json_begin_object(w);
		json_kv_str(w, "check", r->rows[i].name);
		json_kv_str(w, "what", r->rows[i].what);
		json_kv_str(w, "verdict", check_verdict_name(r->rows[i].verdict));
		json_kv_str(w, "detail", r->rows[i].detail);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void write_text(const struct check_report *r, struct buf *out)
{
	buf_addf(out, "%-16s %-32s %-9s %s\n", "RULE", "WHAT", "VERDICT", "DETAIL");
	for (size_t i = 0; i < r->n; i++)
		buf_addf(out, "%-16s %-32s %-9s %s\n", r->rows[i].name, r->rows[i].what,
			check_verdict_name(r->rows[i].verdict), r->rows[i].detail);
}

static int report(const struct network_command *c, const struct check_report *r)
{
	static const int codes[] = { [CHECK_STANDS] = EXIT_OK,
		[CHECK_FAILS] = EXIT_FINDINGS,
		[CHECK_UNPROVED] = EXIT_INCOMPLETE };
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;
	struct err e = { 0 };

	if (c->output == OUTPUT_JSON) {
		json_writer_init(&w, &out, false);
		write_json(r, &w);
		if (json_writer_finish(&w, &e) < 0)
			return cli_fail(EXIT_INCOMPLETE, "%s", e.text);
		buf_addc(&out, '\n');
	} else {
		write_text(r, &out);
	}
	if (fd_write_all(STDOUT_FILENO, buf_cstr(&out), out.len, &e) < 0)
		return cli_fail(EXIT_INCOMPLETE, "standard output: %s", e.text);
	return codes[check_report_verdict(r)];
}

/* Names from the command line become part of a probe: the allowlist's own check decides. */
static int take_name(const char *flag, const char *given, char **ret, struct err *e)
{
	const char *wrong;

	if (!given)
		return 0;
	*ret = xstrdup(given);
	wrong = str_starts(given, "*") ? "expected a name without *" : check_host_pattern(ret);
	return wrong ? err_set(e, ERR_INPUT, "--%s %s: %s", flag, given, wrong) : 0;
}

static int test_firewall(struct network_command *c, const struct firewall_names *names)
{
	CLEANUP(check_report_release) struct check_report r = { 0 };
	struct err e = { 0 };

	if (network_command_engine(c, &e) < 0)
		return err_is(&e, ERR_INPUT) || err_is(&e, ERR_CONFLICT)
			       ? network_command_fail(&e)
			       : cli_fail(EXIT_INCOMPLETE, "%s", e.text);
	if (firewall_check(c->loop, c->engine, &c->plan, names, &r, &e) < 0)
		return cli_fail(EXIT_INCOMPLETE, "nothing could be proved: %s", e.text);
	return report(c, &r);
}

int verb_network_check(int argc, char **argv)
{
	CLEANUP(network_command_release) struct network_command c;
	CLEAN_STR char *allowed = NULL, *refused = NULL;
	const char *allowed_flag = NULL, *refused_flag = NULL;
	const struct cli_flag own[] = {
		{ .name = "allowed",
			.target = &allowed_flag,
			.meta = "NAME",
			.help = "allowed name to try (default: the first exact one)" },
		{ .name = "refused",
			.target = &refused_flag,
			.meta = "NAME",
			.help = "name that must not resolve (default example.com)" },
	};
	struct err e = { 0 };
	int code;

	if (network_command_open(
		    &c, argc, argv, own, ARRAY_LEN(own), verb_network_check_help, &code) < 0)
		return code;
	if (take_name("allowed", allowed_flag, &allowed, &e) < 0 ||
		take_name("refused", refused_flag, &refused, &e) < 0)
		return network_command_fail(&e);
	return test_firewall(&c, &(struct firewall_names){ allowed, refused });
}
