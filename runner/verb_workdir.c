/* See verb_workdir.h. */
#include "runner/verb_workdir.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"
#include "hygiene/workdir_report.h"
#include "runner/verb_triage.h"
#include "runner/workdir_args.h"

enum { REPORT_MAX = 256 << 20 };

static const char audit_help[] =
	"Looks at every workspace and changes nothing: owners, what its owner could not delete "
	"and\n"
	"why, size, age, use. Status: clean, stale, contaminated (curable: a chmod by the owner "
	"is\n"
	"enough; blocking: it is not), unknown (not all of it could be looked at), busy.\n"
	"Looks at our own workspaces (workspace_root, leases in state_dir), or with --instance at\n"
	"the classic <instance>/_work/<repo>.\n"
	"Exit codes: 0 nothing found, 1 stale or contaminated, 2 usage, 3 a root is a link,\n"
	"5 not everything could be looked at.";

static const char reconcile_help[] =
	"Looks at every workspace of every host and says what to do; with --apply it removes at\n"
	"most one workspace a host: contaminated, curable by its owner, idle, not put right\n"
	"within --recurrence. Two contaminated ones, ownership drift or a recurrence touch "
	"nothing\n"
	"and escalate: replace the runner or its host. A held lease or a process in a workspace\n"
	"beats every flag. Each change is recorded in <state_dir>/hygiene/remediations.jsonl.\n"
	"Exit codes: 0 nothing to do or done, 1 a plan, 2 usage, 3 refused (not drained),\n"
	"4 escalate, 5 not everything could be looked at or recorded.";

static const char remediate_help[] =
	"HOST REPO as audit prints them (localhost is this machine). Without --apply only shows "
	"what would happen.\n"
	"unlock gives the owner of the workspaces back access to his own files and folders;\n"
	"remove (default) deletes this one workspace. Both act with that owner's rights, also\n"
	"when called by root; neither changes an owner or follows a link.\n"
	"A held lease or a process in it beats every flag; where nothing proves that it is idle,\n"
	"--confirm-drained is needed.\n"
	"Exit codes: 0 done or preview, 1 entries resisted, 2 usage, 3 refused, 4 ownership\n"
	"drift is left: replace the runner, 5 could not be looked at or recorded.";

/* The graver one: what a person must do first. */
static enum exit_code graver(enum exit_code a, enum exit_code b)
{
	static const int weight[] = {
		[EXIT_OK] = 0,
		[EXIT_FINDINGS] = 1,
		[EXIT_USAGE] = 5,
		[EXIT_REFUSED] = 2,
		[EXIT_ESCALATE] = 4,
		[EXIT_INCOMPLETE] = 3,
	};

	return weight[a] >= weight[b] ? a : b;
}

static enum exit_code code_of(const struct reconcile *r)
{
	if (r->count[WORKDIR_NOT_KNOWN])
		return EXIT_INCOMPLETE;
	return r->count[WORKDIR_CONTAMINATED] || r->count[WORKDIR_STALE] ? EXIT_FINDINGS : EXIT_OK;
}

/* One for each host; told on stderr and -1 when one cannot be listed. */
static int audit_all(const struct workdir_args *a, struct reconcile *r, size_t *ret_n)
{
	struct err e = { 0 };

	for (*ret_n = 0; *ret_n < a->n; (*ret_n)++)
		if (host_audit(&r[*ret_n], &a->hosts[*ret_n], &a->audit, &e) < 0) {
			*ret_n += 1;
			cli_fail(0, "%s", e.text);
			return -1;
		}
	return 0;
}

static enum exit_code print_audit(
	const struct workdir_args *a, const struct reconcile *r, enum exit_code code)
{
	CLEAN_BUF struct buf out = BUF_INIT(REPORT_MAX);
	struct err e = { 0 };

	if (!a->json)
		report_audit_text(&out, r, a->n);
	else if (report_audit_json(&out, r, a->n, a->audit.now, &e) < 0 || buf_addc(&out, '\n') < 0)
		return (enum exit_code)cli_fail(EXIT_FINDINGS, "%s", e.text);
	return workdir_print(&out, code);
}

