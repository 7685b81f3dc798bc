/*
 * The workdir verbs: which hosts, what to do, one exit code for all of them (the gravest). A host
 * that cannot be read is reported beside the others and never hides them.
 */
#include "runner/verbs/workdir.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"
#include "hygiene/workdir/report.h"
#include "runner/verbs/triage.h"
#include "runner/verbs/workdir_args.h"

enum { REPORT_MAX = 256 << 20 };

static const char audit_help[] =
	"Inspects every workspace and changes nothing: owners, entries that the owner cannot "
	"delete\n"
	"and why, size, age, use. Status: clean, stale, contaminated (curable: a chmod by the "
	"owner\n"
	"is enough; blocking: it is not), unknown (not fully readable), busy. Inspects this "
	"runner's\n"
	"workspaces (workspace_root, leases in state_dir), or with --instance the classic\n"
	"<instance>/_work/<repo>.\n"
	"Exit codes: 0 no findings, 1 stale or contaminated, 2 usage, 3 a root is a link,\n"
	"5 not everything could be inspected.";

static const char reconcile_help[] =
	"Inspects every workspace of every host and prints a plan. With --apply it removes at "
	"most\n"
	"one workspace per host, and only if that workspace is contaminated, curable by its "
	"owner,\n"
	"idle, and was not repaired within --recurrence. Two contaminated workspaces, ownership\n"
	"drift or a recurrence change nothing and escalate: replace the runner or its host.\n"
	"No flag overrides a held lease or a process in the workspace. Each change is recorded in\n"
	"<state_dir>/hygiene/remediations.jsonl.\n"
	"Exit codes: 0 nothing to do or done, 1 a plan, 2 usage, 3 refused (not drained),\n"
	"4 escalate, 5 not everything could be inspected or recorded.";

static const char remediate_help[] =
	"HOST REPO as audit prints them (localhost is this machine). Without --apply it only "
	"shows\n"
	"what would happen.\n"
	"unlock gives the owner access to their own files and folders again; remove (default)\n"
	"deletes this one workspace. Both act with that owner's rights, also when called by root;\n"
	"neither changes an owner or follows a link.\n"
	"No flag overrides a held lease or a process in the workspace; if nothing proves that the\n"
	"workspace is idle, --confirm-drained is required.\n"
	"Exit codes: 0 done or preview, 1 some entries could not be changed, 2 usage, 3 refused,\n"
	"4 ownership drift remains: replace the runner, 5 could not be inspected or recorded.";

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

/* One for each host that can be listed; the others are failures. */
struct audited {
	struct reconcile *v;
	size_t n;
};

static void audited_release(struct audited *d)
{
	for (size_t i = 0; i < d->n; i++)
		reconcile_release(&d->v[i]);
	free(d->v);
}

static void audit_all(struct workdir_args *a, struct audited *ret)
{
	ret->v = xcalloc(a->n + 1, sizeof(*ret->v));
	for (size_t i = 0; i < a->n; i++) {
		struct err e = { 0 };

		if (host_audit(&ret->v[ret->n], &a->hosts[i], &a->audit, &e) == 0) {
			ret->n++;
			continue;
		}
		reconcile_release(&ret->v[ret->n]);
		host_failures_add(&a->failures, a->hosts[i].root, &e);
	}
}

static enum exit_code graver_failure(const struct workdir_args *a, enum exit_code code)
{
	for (size_t i = 0; i < a->failures.n; i++) {
		CLEAN_STR char *safe = text_escaped(a->failures.v[i].error);

		cli_fail(0, "%s", safe);
		code = graver(code, a->failures.v[i].code);
	}
	return code;
}

static struct report_scope scope_of(const struct workdir_args *a, const struct audited *d)
{
	return (struct report_scope){ d->v, d->n, &a->failures, a->audit.now };
}

static enum exit_code audit_hosts(struct workdir_args *a)
{
	CLEANUP(audited_release) struct audited d = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(REPORT_MAX);
	enum exit_code code = EXIT_OK;
	struct report_scope scope;
	struct err e = { 0 };

	audit_all(a, &d);
	for (size_t i = 0; i < d.n; i++)
		code = graver(code, code_of(&d.v[i]));
	code = graver_failure(a, code);
	scope = scope_of(a, &d);
	if (a->output == OUTPUT_TEXT)
		report_audit_text(&out, &scope);
	else if (report_audit_json(&out, &scope, &e) < 0 || buf_addc(&out, '\n') < 0)
		return (enum exit_code)cli_fail(EXIT_FINDINGS, "%s", e.text);
	return workdir_print(&out, code);
}

