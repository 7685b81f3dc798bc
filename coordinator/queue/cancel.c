/*
 * Cancelling. A running job is only marked, as its runner alone can end it: it learns of the mark
 * at its next cancel check, and reports. A queued job ends at once, unless its run is cancelled for
 * the first time and its condition asks for the status: it may be there to clean up, so it is
 * handed out when what it needs is over, and its condition decides. The second cancel ends it, and
 * so does an environment that would make it wait: a cancelled run must come to its end by itself.
 */
#include "coordinator/queue/cancel.h"

#include <inttypes.h>

#include "coordinator/queue/gate.h"
#include "coordinator/queue/settle.h"
#include "coordinator/store/counter.h"
#include "coordinator/store/run.h"
#include "coordinator/sql/sql.h"

int job_cancel_queued(struct store *s, int64_t job_id, struct wall now, struct err *e)
{
	static const struct state gone = { STATUS_CANCELLED, CONCLUSION_CANCELLED };

	if (job_state_write(s, job_id, gone, (struct wall){ 0 }, now, e) < 0)
		return -1;
	return job_steps_close(s, job_id, gone, now, e);
}

static int cancel_one(
	struct store *s, const struct job_row *job, const char *why, struct wall now, struct err *e)
{
	if (sql_run(s, e, "UPDATE workflow_jobs SET reason = coalesce(?2, reason) WHERE id = ?1",
		    "it", job->id, why) < 0 ||
		(!job->cancel_requested && store_counter_add(s, JOB_CANCELS_COUNTER, 1, e) < 0))
		return -1;
	if (job->state.status == STATUS_RUNNING)
		return sql_run(s, e,
			"UPDATE workflow_jobs SET cancel_requested = cancel_requested + 1"
			" WHERE id = ?",
			"i", job->id);
	return job_cancel_queued(s, job->id, now, e);
}

int store_job_cancel(struct store *s, int64_t job_id, const char *why, struct wall now,
	struct job_row *ret, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct state run;

	if (store_begin(s, &tx, e) < 0 || store_job_get(s, job_id, &job, e) < 0)
		return -1;
	if (status_terminal(job.state.status))
		return err_set(e, ERR_CONFLICT, "job %" PRId64 " is already %s/%s", job_id,
			status_text(job.state.status), conclusion_text(job.state.conclusion));
	if (cancel_one(s, &job, why, now, e) < 0 || run_settle(s, job.run_id, now, &run, e) < 0 ||
		store_job_get(s, job_id, ret, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

/* Whether the run's first cancel leaves the job to its condition. Nothing of a run that waits for
 * its concurrency group or for approval has begun, so nothing is to be cleaned up. */
static bool outlives_cancel(const struct run_row *run, const struct job_row *job)
{
	return run->cancels == 0 && !run->pending && !run->awaits_approval &&
	       job->state.status == STATUS_QUEUED && job->asks_status && job->gate != GATE_WAITS;
}

static int cancel_jobs(
	struct store *s, const struct run_row *run, const char *why, struct wall now, struct err *e)
{
	CLEANUP(job_list_release) struct job_list jobs = { 0 };

	if (store_job_list(s, run->id, &jobs, e) < 0)
		return -1;
	for (size_t i = 0; i < jobs.n; i++)
		if (!status_terminal(jobs.v[i].state.status) && !outlives_cancel(run, &jobs.v[i]) &&
			cancel_one(s, &jobs.v[i], why, now, e) < 0)
			return -1;
	return 0;
}

static int run_end(
	struct store *s, const struct run_row *run, const char *why, struct wall now, struct err *e)
{
	struct state st;

	if (status_terminal(run->state.status))
		return err_set(e, ERR_CONFLICT, "run %" PRId64 " is already %s/%s", run->id,
			status_text(run->state.status), conclusion_text(run->state.conclusion));
	if (cancel_jobs(s, run, why, now, e) < 0 ||
		sql_run(s, e,
			"UPDATE workflow_runs SET cancels = cancels + 1, reason = coalesce(?2, "
			"reason)"
			" WHERE id = ?1",
			"it", run->id, why) < 0)
		return -1;
	return run_settle(s, run->id, now, &st, e);
}

int store_run_cancel(
	struct store *s, int64_t run_id, const char *why, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };

	if (store_begin(s, &tx, e) < 0 || store_run_get(s, run_id, &run, e) < 0 ||
		run_end(s, &run, why, now, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

int run_cancel_once(
	struct store *s, int64_t run_id, const char *why, struct wall now, struct err *e)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };

	if (store_run_get(s, run_id, &run, e) < 0)
		return -1;
	return run.cancels ? 0 : run_end(s, &run, why, now, e);
}
