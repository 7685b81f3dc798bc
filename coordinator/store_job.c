/*
 * Jobs in motion: claim, reports, cancel, and what follows from them for the rest of the run.
 *
 * After every change of a job's state the run settles (run_settle): jobs whose needs failed are
 * skipped until nothing changes, jobs whose needs all succeeded become ready, and the run takes the
 * worst conclusion once no job is open.
 */
#include "coordinator/store_sql.h"

/* A need that ended in anything but success makes the job unreachable. */
#define NEEDS_OF_JOB                                                          \
	"SELECT 1 FROM json_each(workflow_jobs.needs) n JOIN workflow_jobs d" \
	" ON d.run_id = workflow_jobs.run_id AND d.job_key = n.value"

static int steps_close(
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
			    " AND EXISTS (" NEEDS_OF_JOB
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

static int jobs_release(struct store *s, int64_t run_id, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET ready = 1 WHERE run_id = ? AND status = 'queued'"
		" AND ready = 0 AND NOT EXISTS (" NEEDS_OF_JOB
		" WHERE d.status <> 'completed' OR d.conclusion <> 'success')",
		"i", run_id);
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

static int run_settle(
	struct store *s, int64_t run_id, struct wall now, struct state *ret, struct err *e)
{
	if (jobs_skip(s, run_id, now, e) || jobs_release(s, run_id, e) ||
		run_state_from_jobs(s, run_id, ret, e))
		return -1;
	struct wall ended = status_terminal(ret->status) ? now : (struct wall){ 0 };
	struct wall begun = ret->status == STATUS_QUEUED ? (struct wall){ 0 } : now;
	return sql_run(s, e,
		"UPDATE workflow_runs SET status = ?2, conclusion = ?3,"
		" started_at = ifnull(started_at, ?4), completed_at = ifnull(completed_at, ?5)"
		" WHERE id = ?1",
		"ittww", run_id, status_text(ret->status), conclusion_text(ret->conclusion), begun,
		ended);
}

/* ---- claim ---- */

/* Walks the distinct runs_on lists by index (there are few) and takes the oldest job of those that
 * the labels cover. 1 and the id, 0, -1. */
static int claim_find(struct store *s, const struct strv *labels, int64_t *ret_id, struct err *e)
{
	int rc = sql_int(s, ret_id, e,
		"WITH RECURSIVE wanted(l) AS ("
		" SELECT min(runs_on) FROM workflow_jobs WHERE status = 'queued' AND ready = 1"
		" UNION ALL SELECT (SELECT min(runs_on) FROM workflow_jobs"
		" WHERE status = 'queued' AND ready = 1 AND runs_on > l)"
		" FROM wanted WHERE l IS NOT NULL)"
		" SELECT ifnull(min((SELECT min(id) FROM workflow_jobs"
		" WHERE status = 'queued' AND ready = 1 AND runs_on = l)), 0)"
		" FROM wanted WHERE l IS NOT NULL AND NOT EXISTS ("
		" SELECT 1 FROM json_each(l) w"
		" WHERE w.value NOT IN (SELECT value FROM json_each(?)))",
		"v", labels);
	if (rc < 0)
		return -1;
	return rc > 0 && *ret_id > 0;
}

/* 1 may claim, 0 not now, -1 revoked or gone. */
static int claim_allowed(struct store *s, int64_t runner_id, struct err *e)
{
	struct runner_row r = { 0 };
	if (store_runner_get(s, runner_id, &r, e))
		return -1;
	bool revoked = r.revoked_at.us != 0;
	bool free = !r.drained_at.us && r.active_jobs < r.capacity;
	runner_row_release(&r);
	if (revoked)
		return err_set(e, ERR_AUTH, "runner is revoked");
	return free;
}

int store_job_claimable(struct store *s, const struct strv *labels, struct err *e)
{
	int64_t id = 0;
	return claim_find(s, labels, &id, e);
}

int store_job_claim(struct store *s, int64_t runner_id, const struct strv *labels, struct wall now,
	struct job_row *ret, struct err *e)
{
	int64_t id = 0;
	CLEAN_TX struct store_tx tx = { 0 };
	if (store_begin(s, &tx, e))
		return -1;
	int rc = claim_allowed(s, runner_id, e);
	if (rc > 0)
		rc = claim_find(s, labels, &id, e);
	if (rc <= 0)
		return rc;
	if (sql_run(s, e,
		    "UPDATE workflow_jobs SET status = 'running', runner_id = ?2, claimed_at = ?3,"
		    " started_at = ?3 WHERE id = ?1",
		    "iiw", id, runner_id, now))
		return -1;
	struct state run;
	if (store_job_get(s, id, ret, e) || run_settle(s, ret->run_id, now, &run, e) ||
		store_commit(&tx, e)) {
		job_row_release(ret);
		return -1;
	}
	return 1;
}

/* ---- reports ---- */

static int job_write(struct store *s, int64_t id, struct state st, struct wall started,
	struct wall completed, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET status = ?2, conclusion = ?3,"
		" started_at = ifnull(?4, started_at), completed_at = ?5 WHERE id = ?1",
		"ittww", id, status_text(st.status), conclusion_text(st.conclusion), started,
		completed);
}

/* When a report says nothing about the end of a terminal state, it ended now. */
static struct wall ended_at(struct state st, const struct report *r, struct wall now)
{
	if (!status_terminal(st.status))
		return (struct wall){ 0 };
	return r->completed_at.us ? r->completed_at : now;
}

