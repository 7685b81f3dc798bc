/*
 * Runs that wait (why?) and runs that are over (once more, or the part of them that failed). Both
 * verbs name a run by its id or one job by --job.
 */
#include "coordinator/admin/run_again.h"

#include <inttypes.h>
#include <stdio.h>

#include "coordinator/admin/admin.h"
#include "coordinator/admin/run_show.h"
#include "coordinator/app/metrics.h"
#include "coordinator/store/job.h"
#include "coordinator/trigger/rerun.h"
#include "coordinator/view/explain.h"

struct target {
	int64_t run, job; /* 0: not given */
	bool failed;
};
#define TARGET_FLAGS(t)                                                                       \
	{ "id", CLI_INT, &(t).run, "ID", "the run", .min = 1, .max = INT64_MAX,               \
		.positional = true },                                                         \
	{                                                                                     \
		"job", CLI_INT, &(t).job, "ID", "one job instead", .min = 1, .max = INT64_MAX \
	}

static int target_check(struct admin *a UNUSED, void *options, struct err *e)
{
	const struct target *t = options;

	if (!t->run == !t->job)
		return err_set(e, ERR_INPUT, "expected the ID of a run or --job ID, and not both");
	if (t->job && t->failed)
		return err_set(e, ERR_INPUT, "--failed is for a run, not for one job (--job)");
	return 0;
}

/* ---- explain ---- */

static int explain(struct admin *a, void *options, struct err *e)
{
	const struct target *t = options;
	CLEANUP(job_waits_release) struct job_waits l = { 0 };

	if (job_waits_load(a->store, t->run, t->job, &l, e) < 0)
		return -1;
	if (a->json) {
		job_waits_write(&a->w, &l);
		return 0;
	}
	for (size_t i = 0; i < l.n; i++) {
		printf("job %" PRId64 " ", l.v[i].job_id);
		print_clean(l.v[i].name, strlen(l.v[i].name));
		printf("\n");
		for (size_t k = 0; k < l.v[i].reasons.n; k++)
			print_note("-", l.v[i].reasons.v[k].text);
	}
	if (!l.n)
		printf("no job waits\n");
	return 0;
}

int admin_run_explain(int argc, char **argv)
{
	struct target t = { 0 };
	const struct cli_flag flags[] = { TARGET_FLAGS(t) };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &t,
			.check = target_check,
			.work = explain });
}

/* ---- rerun ---- */

static int spec_of(struct admin *a, const struct target *t, struct rerun_spec *ret, struct err *e)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };

	*ret = (struct rerun_spec){ .run_id = t->run,
		.what = t->failed ? RERUN_FAILED : RERUN_ALL };
	if (!t->job)
		return 0;
	if (store_job_get(a->store, t->job, &job, e) < 0)
		return -1;
	*ret = (struct rerun_spec){ .run_id = job.run_id, .what = RERUN_JOB, .job_id = t->job };
	return 0;
}

static int start_again(
	struct admin *a, const struct rerun_spec *spec, struct run_created *ret, struct err *e)
{
	CLEAN_STR char *url = admin_public_url(a);
	const struct trigger t = trigger_at(a->store, a->data_dir, url);

	repo_library_init();
	int rc = trigger_rerun(&t, spec, ret, e);
	repo_library_shutdown();
	return rc;
}

static int rerun(struct admin *a, void *options, struct err *e)
{
	struct rerun_spec spec;
	struct run_created made;
	const struct admin_caller *caller = admin_caller();

	if (spec_of(a, options, &spec, e) < 0)
		return -1;
	spec.actor = caller ? caller->login : NULL;
	if (start_again(a, &spec, &made, e) < 0)
		return -1;
	admin_wake(a);
	if (metric_count_now(a->store, METRIC_RUNS, e) < 0)
		return -1;
	if (!a->json) {
		printf("run %" PRId64 " (number %" PRId64 " of the repository) repeats run %" PRId64
		       "\n",
			made.run_id, made.run_index, spec.run_id);
		return 0;
	}
	json_begin_object(&a->w);
	json_kv_int(&a->w, "run_id", made.run_id);
	json_kv_int(&a->w, "run_index", made.run_index);
	json_kv_int(&a->w, "parent_run_id", spec.run_id);
	json_end_object(&a->w);
	return 0;
}

int admin_run_rerun(int argc, char **argv)
{
	struct target t = { 0 };
	const struct cli_flag flags[] = { TARGET_FLAGS(t),
		{ "failed", CLI_BOOL, &t.failed, NULL,
			"only the jobs that failed, and those that need them" } };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &t,
			.check = target_check,
			.work = rerun });
}
