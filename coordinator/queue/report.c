/*
 * What runners report. state_apply (state.h) decides whether a report fits; here it is written, and
 * what follows for the rest of the run is settle.c's. A repeated report changes nothing.
 */
#include "coordinator/queue/report.h"

#include <inttypes.h>

#include "coordinator/store/annotation.h"
#include "coordinator/store/log.h"
#include "coordinator/sql/row.h"
#include "coordinator/store/state_row.h"
#include "coordinator/store/run.h"
#include "coordinator/store/runner.h"
#include "coordinator/queue/settle.h"

/* When a report says nothing about the end of a terminal state, it ended now. */
static struct wall ended_at(struct state st, const struct state_report *r, struct wall now)
{
	if (!status_terminal(st.status))
		return (struct wall){ 0 };
	return r->completed_at.us ? r->completed_at : now;
}

static int time_settle(
	struct wall *t, const char *name, struct wall claimed, struct wall now, struct err *e)
{
	char text[WALL_TEXT_MAX];

	if (!t->us)
		return 0;
	if (t->us > now.us + REPORT_AHEAD_US)
		return err_set(e, ERR_INPUT,
			"%s: is more than a day from now, expected the time of what happened "
			"(here it is %s)",
			name, wall_format(now, text));
	if (t->us > now.us)
		*t = now;
	else if (t->us < claimed.us)
		*t = claimed;
	return 0;
}

int state_report_times(struct state_report *r, struct wall claimed, struct wall now, struct err *e)
{
	if (time_settle(&r->started_at, "started_at", claimed, now, e) < 0 ||
		time_settle(&r->completed_at, "completed_at", claimed, now, e) < 0)
		return -1;
	if (r->completed_at.us && r->completed_at.us < r->started_at.us)
		r->completed_at = r->started_at;
	return 0;
}

static int run_state(struct store *s, int64_t run_id, struct state *ret, struct err *e)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };

	if (store_run_get(s, run_id, &run, e) < 0)
		return -1;
	*ret = run.state;
	return 0;
}

int store_job_report(struct store *s, int64_t job_id, const struct state_report *r, struct wall now,
	struct state *ret_job, struct state *ret_run, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	bool changed = false;
	struct state next;

	if (store_begin(s, &tx, e) < 0 || store_job_get(s, job_id, &job, e) < 0 ||
		state_apply(STATE_JOB, job.state, r->state, &next, &changed, e) < 0)
		return -1;
	if (!changed && !r->started_at.us) {
		if (run_state(s, job.run_id, ret_run, e) < 0)
			return -1;
		*ret_job = next;
		return store_commit(&tx, e);
	}
	if (changed || next.status == STATUS_RUNNING)
		if (job_state_write(s, job_id, next, r->started_at, ended_at(next, r, now), e) < 0)
			return -1;
	if (changed && status_terminal(next.status) &&
		(job_steps_close(s, job_id, next, now, e) < 0 ||
			store_runner_freed(s, job_id, now, e) < 0))
		return -1;
	if (run_settle(s, job.run_id, now, ret_run, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	*ret_job = next;
	return 0;
}

int store_job_end(
	struct store *s, int64_t job_id, const struct job_end *end, struct wall now, struct err *e)
{
	const struct state_report r = { .state = end->state };
	CLEAN_STR char *line = xasprintf("\n%s: %s.\n", end->what, end->why);
	CLEAN_TX struct store_tx tx = { 0 };
	struct state job, run;

	if (store_begin(s, &tx, e) < 0 || store_log_note(s, job_id, line, now, e) < 0 ||
		sql_run(s, e, "UPDATE workflow_jobs SET reason = ?2 WHERE id = ?1", "it", job_id,
			end->why) < 0 ||
		store_job_report(s, job_id, &r, now, &job, &run, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static int step_state(
	struct store *s, int64_t job_id, int64_t step_id, struct state *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &state_type, "FROM workflow_steps WHERE id = ? AND job_id = ?",
		    "ii", step_id, job_id) < 0)
		return -1;
	int rc = row_next(&q, &state_type, ret, e);
	if (rc == 0)
		return err_set(
			e, ERR_NOT_FOUND, "job %" PRId64 " has no step %" PRId64, job_id, step_id);
	return rc < 0 ? -1 : 0;
}

int store_step_report(struct store *s, int64_t job_id, int64_t step_id,
	const struct state_report *r, struct wall now, struct state *ret, bool *ret_changed,
	struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	struct state from, next;

	if (store_begin(s, &tx, e) < 0 || step_state(s, job_id, step_id, &from, e) < 0 ||
		state_apply(STATE_STEP, from, r->state, &next, ret_changed, e) < 0)
		return -1;
	struct wall begun = r->started_at;
	if (!begun.us && next.status == STATUS_RUNNING && *ret_changed)
		begun = now;
	if (*ret_changed || begun.us)
		if (sql_run(s, e,
			    "UPDATE workflow_steps SET status = ?2, conclusion = ?3,"
			    " started_at = coalesce(?4, started_at),"
			    " completed_at = coalesce(completed_at, ?5) WHERE id = ?1",
			    "ittww", step_id, status_text(next.status),
			    conclusion_text(next.conclusion), begun, ended_at(next, r, now)) < 0)
			return -1;
	if (status_terminal(next.status) && annotations_end(s, job_id, step_id, e) < 0)
		return -1;
	if (store_commit(&tx, e) < 0)
		return -1;
	*ret = next;
	return 0;
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
