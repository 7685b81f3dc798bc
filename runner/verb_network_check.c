/*
 * Text: a table WALL WHAT VERDICT DETAIL. JSON, stable:
 *   {"verdict":"stands"|"fails"|"unproved","rows":[{"wall","what","verdict","detail"}…]}
 */
#include <stdio.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "config/runner_check.h"
#include "engine/image.h"
#include "network/check.h"
#include "runner/helper_program.h"
#include "runner/network_command.h"
#include "runner/verb_network.h"
#include "sandbox/step_profile.h"

#define RESOLV_CONF "/etc/resolv.conf"

const char verb_network_check_help[] =
	"Starts two containers as steps get them and proves each wall from inside: the allowed "
	"name\n"
	"resolves and connects; other names, direct addresses, other resolvers, the metadata\n"
	"service, private ranges, the host's ports, a neighbour and IPv6 do not.\n"
	"Exit codes: 0 every wall stands, 1 one does not, 2 bad configuration, 3 refused: there is "
	"no\n"
	"bridge to guard, 5 something could not be proved.";

static enum check_verdict worst(const struct check_report *r)
{
	enum check_verdict found = CHECK_STANDS;

	for (size_t i = 0; i < r->n; i++) {
		if (r->rows[i].verdict == CHECK_FAILS)
			return CHECK_FAILS;
		if (r->rows[i].verdict == CHECK_UNPROVED)
			found = CHECK_UNPROVED;
	}
	return found;
}

static void write_json(const struct check_report *r, struct json_writer *w)
{
	json_begin_object(w);
	json_kv_str(w, "verdict", check_verdict_name(worst(r)));
	json_key(w, "rows");
	json_begin_array(w);
	for (size_t i = 0; i < r->n; i++) {
		json_begin_object(w);
		json_kv_str(w, "wall", r->rows[i].wall);
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
	buf_addf(out, "%-16s %-32s %-9s %s\n", "WALL", "WHAT", "VERDICT", "DETAIL");
	for (size_t i = 0; i < r->n; i++)
		buf_addf(out, "%-16s %-32s %-9s %s\n", r->rows[i].wall, r->rows[i].what,
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

	if (c->json) {
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
	return codes[worst(r)];
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

static int check(
	struct network_command *c, struct check_spec *s, struct check_report *r, struct err *e)
{
	CLEANUP(step_profile_release) struct step_profile profile = { 0 };
	CLEANUP(image_release) struct image image = { 0 };
	CLEAN_STR char *gate = helper_program(c->config.engine.gate_path, "shithub-gate", e);
	CLEAN_STR char *probe = gate ? helper_program(NULL, "shithub-probe", e) : NULL;

	if (!probe || step_profile_load(&c->config, &profile, e) < 0 ||
		engine_image_inspect(c->engine, c->config.engine.default_image, &image, e) < 0)
		return -1;
	s->plan = &c->plan;
	s->probe_path = probe;
	s->box = (struct check_box_spec){ .loop = c->loop,
		.engine = c->engine,
		.config = &c->config,
		.image = image.id,
		.gate_path = gate,
		.seccomp_json = profile.text };
	return check_run(s, r, e);
}

static int run(struct network_command *c, struct check_spec *s)
{
	CLEANUP(check_report_release) struct check_report r = { 0 };
	struct err e = { 0 };

	if (network_plan_upstream(&c->plan, RESOLV_CONF, &e) < 0 ||
		network_command_engine(c, &e) < 0)
		return err_is(&e, ERR_INPUT) || err_is(&e, ERR_CONFLICT)
			       ? network_command_fail(&e)
			       : cli_fail(EXIT_INCOMPLETE, "%s", e.text);
	if (check(c, s, &r, &e) < 0)
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
	struct check_spec s = { .allowed = allowed, .refused = refused };
	return run(&c, &s);
}