int store_job_report(struct store *s, int64_t job_id, const struct report *r, struct wall now,
	struct state *ret_job, struct state *ret_run, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	bool changed = false;
	struct state next;
	if (store_begin(s, &tx, e) || store_job_get(s, job_id, &job, e) ||
		state_apply(STATE_JOB, job.state, r->state, &next, &changed, e))
		return -1;
	if (!changed && !r->started_at.us) {
		struct run_row run = { 0 };
		if (store_run_get(s, job.run_id, &run, e))
			return -1;
		*ret_run = run.state;
		run_row_release(&run);
		*ret_job = next;
		return store_commit(&tx, e);
	}
	if (changed || next.status == STATUS_RUNNING)
		if (job_write(s, job_id, next, r->started_at, ended_at(next, r, now), e))
			return -1;
	if (changed && status_terminal(next.status) && steps_close(s, job_id, next, now, e))
		return -1;
	if (run_settle(s, job.run_id, now, ret_run, e) || store_commit(&tx, e))
		return -1;
	*ret_job = next;
	return 0;
}

static int step_state(
	struct store *s, int64_t job_id, int64_t step_id, struct state *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT status, conclusion FROM workflow_steps WHERE id = ? AND job_id = ?",
		    "ii", step_id, job_id))
		return -1;
	int rc = sql_next(&q, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "job %lld has no step %lld", (long long)job_id,
			(long long)step_id);
	return rc < 0 ? -1 : col_state(&q, 0, ret, e);
}

int store_step_report(struct store *s, int64_t job_id, int64_t step_id, const struct report *r,
	struct wall now, struct state *ret, bool *ret_changed, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	struct state from, next;
	if (store_begin(s, &tx, e) || step_state(s, job_id, step_id, &from, e) ||
		state_apply(STATE_STEP, from, r->state, &next, ret_changed, e))
		return -1;
	struct wall begun = r->started_at;
	if (!begun.us && next.status == STATUS_RUNNING && *ret_changed)
		begun = now;
	if (*ret_changed || begun.us)
		if (sql_run(s, e,
			    "UPDATE workflow_steps SET status = ?2, conclusion = ?3,"
			    " started_at = ifnull(?4, started_at),"
			    " completed_at = ifnull(completed_at, ?5) WHERE id = ?1",
			    "ittww", step_id, status_text(next.status),
			    conclusion_text(next.conclusion), begun, ended_at(next, r, now)))
			return -1;
	if (store_commit(&tx, e))
		return -1;
	*ret = next;
	return 0;
}

/* ---- cancel ---- */

static int cancel_one(struct store *s, const struct job_row *job, struct wall now, struct err *e)
{
	if (job->state.status == STATUS_RUNNING)
		return sql_run(s, e, "UPDATE workflow_jobs SET cancel_requested = 1 WHERE id = ?",
			"i", job->id);
	static const struct state gone = { STATUS_CANCELLED, CONCLUSION_CANCELLED };
	if (job_write(s, job->id, gone, (struct wall){ 0 }, now, e))
		return -1;
	return steps_close(s, job->id, gone, now, e);
}

int store_job_cancel(
	struct store *s, int64_t job_id, struct wall now, struct job_row *ret, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct state run;
	if (store_begin(s, &tx, e) || store_job_get(s, job_id, &job, e))
		return -1;
	if (status_terminal(job.state.status))
		return err_set(e, ERR_CONFLICT, "job %lld is already %s/%s", (long long)job_id,
			status_text(job.state.status), conclusion_text(job.state.conclusion));
	if (cancel_one(s, &job, now, e) || run_settle(s, job.run_id, now, &run, e) ||
		store_job_get(s, job_id, ret, e))
		return -1;
	return store_commit(&tx, e);
}

int store_run_cancel(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	if (store_begin(s, &tx, e) || store_run_get(s, run_id, &run, e))
		return -1;
	if (status_terminal(run.state.status))
		return err_set(e, ERR_CONFLICT, "run %lld is already %s/%s", (long long)run_id,
			status_text(run.state.status), conclusion_text(run.state.conclusion));
	if (store_job_list(s, run_id, &jobs, e))
		return -1;
	for (size_t i = 0; i < jobs.n; i++)
		if (!status_terminal(jobs.v[i].state.status) && cancel_one(s, &jobs.v[i], now, e))
			return -1;
	struct state st;
	if (run_settle(s, run_id, now, &st, e))
		return -1;
	return store_commit(&tx, e);
}

/* ---- the queue, by label ---- */

void queue_list_release(struct queue_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		strv_release(&l->v[i].labels);
	free(l->v);
	*l = (struct queue_list){ 0 };
}

int store_queue(struct store *s, struct queue_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT runs_on, count(*), min(created_at), (SELECT count(*) FROM runners r"
		    " WHERE r.revoked_at IS NULL AND r.drained_at IS NULL AND NOT EXISTS ("
		    " SELECT 1 FROM json_each(workflow_jobs.runs_on) w WHERE w.value NOT IN"
		    " (SELECT value FROM json_each(r.labels))))"
		    " FROM workflow_jobs WHERE status = 'queued' AND ready = 1"
		    " GROUP BY runs_on ORDER BY runs_on",
		    ""))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		struct queue_row *r = LIST_ADD(ret);
		r->jobs = col_int(&q, 1);
		r->oldest_at = col_wall(&q, 2);
		r->runners = col_int(&q, 3);
		if (col_strv(&q, 0, &r->labels, e))
			return -1;
	}
	return rc;
}
