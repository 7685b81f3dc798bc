/*
 * After every change of a job's state the run settles: jobs whose needs failed are skipped until
 * nothing changes, a failed leg of a matrix ends its siblings, jobs whose needs all succeeded
 * become ready, and the run takes the worst conclusion once no job is open. A job whose condition
 * asks for the status (always(), failure()) becomes ready when its needs are over, however they
 * ended; whether it runs is for its condition to say, at the runner.
 */
#include "coordinator/store_sql.h"

/* A need that ended in anything but success makes the job unreachable. */
#define NEEDS_OF_JOB                                                          \
	"SELECT 1 FROM json_each(workflow_jobs.needs) n JOIN workflow_jobs d" \
	" ON d.run_id = workflow_jobs.run_id AND d.job_key = n.value"

int job_steps_close(
	struct store *s, int64_t job_id, struct state job, struct wall now, struct err *e)
{
	bool cancelled = job.status == STATUS_CANCELLED;
	const char *never = cancelled ? "cancelled" : "skipped";
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
			    " WHERE d.status IN ('completed', 'cancelled')"
			    " AND d.conclusion <> 'success')",
			    "iw", run_id, now))
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

/* A leg that failed takes its siblings with it, unless the author wants them all. */
static int legs_end(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
#define SIBLING_FAILED                                                                 \
	" legs > 1 AND fail_fast AND EXISTS (SELECT 1 FROM workflow_jobs d"            \
	" WHERE d.run_id = workflow_jobs.run_id AND d.job_key = workflow_jobs.job_key" \
	" AND d.status = 'completed' AND d.conclusion IN ('failure', 'timed_out'))"
	if (sql_run(s, e,
		    "UPDATE workflow_jobs SET cancel_requested = 1 WHERE run_id = ?"
		    " AND status = 'running' AND cancel_requested = 0 AND" SIBLING_FAILED,
		    "i", run_id) ||
		sql_run(s, e,
			"UPDATE workflow_jobs SET status = 'cancelled', conclusion = 'cancelled',"
			" completed_at = ?2 WHERE run_id = ?1 AND status = 'queued'"
			" AND" SIBLING_FAILED,
			"iw", run_id, now))
		return -1;
	if (!sql_changes(s))
		return 0;
	return sql_run(s, e,
		"UPDATE workflow_steps SET status = 'cancelled', conclusion = 'cancelled',"
		" completed_at = ?2 WHERE status = 'queued' AND job_id IN (SELECT id FROM"
		" workflow_jobs WHERE run_id = ?1 AND status = 'cancelled')",
		"iw", run_id, now);
}

/* max-parallel: the first open legs. What was ready stays so, as legs before it only get fewer. */
static int jobs_release(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET ready = 1, ready_at = ?2 WHERE run_id = ?1 AND status = "
		"'queued'"
		" AND ready = 0 AND NOT EXISTS (" NEEDS_OF_JOB
		" WHERE d.status IN ('queued', 'running')"
		" OR (NOT workflow_jobs.asks_status AND d.conclusion <> 'success'))"
		" AND (max_parallel = 0 OR max_parallel > (SELECT count(*) FROM workflow_jobs d"
		" WHERE d.run_id = workflow_jobs.run_id AND d.job_key = workflow_jobs.job_key"
		" AND d.leg < workflow_jobs.leg AND d.status IN ('queued', 'running')))",
		"iw", run_id, now);
}

/* What the states of its jobs make of the run. */
static int run_state_from_jobs(struct store *s, int64_t run_id, struct state *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT DISTINCT status, conclusion FROM workflow_jobs WHERE run_id = ?", "i",
		    run_id))
		return -1;
	bool open = false, begun = false;
	enum conclusion worst = CONCLUSION_NONE;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		struct state job;
		if (col_state(&q, 0, &job, e))
			return -1;
		open = open || !status_terminal(job.status);
		begun = begun || job.status != STATUS_QUEUED;
		worst = conclusion_worse(worst, job.conclusion);
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

int run_settle(struct store *s, int64_t run_id, struct wall now, struct state *ret, struct err *e)
{
	if (legs_end(s, run_id, now, e) || jobs_skip(s, run_id, now, e) ||
		jobs_release(s, run_id, now, e) || run_state_from_jobs(s, run_id, ret, e))
		return -1;
	struct wall ended = status_terminal(ret->status) ? now : (struct wall){ 0 };
	struct wall begun = ret->status == STATUS_QUEUED ? (struct wall){ 0 } : now;
	return sql_run(s, e,
		"UPDATE workflow_runs SET status = ?2, conclusion = ?3,"
		" started_at = iif(?2 = 'queued', NULL, ifnull(started_at, ?4)), completed_at = "
		"ifnull(completed_at, ?5)"
		" WHERE id = ?1",
		"ittww", run_id, status_text(ret->status), conclusion_text(ret->conclusion), begun,
		ended);
}
