/*
 * The hygiene verbs. Each opens its arguments, collects, asks hygiene/host for a verdict and prints
 * it in one of two forms; nothing is decided here.
 */
#include "runner/verbs/hygiene.h"

#include "runner/verbs/hygiene_args.h"
#include "runner/verbs/hygiene_text.h"

enum { OUT_MAX = 16 << 20 };

static const char report_help[] =
	"Inspects this host and changes nothing: free disk, reclaimable engine storage, images "
	"and\n"
	"volumes, BuildKit's leftovers, warm builders, the size of the workspaces; [hygiene] sets\n"
	"the thresholds. --output json prints mode, observation, policy, report; such a file can "
	"be\n"
	"evaluated again anywhere with --observation FILE (- is standard input).\n"
	"Exit codes: 0 inspected, with or without findings, 1 findings and --fail-on-attention,\n"
	"2 usage, 5 evidence is missing, no report is made.";
static const char plan_help[] =
	"Decides whether an action may run now, lists every reason against it, and changes\n"
	"nothing. An action needs --host (this one by default), --audit-key, --mutate and a\n"
	"--retain for each of hygiene.warm_builders.\n"
	"Exit codes: 0 ready, 1 blocked, 2 usage, 5 evidence is missing.";
static const char apply_help[] =
	"Runs an action that plan calls ready. It writes durable records before and after and\n"
	"reports them to the coordinator. Without --mutate it records the plan and stops. It "
	"first\n"
	"waits until two checks in a row find the host idle.\n"
	"The same --audit-key never acts twice. --resolve closes records of runs that died, as\n"
	"failed, with fresh evidence, and repeats nothing.\n"
	"Exit codes: 0 done, or a dry run without blockers, 1 failed or (dry) blocked, 2 usage,\n"
	"3 refused, 5 evidence is missing or the coordinator was not notified.";
static const char history_help[] =
	"Records of this host's hygiene, the newest first. The coordinator's are listed by\n"
	"`shithubd admin hygiene history`.\n"
	"Exit codes: 0 listed, 2 usage, 3 not readable by this user, 5 a record is damaged.";

/* ---- report ---- */

static int print_report(
	const struct hygiene_args *a, const struct host_report *r, const struct host_calls *calls)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w;
	int code = a->fail_on_attention && !host_report_healthy(r) ? EXIT_FINDINGS : EXIT_OK;

	if (a->output == OUTPUT_TEXT) {
		hygiene_text_report(r, &out);
		return hygiene_print_text(&out, code);
	}
	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_kv_str(&w, "mode", "report-only");
	json_key(&w, "observation");
	host_observation_write(r->observation, &w);
	json_key(&w, "policy");
	hygiene_policy_write(&a->policy, &w);
	json_key(&w, "report");
	host_report_write(r, &w);
	json_key(&w, "calls");
	host_calls_write(calls, &w);
	json_end_object(&w);
	return hygiene_print(&w, &out, code);
}

static int report_host(struct hygiene_args *a)
{
	CLEANUP(host_observation_release) struct host_observation o = { 0 };
	CLEANUP(host_calls_release) struct host_calls calls = { 0 };
	CLEANUP(host_report_release) struct host_report r = { 0 };
	struct err e = { 0 };

	if (hygiene_args_observe(a, &o, &calls, &e) < 0)
		return hygiene_fail(&e);
	host_report_make(&r, &o, &a->policy);
	return print_report(a, &r, &calls);
}

static int verb_report(int argc, char **argv)
{
	CLEANUP(hygiene_args_release) struct hygiene_args a = HYGIENE_ARGS_INIT;
	int code;

	if (hygiene_args_open(&a, argc, argv, HYGIENE_FLAG_OBSERVATION | HYGIENE_FLAG_ATTENTION,
		    report_help, &code) < 0)
		return code;
	return report_host(&a);
}

/* ---- plan ---- */

static int print_plan(
	const struct hygiene_args *a, const struct hygiene_plan *p, const struct host_report *r)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w;
	int code = hygiene_plan_ready(p) ? EXIT_OK : EXIT_FINDINGS;

	if (a->output == OUTPUT_TEXT) {
		hygiene_text_plan(p, &out);
		return hygiene_print_text(&out, code);
	}
	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_key(&w, "request");
	hygiene_request_write(&a->request, &w);
	json_key(&w, "plan");
	hygiene_plan_write(p, &w);
	json_key(&w, "report");
	host_report_write(r, &w);
	json_end_object(&w);
	return hygiene_print(&w, &out, code);
}

static int plan_action(struct hygiene_args *a)
{
	CLEANUP(host_observation_release) struct host_observation o = { 0 };
	CLEANUP(host_calls_release) struct host_calls calls = { 0 };
	CLEANUP(host_report_release) struct host_report r = { 0 };
	CLEANUP(hygiene_plan_release) struct hygiene_plan p = { 0 };
	struct err e = { 0 };

	if (hygiene_args_observe(a, &o, &calls, &e) < 0)
		return hygiene_fail(&e);
	host_report_make(&r, &o, &a->policy);
	hygiene_plan_make(&p, &a->request, &a->policy, &r, NULL);
	return print_plan(a, &p, &r);
}

