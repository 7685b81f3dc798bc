/*
 * Text: one line a part, `part  name  what happened`. JSON, stable:
 *   {"firewall":{"table","state"},"network":{"name","bridge","subnet","state"},
 *    "resolver":{"address","upstream":[…],"state","command":[…]}}
 * state: kept, changed, absent, foreign (another program's, left as it is). The command is what
 * runs the resolver in the foreground, for a service.
 */
#include "runner/verbs/network.h"

#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/dialect.h"
#include "network/bridge.h"
#include "network/nft.h"
#include "network/resolver.h"
#include "network/egress.h"
#include "runner/verbs/network_command.h"

#define RESOLV_CONF "/etc/resolv.conf"

const char verb_network_up_help[] =
	"Sets up the egress firewall of engine.network from runner.network_allowlist: the bridge, "
	"the\n"
	"firewall table and the resolver. Parts that are already in place are kept, so it is safe "
	"to\n"
	"run again.\n"
	"--dry-run prints the engine's call, the firewall script and the resolver's file.\n"
	"Exit codes: 0 in place, 1 a step failed, 2 bad configuration, 3 not root, or the "
	"existing\n"
	"network cannot be guarded.";
const char verb_network_down_help[] =
	"Removes the egress firewall: the resolver, the network if `network up` made it, and the\n"
	"firewall table.\n"
	"Exit codes: 0 removed, 1 a step failed, 2 bad configuration, 3 not root, or containers "
	"still\n"
	"use the network.";

static const char *change_name(enum egress_change c)
{
	static const char *const names[] = { "kept", "changed", "absent", "foreign" };

	return names[c];
}

/* ---- report ---- */

static int print(const struct buf *out)
{
	struct err e = { 0 };

	if (fd_write_all(STDOUT_FILENO, buf_cstr(out), out->len, &e) < 0)
		return cli_fail(EXIT_FINDINGS, "standard output: %s", e.text);
	return EXIT_OK;
}

static void write_json(
	const struct network_command *c, const struct egress_report *r, struct json_writer *w)
{
	CLEANUP(strv_release) struct strv argv = { 0 };

	resolver_argv(&c->plan, true, &argv);
	json_begin_object(w);
	json_key(w, "firewall");
	json_begin_object(w);
	json_kv_str(w, "table", c->plan.table);
	json_kv_str(w, "state", change_name(r->firewall));
	json_end_object(w);
	json_key(w, "network");
	json_begin_object(w);
	json_kv_str(w, "name", c->plan.network);
	json_kv_str(w, "bridge", c->plan.bridge);
	json_kv_str(w, "subnet", c->plan.subnet);
	json_kv_str(w, "state", change_name(r->network));
	json_end_object(w);
	json_key(w, "resolver");
	json_begin_object(w);
	json_kv_str(w, "address", c->plan.gateway);
	json_kv_strv(w, "upstream", &c->plan.upstream);
	json_kv_str(w, "state", change_name(r->resolver));
	json_kv_strv(w, "command", &argv);
	json_end_object(w);
	json_end_object(w);
}

static int report(const struct network_command *c, const struct egress_report *r)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct json_writer w;
	struct err e = { 0 };

	if (c->output == OUTPUT_JSON) {
		json_writer_init(&w, &out, false);
		write_json(c, r, &w);
		if (json_writer_finish(&w, &e) < 0)
			return cli_fail(EXIT_FINDINGS, "%s", e.text);
		buf_addc(&out, '\n');
		return print(&out);
	}
	buf_addf(&out, "firewall  table inet %-20s %s\n", c->plan.table, change_name(r->firewall));
	buf_addf(&out, "network   %-31s %s\n", c->plan.network, change_name(r->network));
	buf_addf(&out, "resolver  %-31s %s\n", c->plan.gateway, change_name(r->resolver));
	return print(&out);
}

/* ---- up ---- */

/* The command as one line for a shell or a unit: no part of it holds a quote or a blank but a
 * path may; those are for people here. */
