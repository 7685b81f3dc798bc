/*
 * After every change of a job's state the run settles: jobs whose needs failed are skipped until
 * nothing changes, a failed leg of a matrix ends its siblings, jobs whose needs all succeeded
 * become ready, and the run takes the worst conclusion once no job is open. A job whose condition
 * asks for the status (always(), failure()) becomes ready when its needs are over, however they
 * ended; its condition, evaluated by the runner, then says whether it runs.
 */
#include "coordinator/queue/settle.h"

#include "coordinator/queue/cancel.h"
#include "coordinator/queue/concurrency.h"
#include "coordinator/queue/gate.h"
#include "coordinator/store/annotation.h"
#include "coordinator/store/counter.h"
#include "coordinator/store/row.h"

/* A need that ended in anything but success makes the job unreachable. */
#define NEEDS_OF_JOB NEEDS_OF("workflow_jobs")

int job_state_write(struct store *s, int64_t id, struct state st, struct wall started,
	struct wall completed, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET status = ?2, conclusion = ?3,"
		" started_at = ifnull(?4, started_at), completed_at = ?5 WHERE id = ?1",
		"ittww", id, status_text(st.status), conclusion_text(st.conclusion), started,
		completed);
}

int job_steps_close(
	struct store *s, int64_t job_id, struct state job, struct wall now, struct err *e)
{
	bool cancelled = job.status == STATUS_CANCELLED;
	const char *never = cancelled ? "cancelled" : "skipped";

	if (annotations_end(s, job_id, 0, e) < 0)
		return -1;
	return sql_run(s, e,
		"UPDATE workflow_steps SET completed_at = ?2,"
		" conclusion = iif(status = 'queued', ?3, ?5),"
		" status = iif(status = 'queued', ?3, ?4)"
		" WHERE job_id = ?1 AND status IN ('queued', 'running')",
		"iwttt", job_id, now, never, status_text(job.status),
		conclusion_text(job.conclusion));
}

static int jobs_skip(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	int64_t changed;

	do {
		if (sql_run(s, e,
			    "UPDATE workflow_jobs SET status = 'completed', conclusion = 'skipped',"
			    " completed_at = ?2 WHERE run_id = ?1 AND status = 'queued'"
			    " AND NOT asks_status AND EXISTS (" NEEDS_OF_JOB
			    " WHERE d.status IN ('completed', 'cancelled') AND " JOB_FAILED(
				    "d") ")",
			    "iw", run_id, now) < 0)
			return -1;
		changed = sql_changes(s);
	} while (changed);
	return sql_run(s, e,
		"UPDATE workflow_steps SET status = 'skipped', conclusion = 'skipped',"
		" completed_at = ?2 WHERE status = 'queued' AND job_id IN (SELECT id FROM"
		" workflow_jobs WHERE run_id = ?1 AND status = 'completed'"
		" AND conclusion = 'skipped')",
		"iw", run_id, now);
}

/* A leg that failed ends its siblings, unless the author set fail-fast: false. One whose result an
 * earlier attempt gave ended that attempt's: here a leg runs because somebody asked for it. */
static int legs_end(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
#define SIBLING_FAILED                                                                 \
	" legs > 1 AND fail_fast AND EXISTS (SELECT 1 FROM workflow_jobs d"            \
	" WHERE d.run_id = workflow_jobs.run_id AND d.job_key = workflow_jobs.job_key" \
	" AND d.status = 'completed' AND d.conclusion IN ('failure', 'timed_out')"     \
	" AND NOT d.continue_on_error AND d.kept_from IS NULL)"
#define FAIL_FAST "'cancelled: another job of its matrix failed (fail-fast)'"
	if (sql_run(s, e,
		    "UPDATE workflow_jobs SET cancel_requested = 1, reason = " FAIL_FAST
		    " WHERE run_id = ?"
		    " AND status = 'running' AND cancel_requested = 0 AND" SIBLING_FAILED,
		    "i", run_id) < 0)
		return -1;
	int64_t running = sql_changes(s);
	if (sql_run(s, e,
		    "UPDATE workflow_jobs SET status = 'cancelled', conclusion = 'cancelled',"
		    " completed_at = ?2, reason = " FAIL_FAST
		    " WHERE run_id = ?1 AND status = 'queued'"
		    " AND" SIBLING_FAILED,
		    "iw", run_id, now) < 0)
		return -1;
	int64_t queued = sql_changes(s);
	if (running + queued && store_counter_add(s, JOB_CANCELS_COUNTER, running + queued, e) < 0)
		return -1;
	if (!queued)
		return 0;
	return sql_run(s, e,
		"UPDATE workflow_steps SET status = 'cancelled', conclusion = 'cancelled',"
		" completed_at = ?2 WHERE status = 'queued' AND job_id IN (SELECT id FROM"
		" workflow_jobs WHERE run_id = ?1 AND status = 'cancelled')",
		"iw", run_id, now);
}