static int verb_audit(int argc, char **argv)
{
	CLEANUP(workdir_args_release) struct workdir_args a = WORKDIR_ARGS_INIT;
	char **rest;
	int n, rc = workdir_args_parse(&a, argc, argv, NULL, 0, audit_help, 0, &rest, &n);

	if (rc != 0)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	return workdir_args_open(&a) < 0 ? a.code : audit_hosts(&a);
}

static enum exit_code reconcile_hosts(struct workdir_args *a, const struct reconcile_spec *spec)
{
	CLEANUP(audited_release) struct audited d = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(REPORT_MAX);
	enum exit_code code = EXIT_OK;
	struct report_scope scope;
	struct err e = { 0 };

	audit_all(a, &d);
	for (size_t i = 0; i < d.n; i++) {
		host_reconcile(&d.v[i], spec);
		code = graver(code, d.v[i].code);
	}
	code = graver_failure(a, code);
	scope = scope_of(a, &d);
	if (a->output == OUTPUT_TEXT)
		report_reconcile_text(&out, &scope);
	else if (report_reconcile_json(&out, &scope, spec->apply, code, &e) < 0 ||
		 buf_addc(&out, '\n') < 0)
		return (enum exit_code)cli_fail(EXIT_FINDINGS, "%s", e.text);
	return workdir_print(&out, code);
}

static int verb_reconcile(int argc, char **argv)
{
	CLEANUP(workdir_args_release) struct workdir_args a = WORKDIR_ARGS_INIT;
	struct reconcile_spec spec = { .audit = &a.audit };
	const char *recurrence = "7d";
	const struct cli_flag own[] = {
		{ "apply", CLI_BOOL, &spec.apply, NULL, "remove the candidates" },
		{ "confirm-drained", CLI_BOOL, &spec.confirm_drained, NULL,
			"confirm that these runners are drained" },
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

	if (a->output == OUTPUT_TEXT)
		report_remediation_text(&out, r);
	else if (report_remediation_json(&out, r, a->audit.now, &e) < 0 || buf_addc(&out, '\n') < 0)
		return (enum exit_code)cli_fail(EXIT_FINDINGS, "%s", e.text);
	return workdir_print(&out, r->code);
}

static bool is_named(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return str_eq(slash ? slash + 1 : path, name);
}

/* A folder that could not be opened may be the one that was meant. */
static const char *failure_named(const struct workdir_args *a, const char *name)
{
	for (size_t i = 0; i < a->failures.n; i++)
		if (is_named(a->failures.v[i].path, name))
			return a->failures.v[i].path;
	return NULL;
}

/* NULL, reported: there is none, or there are two and nobody can tell which one was meant. */
static const struct workdir_host *find_host(const struct workdir_args *a, const char *name)
{
	const char *failed = failure_named(a, name), *other = failed;
	const struct workdir_host *found = NULL;

	if (!workdir_args_actions(a) && a->n && str_eq(name, "localhost"))
		return &a->hosts[0];
	for (size_t i = 0; i < a->n; i++) {
		if (!str_eq(a->hosts[i].name, name))
			continue;
		other = found ? found->root : other;
		found = &a->hosts[i];
	}
	if (found && other) {
		cli_fail(0,
			"host \"%s\" is not unique: %s and %s; give only the one that you mean "
			"with --instance",
			name, other, found->root);
		return NULL;
	}
	if (!found && a->n)
		cli_fail(0, "no host \"%s\" here; audit prints the names of hosts", name);
	return found;
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
		return !a->n && a->failures.n ? graver_failure(a, EXIT_OK) : EXIT_USAGE;
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

static int verb_remediate(int argc, char **argv)
{
	CLEANUP(workdir_args_release) struct workdir_args a = WORKDIR_ARGS_INIT;
	struct remediate_spec spec = { .audit = &a.audit, .mode = WORKDIR_REMOVE };
	const char *problem;
	const struct cli_flag own[] = {
		{ "mode", CLI_CHOICE, &spec.mode, .help = "what to do (default: remove)",
			.words = workdir_mode_words },
		{ "apply", CLI_BOOL, &spec.apply, NULL, "do it" },
		{ "confirm-drained", CLI_BOOL, &spec.confirm_drained, NULL,
			"confirm that this runner is drained" },
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
	if (workdir_args_open(&a) < 0)
		return a.code;
	spec.state_dir = a.runner.runner.state_dir;
	return remediate_named(&a, &spec, rest[0], rest[1]);
}

const struct cli_verb workdir_verbs[] = {
	{ .name = "audit",
		.summary = "inspect every workspace, change nothing",
		.usage = "[--instance DIR]… [--output table|json]",
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
		.summary = "tell a platform failure from a failure of the repository",
		.usage = "RUN|URL|LOGFILE|- [--token-file FILE] [--repo OWNER/NAME]",
		.run = verb_workdir_triage },
	{ 0 },
};