static enum exit_code audit(const struct workdir_args *a)
{
	struct reconcile *r = xcalloc(a->n + 1, sizeof(*r));
	enum exit_code code = EXIT_OK;
	size_t n;

	if (audit_all(a, r, &n) < 0) {
		code = EXIT_INCOMPLETE;
	} else {
		for (size_t i = 0; i < n; i++)
			code = graver(code, code_of(&r[i]));
		code = print_audit(a, r, code);
	}
	for (size_t i = 0; i < n; i++)
		reconcile_release(&r[i]);
	free(r);
	return code;
}

static int verb_audit(int argc, char **argv)
{
	CLEANUP(workdir_args_release) struct workdir_args a = WORKDIR_ARGS_INIT;
	char **rest;
	int n, rc = workdir_args_parse(&a, argc, argv, NULL, 0, audit_help, 0, &rest, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	return workdir_args_open(&a) < 0 ? a.code : audit(&a);
}

static enum exit_code print_reconcile(
	const struct workdir_args *a, const struct reconcile *r, bool applied, enum exit_code code)
{
	CLEAN_BUF struct buf out = BUF_INIT(REPORT_MAX);
	struct err e = { 0 };

	if (!a->json)
		report_reconcile_text(&out, r, a->n);
	else if (report_reconcile_json(&out, r, a->n, applied, code, a->audit.now, &e) < 0 ||
		 buf_addc(&out, '\n') < 0)
		return (enum exit_code)cli_fail(EXIT_FINDINGS, "%s", e.text);
	return workdir_print(&out, code);
}

static enum exit_code reconcile_hosts(
	const struct workdir_args *a, const struct reconcile_spec *spec)
{
	struct reconcile *r = xcalloc(a->n + 1, sizeof(*r));
	enum exit_code code = EXIT_OK;
	size_t n;

	if (audit_all(a, r, &n) < 0) {
		code = EXIT_INCOMPLETE;
	} else {
		for (size_t i = 0; i < n; i++) {
			host_reconcile(&r[i], spec);
			code = graver(code, r[i].code);
		}
		code = print_reconcile(a, r, spec->apply, code);
	}
	for (size_t i = 0; i < n; i++)
		reconcile_release(&r[i]);
	free(r);
	return code;
}

static int verb_reconcile(int argc, char **argv)
{
	CLEANUP(workdir_args_release) struct workdir_args a = WORKDIR_ARGS_INIT;
	struct reconcile_spec spec = { .audit = &a.audit };
	const char *recurrence = "7d";
	const struct cli_flag own[] = {
		{ "apply", CLI_BOOL, &spec.apply, NULL, "remove the candidates" },
		{ "confirm-drained", CLI_BOOL, &spec.confirm_drained, NULL,
			"you have drained these runners" },
		{ "recurrence", CLI_STRING, &recurrence, "TIME",
			"contaminated again within this time escalates (default 7d)" },
	};
	struct err e = { 0 };
	char **rest;
	int n, rc = workdir_args_parse(
		       &a, argc, argv, own, ARRAY_LEN(own), reconcile_help, 0, &rest, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (duration_parse(recurrence, &spec.recurrence_us, &e) < 0)
		return cli_fail(EXIT_USAGE, "--recurrence: %s", e.text);
	if (spec.apply && !spec.confirm_drained)
		return cli_fail(EXIT_REFUSED, "reconcile --apply: refused without "
					      "--confirm-drained; drain the runners first");
	if (workdir_args_open(&a) < 0)
		return a.code;
	spec.state_dir = a.runner.runner.state_dir;
	return reconcile_hosts(&a, &spec);
}

static enum exit_code print_remediation(const struct workdir_args *a, const struct remediation *r)
{
	CLEAN_BUF struct buf out = BUF_INIT(REPORT_MAX);
	struct err e = { 0 };

	if (!a->json)
		report_remediation_text(&out, r);
	else if (report_remediation_json(&out, r, a->audit.now, &e) < 0 || buf_addc(&out, '\n') < 0)
		return (enum exit_code)cli_fail(EXIT_FINDINGS, "%s", e.text);
	return workdir_print(&out, r->code);
}

static const struct workdir_host *find_host(const struct workdir_args *a, const char *name)
{
	if (!workdir_args_actions(a) && str_eq(name, "localhost"))
		return &a->hosts[0];
	for (size_t i = 0; i < a->n; i++)
		if (str_eq(a->hosts[i].name, name))
			return &a->hosts[i];
	return NULL;
}

static enum exit_code remediate_named(const struct workdir_args *a,
	const struct remediate_spec *spec, const char *host_name, const char *repo)
{
	const struct workdir_host *host = find_host(a, host_name);
	CLEANUP(workdirs_release) struct workdirs dirs = { 0 };
	const struct workdir *dir;
	struct remediation r;
	struct err e = { 0 };
	enum exit_code code;

	if (!host)
		return (enum exit_code)cli_fail(EXIT_USAGE,
			"no host \"%s\" here; audit prints the names of hosts", host_name);
	if (workdirs_list(host, &dirs, &e) < 0)
		return (enum exit_code)cli_fail(EXIT_INCOMPLETE, "%s", e.text);
	dir = workdirs_find(&dirs, repo);
	if (!dir) {
		CLEAN_STR char *safe = text_escaped(repo);
		return (enum exit_code)cli_fail(EXIT_USAGE,
			"no workspace \"%s\" in %s; audit prints their names", safe, host->root);
	}
	remediate(&r, dir, spec);
	code = print_remediation(a, &r);
	remediation_release(&r);
	return code;
}

static int parse_mode(const char *text, enum workdir_mode *ret)
{
	if (!str_eq(text, "unlock") && !str_eq(text, "remove"))
		return cli_fail(-1, "--mode %s: expected unlock or remove", text);
	*ret = str_eq(text, "unlock") ? WORKDIR_UNLOCK : WORKDIR_REMOVE;
	return 0;
}

static int verb_remediate(int argc, char **argv)
{
	CLEANUP(workdir_args_release) struct workdir_args a = WORKDIR_ARGS_INIT;
	struct remediate_spec spec = { .audit = &a.audit };
	const char *mode = "remove", *problem;
	const struct cli_flag own[] = {
		{ "mode", CLI_STRING, &mode, "MODE", "unlock or remove (default)" },
		{ "apply", CLI_BOOL, &spec.apply, NULL, "do it" },
		{ "confirm-drained", CLI_BOOL, &spec.confirm_drained, NULL,
			"you have drained this runner" },
	};
	char **rest;
	int n, rc = workdir_args_parse(
		       &a, argc, argv, own, ARRAY_LEN(own), remediate_help, 2, &rest, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (n != 2)
		return cli_fail(EXIT_USAGE, "remediate: expected HOST and REPO");
	problem = workdir_name_problem(rest[1]);
	if (problem) {
		CLEAN_STR char *safe = text_escaped(rest[1]);
		return cli_fail(EXIT_USAGE,
			"remediate: \"%s\" %s, expected the name of one workspace", safe, problem);
	}
	if (parse_mode(mode, &spec.mode) < 0)
		return EXIT_USAGE;
	if (workdir_args_open(&a) < 0)
		return a.code;
	spec.state_dir = a.runner.runner.state_dir;
	return remediate_named(&a, &spec, rest[0], rest[1]);
}

const struct cli_verb workdir_verbs[] = {
	{ .name = "audit",
		.summary = "look at every workspace, change nothing",
		.usage = "[--instance DIR]… [--output text|json]",
		.run = verb_audit },
	{ .name = "reconcile",
		.summary = "plan for every host, or with --apply the one safe removal",
		.usage = "[--apply --confirm-drained] [--recurrence TIME]",
		.run = verb_reconcile },
	{ .name = "remediate",
		.summary = "unlock or remove one workspace",
		.usage = "HOST REPO [--mode unlock|remove] [--apply] [--confirm-drained]",
		.run = verb_remediate },
	{ .name = "triage",
		.summary = "whose failure is a failed job?",
		.usage = "RUN|URL|LOGFILE|- [--token-file FILE] [--repo OWNER/NAME]",
		.run = verb_workdir_triage },
	{ 0 },
};