static int verb_plan(int argc, char **argv)
{
	CLEANUP(hygiene_args_release) struct hygiene_args a = HYGIENE_ARGS_INIT;
	int code;

	if (hygiene_args_open(&a, argc, argv, HYGIENE_FLAG_OBSERVATION | HYGIENE_FLAG_REQUEST,
		    plan_help, &code) < 0)
		return code;
	return plan_action(&a);
}

/* ---- apply ---- */

static int print_outcome(const struct hygiene_args *a, const struct host_outcome *o)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct json_writer w;

	if (a->output == OUTPUT_TEXT) {
		hygiene_text_outcome(o, &out);
		return hygiene_print_text(&out, o->code);
	}
	json_writer_init(&w, &out, true);
	hygiene_json_outcome(o, &w);
	return hygiene_print(&w, &out, o->code);
}

static int resolve_records(struct hygiene_args *a, const struct host_apply *h)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	struct outbox_count outbox = { 0 };
	struct err e = { 0 };
	struct json_writer w;
	size_t n = 0, moved = 0;

	if (a->move_damaged &&
		audit_move_damaged(&h->audit, a->config.runner.state_dir, &moved, &e) < 0)
		return hygiene_fail(&e);
	if (host_resolve(h, a->request.key, &n, &outbox, &e) < 0)
		return hygiene_fail(&e);
	int code = audit_owes(&h->target, &outbox) ? EXIT_INCOMPLETE : EXIT_OK;
	if (a->output == OUTPUT_TEXT) {
		if (a->move_damaged)
			buf_addf(&out, "moved to hygiene/damaged: %zu\n", moved);
		buf_addf(&out, "closed as failed: %zu\n", n);
		return hygiene_print_text(&out, code);
	}
	json_writer_init(&w, &out, true);
	json_begin_object(&w);
	json_kv_int(&w, "resolved", (int64_t)n);
	json_kv_int(&w, "moved_damaged", (int64_t)moved);
	json_key(&w, "delivery");
	hygiene_json_outbox(&outbox, &w);
	json_end_object(&w);
	return hygiene_print(&w, &out, code);
}

static int apply_action(struct hygiene_args *a)
{
	CLEANUP(host_outcome_release) struct host_outcome o = { 0 };
	CLEANUP(hygiene_apply_release) struct host_apply h = { 0 };
	struct err e = { 0 };

	if (hygiene_apply_open(a, &h, &e) < 0)
		return hygiene_fail(&e);
	if (a->resolve)
		return resolve_records(a, &h);
	if (host_apply(&h, &a->request, &o, &e) < 0)
		return hygiene_fail(&e);
	return print_outcome(a, &o);
}

static int verb_apply(int argc, char **argv)
{
	CLEANUP(hygiene_args_release) struct hygiene_args a = HYGIENE_ARGS_INIT;
	int code;

	if (hygiene_args_open(&a, argc, argv, HYGIENE_FLAG_REQUEST | HYGIENE_FLAG_RESOLVE,
		    apply_help, &code) < 0)
		return code;
	return apply_action(&a);
}

/* ---- history ---- */

static int list_history(const struct hygiene_args *a)
{
	CLEAN_BUF struct buf out = BUF_INIT(OUT_MAX);
	CLEANUP(audit_list_release) struct audit_list l = { 0 };
	CLEANUP(audit_release) struct audit audit = { 0 };
	struct err e = { 0 };
	struct json_writer w;

	audit_open_existing(&audit, a->config.runner.state_dir);
	if (host_user_check(&a->config, &e) < 0 || audit_each(&audit, &l, &e) < 0)
		return hygiene_fail(&e);
	if (a->output == OUTPUT_TEXT) {
		hygiene_text_history(&l, (size_t)a->limit, terminal_style(STDOUT_FILENO, a->color));
		return EXIT_OK;
	}
	json_writer_init(&w, &out, true);
	json_begin_array(&w);
	for (size_t i = 0; i < l.n && i < (size_t)a->limit; i++)
		audit_record_write(&l.v[i], true, &w);
	json_end_array(&w);
	return hygiene_print(&w, &out, EXIT_OK);
}

static int verb_history(int argc, char **argv)
{
	CLEANUP(hygiene_args_release) struct hygiene_args a = HYGIENE_ARGS_INIT;
	int code;

	if (hygiene_args_open(&a, argc, argv, HYGIENE_FLAG_LIMIT, history_help, &code) < 0)
		return code;
	return list_history(&a);
}

const struct cli_verb hygiene_verbs[] = {
	{ .name = "report",
		.summary = "inspect the host's disk, engine and workspaces",
		.usage = "[--observation FILE] [--policy FILE] [--fail-on-attention]",
		.run = verb_report },
	{ .name = "plan",
		.summary = "decide whether an action may run, and why not",
		.usage = "--action NAME [--volume NAME] [--retain NAME]… [--audit-key KEY] "
			 "[--mutate]",
		.run = verb_plan },
	{ .name = "apply",
		.summary = "run an action, with records before and after",
		.usage = "--action NAME --audit-key KEY [--retain NAME]… [--mutate] | --resolve",
		.run = verb_apply },
	{ .name = "history",
		.summary = "list the actions taken on this host",
		.usage = "[--limit N]",
		.run = verb_history },
	{ .name = "schedule",
		.summary = "run all configured actions (for the timer)",
		.run = verb_hygiene_schedule },
	{ 0 },
};