/* Jobs of a concurrency group become ready in concurrency.c. */
static int jobs_release(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET ready = 1, ready_at = ?2 WHERE run_id = ?1"
		" AND status = 'queued' AND ready = 0 AND concurrency_group IS NULL"
		" AND unfold <> 1"
		" AND NOT EXISTS (SELECT 1 FROM workflow_runs r WHERE r.id = ?1"
		" AND (r.pending OR r.awaits_approval))"
		" AND " GATE_PASSED("workflow_jobs") " AND " JOB_RELEASABLE("workflow_jobs"),
		"iw", run_id, now);
}

/* The jobs of a run by how they stand. */
struct standing {
	struct state state;
	bool kept; /* an earlier attempt gave its result */
};
static const struct column standing_columns[] = {
	COLUMN("status", COLUMN_STATUS, standing, state.status),
	COLUMN("conclusion", COLUMN_CONCLUSION, standing, state.conclusion),
	COLUMN("kept", COLUMN_BOOL, standing, kept),
};
static const struct row_type standing_type = ROW_TYPE(standing, standing_columns);

/* What the states of its jobs make of the run. */
static int run_state_from_jobs(struct store *s, int64_t run_id, struct state *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	bool open = false, begun = false;
	enum conclusion worst = CONCLUSION_NONE;
	struct standing job;
	int rc;

	if (row_select(s, &q, e, &standing_type,
		    "FROM (SELECT status, kept_from IS NOT NULL AS kept, iif(conclusion IS NULL "
		    "OR " JOB_FAILED(
			    "j") ", conclusion, 'success') AS conclusion FROM workflow_jobs j "
				 "WHERE run_id = ?)"
				 " GROUP BY status, conclusion, kept",
		    "i", run_id) < 0)
		return -1;
	while ((rc = row_next(&q, &standing_type, &job, e)) > 0) {
		open = open || !status_terminal(job.state.status);
		begun = begun || (job.state.status != STATUS_QUEUED && !job.kept);
		worst = conclusion_worse(worst, job.state.conclusion);
	}
	if (rc < 0)
		return -1;
	if (open)
		*ret = (struct state){ begun ? STATUS_RUNNING : STATUS_QUEUED, CONCLUSION_NONE };
	else
		*ret = (struct state){
			worst == CONCLUSION_CANCELLED ? STATUS_CANCELLED : STATUS_COMPLETED, worst
		};
	return 0;
}

static int jobs_settle(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	bool again;

	do {
		again = false;
		if (legs_end(s, run_id, now, e) < 0 || jobs_skip(s, run_id, now, e) < 0 ||
			gate_jobs_enter(s, run_id, now, &again, e) < 0 ||
			concurrency_jobs_enter(s, run_id, now, &again, e) < 0)
			return -1;
	} while (again);
	return jobs_release(s, run_id, now, e);
}

int run_settle(struct store *s, int64_t run_id, struct wall now, struct state *ret, struct err *e)
{
	if (jobs_settle(s, run_id, now, e) < 0 || run_state_from_jobs(s, run_id, ret, e) < 0)
		return -1;
	struct wall ended = status_terminal(ret->status) ? now : (struct wall){ 0 };
	struct wall begun = ret->status == STATUS_QUEUED ? (struct wall){ 0 } : now;
	if (sql_run(s, e,
		    "UPDATE workflow_runs SET status = ?2, conclusion = ?3,"
		    " started_at = iif(?2 = 'queued', NULL, ifnull(started_at, ?4)), completed_at "
		    "= "
		    "ifnull(completed_at, ?5)"
		    " WHERE id = ?1",
		    "ittww", run_id, status_text(ret->status), conclusion_text(ret->conclusion),
		    begun, ended) < 0)
		return -1;
	return concurrency_leave(s, run_id, status_terminal(ret->status), now, e);
}
