/*
 * Jobs in motion: reports and cancel. What follows from them for the rest of the run is
 * store_settle.c's, handing out is store_claim.c's.
 */
#include "coordinator/store_sql.h"

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
	if (changed && status_terminal(next.status) && job_steps_close(s, job_id, next, now, e))
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

int job_cancel_queued(struct store *s, int64_t job_id, struct wall now, struct err *e)
{
	static const struct state gone = { STATUS_CANCELLED, CONCLUSION_CANCELLED };
	if (job_write(s, job_id, gone, (struct wall){ 0 }, now, e))
		return -1;
	return job_steps_close(s, job_id, gone, now, e);
}

static int cancel_one(struct store *s, const struct job_row *job, struct wall now, struct err *e)
{
	if (job->state.status == STATUS_RUNNING)
		return sql_run(s, e, "UPDATE workflow_jobs SET cancel_requested = 1 WHERE id = ?",
			"i", job->id);
	return job_cancel_queued(s, job->id, now, e);
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

/* ---- outputs ---- */

int store_job_outputs(
	struct store *s, const struct job_row *job, const struct pairs *outputs, struct err *e)
{
	for (size_t i = 0; i < outputs->n; i++)
		if (!pairs_get(&job->outputs_spec, outputs->v[i].key))
			return err_set(e, ERR_INPUT, "the job has no output \"%.100s\"",
				outputs->v[i].key);
	return sql_run(s, e, "UPDATE workflow_jobs SET outputs = ?2 WHERE id = ?1", "ip", job->id,
		outputs);
}
