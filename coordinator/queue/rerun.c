/*
 * Rows are copied inside the database. What has to run again is a set over the jobs of the old run:
 * it begins with those that were asked for and grows by whatever needs one of them, until nothing
 * is added. A matrix that was made from the outputs of its needs is folded again when one of these
 * is in the set, as it may come out differently; else its legs count one by one.
 */
#include "coordinator/queue/rerun.h"

#include <inttypes.h>

#include "coordinator/queue/approve.h"
#include "coordinator/queue/job_rows.h"
#include "coordinator/queue/policy.h"
#include "coordinator/store/job.h"
#include "coordinator/store/run.h"

struct selection {
	const struct rerun_spec *spec;
	struct job_list jobs;
	bool *again;
	bool *needs_again; /* one of its needs runs again */
};

static void selection_release(struct selection *x)
{
	free(x->again);
	free(x->needs_again);
	job_list_release(&x->jobs);
}

static bool failed(const struct job_row *j)
{
	switch (j->state.conclusion) {
	case CONCLUSION_SUCCESS:
	case CONCLUSION_SKIPPED:
	case CONCLUSION_NEUTRAL:
		return false;
	default:
		return true;
	}
}

static bool asked_for(const struct selection *x, const struct job_row *j)
{
	switch (x->spec->what) {
	case RERUN_FAILED:
		return failed(j);
	case RERUN_JOB:
		return j->id == x->spec->job_id;
	case RERUN_ALL:
		break;
	}
	return true;
}

static bool needs_one(const struct selection *x, const struct job_row *j)
{
	for (size_t i = 0; i < x->jobs.n; i++)
		if (x->again[i] && strv_contains(&j->needs, x->jobs.v[i].key))
			return true;
	return false;
}

/* True when something was added. */
static bool selection_grow(struct selection *x)
{
	bool grown = false;

	for (size_t i = 0; i < x->jobs.n; i++) {
		if (x->needs_again[i] || !needs_one(x, &x->jobs.v[i]))
			continue;
		x->again[i] = x->needs_again[i] = grown = true;
	}
	return grown;
}

static int selection_make(struct store *s, struct selection *x, struct err *e)
{
	size_t n = 0;

	if (store_job_list(s, x->spec->run_id, &x->jobs, e) < 0)
		return -1;
	x->again = xcalloc(x->jobs.n + 1, sizeof(*x->again));
	x->needs_again = xcalloc(x->jobs.n + 1, sizeof(*x->needs_again));
	for (size_t i = 0; i < x->jobs.n; i++)
		n += x->again[i] = asked_for(x, &x->jobs.v[i]);
	if (!n && x->spec->what == RERUN_JOB)
		return err_set(e, ERR_NOT_FOUND, "run %" PRId64 " has no job %" PRId64,
			x->spec->run_id, x->spec->job_id);
	if (!n && x->spec->what == RERUN_FAILED)
		return err_set(e, ERR_CONFLICT,
			"run %" PRId64 " has no job that failed; run all of it again instead",
			x->spec->run_id);
	while (selection_grow(x))
		;
	return 0;
}

static int jobs_copy(
	struct store *s, const struct selection *x, int64_t to_run, struct wall now, struct err *e)
{
	for (size_t i = 0; i < x->jobs.n; i++) {
		const struct job_row *j = &x->jobs.v[i];
		bool fold = j->unfolded && (x->needs_again[i] || x->spec->what == RERUN_ALL);
		int rc = 0;

		if (!x->again[i])
			rc = job_row_keep(s, j->id, to_run, e);
		else if (!fold || j->leg == 0)
			rc = job_rows_copy(s, j, to_run, fold, now, e);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int may_rerun(const struct run_row *old, struct err *e)
{
	if (!status_terminal(old->state.status))
		return err_set(e, ERR_CONFLICT,
			"run %" PRId64 " is %s; only finished runs can run again", old->id,
			status_text(old->state.status));
	if (old->problems)
		return err_set(e, ERR_CONFLICT,
			"run %" PRId64 " has no jobs that could run again, its problems are those "
			"of its commit: push one without them",
			old->id);
	return 0;
}

int rerun_run_spec(struct store *s, const struct run_row *old, const char *actor,
	struct run_spec *ret, struct err *e)
{
	*ret = (struct run_spec){
		.repo_id = old->repo_id,
		.workflow_file = old->workflow_file,
		.workflow_name = old->workflow_name,
		.run_name = old->run_name,
		.event = old->event,
		.event_payload = old->event_payload,
		.head_sha = old->head_sha,
		.head_ref = old->head_ref,
		.inputs = old->inputs,
		.actor = actor,
		.attempt = old->attempt + 1,
		.first_actor = old->first_actor,
		.parent_run_id = old->id,
		.concurrency = { old->concurrency_group, old->cancel_in_progress },
	};
	return run_trust_again(s, old, ret, e);
}

int store_run_rerun(struct store *s, const struct rerun_spec *spec, struct wall now,
	struct run_created *ret, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(run_row_release) struct run_row old = { 0 };
	CLEANUP(selection_release) struct selection x = { .spec = spec };
	struct run_created at = { 0 };
	struct run_spec run;

	if (store_begin(s, &tx, e) < 0 || store_run_get(s, spec->run_id, &old, e) < 0 ||
		may_rerun(&old, e) < 0 || selection_make(s, &x, e) < 0 ||
		rerun_run_spec(s, &old, spec->actor, &run, e) < 0 ||
		policy_admits(s, run.repo_id, run.event, run.actor, now, e) < 0 ||
		store_run_reserve(s, run.repo_id, &at, e) < 0 ||
		run_row_insert(s, &run, &at, now, e) < 0 ||
		jobs_copy(s, &x, at.run_id, now, e) < 0 ||
		run_row_start(s, at.run_id, &run, now, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	*ret = at;
	return 0;
}
