/*
 * Workflow runs from the command line. Dispatch does what a push does, in this process and not in
 * serve: the store is the meeting point, and serve is only woken to hand the new jobs out.
 */
#include "coordinator/admin/run.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/limits.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/run_show.h"
#include "coordinator/app/metrics.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/store/retired.h"
#include "coordinator/store/run.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/trigger/trigger.h"
#include "coordinator/view/run.h"

/* ---- dispatch ---- */

struct dispatch_options {
	const char *repo;
	struct trigger_dispatch d;
	struct strv given; /* "NAME=VALUE" */
	struct pairs inputs;
};

static int parse_inputs(struct admin *a UNUSED, void *options, struct err *e)
{
	struct dispatch_options *o = options;

	strv_each (text, &o->given) {
		const char *eq = strchr(text, '=');

		if (!eq || eq == text)
			return err_set(e, ERR_INPUT, "--input %.100s: expected NAME=VALUE", text);
		CLEAN_STR char *name = xstrndup(text, (size_t)(eq - text));
		if (pairs_get(&o->inputs, name))
			return err_set(e, ERR_INPUT, "--input %s: given twice", name);
		pairs_set(&o->inputs, name, eq + 1);
	}
	return 0;
}

/* The problems of a broken file go to stderr, a line each, before the error. */
static int make_run(
	struct admin *a, const struct dispatch_options *o, struct run_created *ret, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row row = { 0 };
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_STR char *url = admin_public_url(a);
	struct trigger t = trigger_at(a->store, a->data_dir, url);

	if (admin_repo_find(a, o->repo, &row, e) < 0)
		return -1;
	repo_library_init();
	int rc = trigger_dispatch(&t, &row, &o->d, &problems, ret, e);
	repo_library_shutdown();
	strv_each (line, &problems)
		fprintf(stderr, "%s\n", line);
	return rc;
}

static int dispatch_run(struct admin *a, void *options, struct err *e)
{
	struct run_created created = { 0 };

	if (make_run(a, options, &created, e) < 0)
		return -1;
	admin_wake(a);
	if (metric_count_now(a->store, METRIC_RUNS, e) < 0)
		return -1;
	if (!a->json) {
		printf("run %" PRId64 " (number %" PRId64 " of the repository)\n", created.run_id,
			created.run_index);
		return 0;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "run_id", created.run_id);
	json_kv_int(&a->w, "run_index", created.run_index);
	json_end_object(&a->w);
	return 0;
}

int admin_run_dispatch(int argc, char **argv)
{
	const struct admin_caller *caller = admin_caller();
	struct dispatch_options o = { .d = { .inputs = &o.inputs,
					      .actor = caller ? caller->login : NULL } };
	const struct cli_flag flags[] = {
		{ "repo", CLI_STRING, &o.repo, "OWNER/NAME", "the repository", .required = true,
			.positional = true },
		{ "workflow", CLI_STRING, &o.d.workflow, "FILE", "such as smoke.yml",
			.required = true, .positional = true },
		{ "ref", CLI_STRING, &o.d.ref, "REF",
			"branch or tag (default: the default branch)" },
		{ "input", CLI_STRV, &o.given, "NAME=VALUE", "an input" },
		{ "actor", CLI_STRING, &o.d.actor, "NAME", "user to record as the actor" },
	};
	int code = admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &o,
			.check = parse_inputs,
			.work = dispatch_run });

	strv_release(&o.given);
	pairs_release(&o.inputs);
	return code;
}

/* ---- verbs on one run: --id ---- */

static int one_run(int argc, char **argv, bool text_only,
	int (*work)(struct admin *a, void *id, struct err *e))
{
	int64_t id = 0;
	const struct cli_flag flags[] = { ADMIN_ID_FLAG(id, "the run") };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &id,
			.text_only = text_only,
			.colored = !text_only,
			.work = work });
}

static int show_run(struct admin *a, void *id, struct err *e)
{
	CLEANUP(run_view_release) struct run_view view = { 0 };

	if (run_view_load(a->store, *(int64_t *)id, &view, e) < 0)
		return -1;
	if (a->json)
		run_view_write(&a->w, &view);
	else
		run_view_print(&view, a->style.color);
	return 0;
}

int admin_run_show(int argc, char **argv)
{
	return one_run(argc, argv, false, show_run);
}

static int pin_run(struct admin *a, void *id, struct err *e)
{
	if (store_run_pin(a->store, *(int64_t *)id, true, e) < 0)
		return -1;
	printf("run %" PRId64 " is pinned: retention keeps it\n", *(int64_t *)id);
	return 0;
}

int admin_run_pin(int argc, char **argv)
{
	return one_run(argc, argv, true, pin_run);
}

static int unpin_run(struct admin *a, void *id, struct err *e)
{
	if (store_run_pin(a->store, *(int64_t *)id, false, e) < 0)
		return -1;
	printf("run %" PRId64 " is unpinned: retention may delete it\n", *(int64_t *)id);
	return 0;
}

int admin_run_unpin(int argc, char **argv)
{
	return one_run(argc, argv, true, unpin_run);
}

static int cancel_run(struct admin *a, void *id, struct err *e)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };
	const struct admin_caller *caller = admin_caller();
	CLEAN_STR char *why = xasprintf("cancelled by %s", caller ? caller->login : "the operator");

	if (store_run_cancel(a->store, *(int64_t *)id, why, wall_now(), e) < 0 ||
		store_run_get(a->store, *(int64_t *)id, &run, e) < 0)
		return -1;
	admin_wake(a);
	printf("run %" PRId64 " is %s\n", run.id,
		status_terminal(run.state.status) ? status_text(run.state.status)
						  : "asked to cancel");
	return 0;
}

int admin_run_cancel(int argc, char **argv)
{
	return one_run(argc, argv, true, cancel_run);
}