static void add_command(const struct network_plan *p, struct buf *out)
{
	CLEANUP(strv_release) struct strv argv = { 0 };

	resolver_argv(p, true, &argv);
	for (size_t i = 0; i < argv.n; i++)
		buf_addf(out, "%s%s", i ? " " : "", argv.v[i]);
}

static int dry_run_text(struct network_command *c, struct buf *out, struct err *e)
{
	bool podman = c->config.engine.kind == ENGINE_PODMAN;
	const struct dialect *d = dialect_of(podman ? ENGINE_PODMAN : ENGINE_DOCKER, false);

	/* an engine that does not run is no reason to show nothing */
	if (network_command_engine(c, e) == 0)
		d = engine_dialect(c->engine);
	else if (err_is(e, ERR_CONFLICT))
		return -1;
	err_clear(e);
	buf_adds(out, "# engine\n");
	if (bridge_call_text(d, &c->plan, out, e) < 0)
		return -1;
	buf_adds(out, "\n\n# nft -f -\n");
	nft_script(&c->plan, out);
	buf_addf(out, "\n# %s/dnsmasq.conf\n", c->plan.dir);
	resolver_conf(&c->plan, resolver_user(), out);
	buf_adds(out, "\n# resolver\n");
	add_command(&c->plan, out);
	buf_addc(out, '\n');
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, "output of more than 4 MiB");
}

static int dry_run(struct network_command *c)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(4));
	struct err e = { 0 };

	return dry_run_text(c, &out, &e) < 0 ? network_command_fail(&e) : print(&out);
}

static int need_root(struct err *e)
{
	return geteuid() == 0
		       ? 0
		       : err_set(e, ERR_AUTH,
				 "firewall and resolver need root, expected to be run by root");
}

static int up(struct network_command *c, bool with_resolver)
{
	struct egress_report r;
	struct err e = { 0 };

	if (need_root(&e) < 0 || network_command_engine(c, &e) < 0 ||
		egress_up(&c->plan, c->loop, c->engine, with_resolver, &r, &e) < 0)
		return network_command_fail(&e);
	return report(c, &r);
}

int verb_network_up(int argc, char **argv)
{
	CLEANUP(network_command_release) struct network_command c;
	bool dry = false, no_resolver = false;
	const struct cli_flag own[] = {
		{ .name = "dry-run",
			.kind = CLI_BOOL,
			.target = &dry,
			.help = "print what would be made, change nothing" },
		{ .name = "no-resolver",
			.kind = CLI_BOOL,
			.target = &no_resolver,
			.help = "write its configuration, do not start it: a service does" }
	};
	struct err e = { 0 };
	int code;

	if (network_command_open(&c, argc, argv, own, ARRAY_LEN(own), verb_network_up_help, &code) <
		0)
		return code;
	if (network_plan_require_resolver(&c.plan, &e) < 0 ||
		network_plan_upstream(&c.plan, RESOLV_CONF, &e) < 0)
		return network_command_fail(&e);
	return dry ? dry_run(&c) : up(&c, !no_resolver);
}

/* ---- down ---- */

static int down_dry(const struct network_command *c)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));

	buf_addf(&out,
		"stop the resolver of %s/dnsmasq.conf\n"
		"DELETE /networks/%s  (if network up made it)\n"
		"nft delete table inet %s\n",
		c->plan.dir, c->plan.network, c->plan.table);
	return print(&out);
}

int verb_network_down(int argc, char **argv)
{
	CLEANUP(network_command_release) struct network_command c;
	bool dry = false;
	const struct cli_flag own[] = { { .name = "dry-run",
		.kind = CLI_BOOL,
		.target = &dry,
		.help = "print what would be removed, change nothing" } };
	struct egress_report r;
	struct err e = { 0 };
	int code;

	if (network_command_open(
		    &c, argc, argv, own, ARRAY_LEN(own), verb_network_down_help, &code) < 0)
		return code;
	if (dry)
		return down_dry(&c);
	if (need_root(&e) < 0 || network_command_engine(&c, &e) < 0 ||
		egress_down(&c.plan, c.loop, c.engine, &r, &e) < 0)
		return network_command_fail(&e);
	return report(&c, &r);
}
