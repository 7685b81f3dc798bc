/*
 * After every change of a job's state the run settles: jobs whose needs failed are skipped until
 * nothing changes, a failed leg of a matrix ends its siblings, jobs whose needs all succeeded
 * become ready, and the run takes the worst conclusion once no job is open. A job whose condition
 * asks for the status (always(), failure()) becomes ready when its needs are over, however they
 * ended; its condition, evaluated by the runner, then says whether it runs.
 */
#include "coordinator/queue/settle.h"

#include "base/ids.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/concurrency.h"
#include "coordinator/queue/gate.h"
#include "coordinator/store/annotation.h"
#include "coordinator/store/counter.h"
#include "coordinator/sql/row.h"
#include "coordinator/store/state_row.h"

int job_state_write(struct store *s, int64_t id, struct state st, struct wall started,
	struct wall completed, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET status = ?2, conclusion = ?3,"
		" started_at = coalesce(?4, started_at), completed_at = ?5 WHERE id = ?1",
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
		" conclusion = CASE WHEN status = 'queued' THEN ?3 ELSE ?5 END,"
		" status = CASE WHEN status = 'queued' THEN ?3 ELSE ?4 END"
		" WHERE job_id = ?1 AND status IN ('queued', 'running')",
		"iwttt", job_id, now, never, status_text(job.status),
		conclusion_text(job.conclusion));
}

/* Runs a statement that changes jobs and returns their ids. */
static int jobs_change(struct store *s, const char *sql, int64_t run_id, struct wall now,
	struct ids *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int rc;

	if (sql_query(s, &q, e, sql, "iw", run_id, now) < 0)
		return -1;
	while ((rc = sql_next(&q, e)) > 0)
		ids_add(ret, col_int(&q, 0));
	return rc;
}

/* The steps of jobs that never began. */
static int steps_end(
	struct store *s, const struct ids *jobs, enum status st, struct wall now, struct err *e)
{
	for (size_t i = 0; i < jobs->n; i++)
		if (sql_run(s, e,
			    "UPDATE workflow_steps SET status = ?2, conclusion = ?2,"
			    " completed_at = ?3 WHERE job_id = ?1 AND status = 'queued'",
			    "itw", jobs->v[i], status_text(st), now) < 0)
			return -1;
	return 0;
}

/* SQL: the open jobs j of the key k. */
#define OPEN_JOBS                                                                \
	" CROSS JOIN workflow_jobs j INDEXED BY workflow_jobs_open"              \
	" WHERE k.run_id = ?1 AND j.run_id = k.run_id AND j.job_key = k.job_key" \
	" AND j.status IN ('queued', 'running')"

/* A need that ended in anything but success makes the job unreachable, and so those behind it. */
static int jobs_skip(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	CLEANUP(ids_release) struct ids skipped = { 0 };
	size_t before;

	do {
		before = skipped.n;
		if (jobs_change(s,
			    "UPDATE workflow_jobs SET status = 'completed', conclusion = 'skipped',"
			    " completed_at = ?2 WHERE id IN (SELECT j.id FROM job_keys k"
			    " INDEXED BY job_keys_skip" OPEN_JOBS " AND k.queued > 0"
			    " AND k.needs_failed > 0 AND k.asks_status = 0"
			    " AND j.status = 'queued') RETURNING id",
			    run_id, now, &skipped, e) < 0)
			return -1;
	} while (skipped.n > before);
	return steps_end(s, &skipped, STATUS_SKIPPED, now, e);
}

/* A leg that failed ends its siblings, unless the author set fail-fast: false. One whose result an
 * earlier attempt gave ended that attempt's: here a leg runs because somebody asked for it. */
static int legs_end(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	CLEANUP(ids_release) struct ids running = { 0 };
	CLEANUP(ids_release) struct ids queued = { 0 };

#define SIBLINGS                                                                \
	"id IN (SELECT j.id FROM job_keys k INDEXED BY job_keys_stop" OPEN_JOBS \
	" AND k.broken > 0 AND k.stops > 0 AND j.cancel_requested = 0"          \
	" AND j.legs > 1 AND j.fail_fast <> 0 AND j.status = "
#define FAIL_FAST "'cancelled: another job of its matrix failed (fail-fast)'"
	if (jobs_change(s,
		    "UPDATE workflow_jobs SET status = 'cancelled', conclusion = 'cancelled',"
		    " completed_at = ?2, reason = " FAIL_FAST " WHERE " SIBLINGS
		    "'queued') RETURNING id",
		    run_id, now, &queued, e) < 0 ||
		jobs_change(s,
			"UPDATE workflow_jobs SET cancel_requested = 1, reason = " FAIL_FAST
			" WHERE ?2 IS NOT NULL AND " SIBLINGS "'running') RETURNING id",
			run_id, now, &running, e) < 0)
		return -1;
	int64_t n = (int64_t)(running.n + queued.n);
	if (n && store_counter_add(s, JOB_CANCELS_COUNTER, n, e) < 0)
		return -1;
	return steps_end(s, &queued, STATUS_CANCELLED, now, e);
}

/* Jobs of a concurrency group become ready in concurrency.c. */
static int jobs_release(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET ready = 1, ready_at = ?2 WHERE id IN (SELECT j.id"
		" FROM " JOBS_DUE " AND j.concurrency_group IS NULL AND " GATE_PASSED(
			"j") " AND NOT EXISTS (SELECT 1 FROM workflow_runs r WHERE r.id = ?1"
			     " AND (r.pending <> 0 OR r.awaits_approval <> 0)))",
		"iw", run_id, now);
}

/* Only the first open legs may run where the author set max-parallel. */
static int last_leg_set(
	struct store *s, int64_t run_id, const char *key, int64_t max_parallel, struct err *e)
{
	int64_t leg = 999999; /* there is room for all */

	if (sql_int(s, &leg, e,
		    "SELECT leg FROM workflow_jobs WHERE run_id = ? AND job_key = ?"
		    " AND status IN ('queued', 'running') ORDER BY leg LIMIT 1 OFFSET ?",
		    "iti", run_id, key, max_parallel - 1) < 0)
		return -1;
	return sql_run(s, e, "UPDATE job_keys SET last_leg = ?3 WHERE run_id = ?1 AND job_key = ?2",
		"iti", run_id, key, leg);
}

static int last_legs_set(struct store *s, int64_t run_id, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int rc;

	if (sql_query(s, &q, e,
		    "SELECT k.job_key, k.max_parallel FROM " KEYS_DUE " AND k.max_parallel > 0",
		    "i", run_id) < 0)
		return -1;
	while ((rc = sql_next(&q, e)) > 0) {
		CLEAN_STR char *key = col_text(&q, 0);

		if (last_leg_set(s, run_id, key, col_int(&q, 1), e) < 0)
			return -1;
	}
	return rc;
}

/* The jobs of a run by how they stand. */
struct standing {
	struct state state;
	bool kept; /* an earlier attempt gave its result */
};
static const struct column standing_columns[] = {
	COLUMN_STATUS("status", standing, state.status),
	COLUMN_CONCLUSION("nullif(outcome, '')", standing, state.conclusion),
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

	if (row_select(s, &q, e, &standing_type, "FROM job_counts WHERE run_id = ? AND n > 0", "i",
		    run_id) < 0)
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

/* What the keys of a run ask for. Most changes of a job's state ask for nothing. */
struct asked {
	bool stop; /* a leg failed, and others are open */
	bool skip; /* needs failed */
	bool due;  /* needs are over, and jobs are held */
};
static const struct column asked_columns[] = {
	COLUMN("EXISTS (SELECT 1 FROM job_keys k INDEXED BY job_keys_stop"
	       " WHERE k.run_id = r.id AND k.broken > 0 AND k.stops > 0)",
		COLUMN_BOOL, asked, stop),
	COLUMN("EXISTS (SELECT 1 FROM job_keys k INDEXED BY job_keys_skip WHERE k.run_id = r.id"
	       " AND k.queued > 0 AND k.needs_failed > 0 AND k.asks_status = 0)",
		COLUMN_BOOL, asked, skip),
	COLUMN("EXISTS (SELECT 1 FROM job_keys k INDEXED BY job_keys_due WHERE k.run_id = r.id"
	       " AND k.held > 0 AND " NEEDS_OVER ")",
		COLUMN_BOOL, asked, due),
};
static const struct row_type asked_type = ROW_TYPE(asked, asked_columns);

static int asked_read(struct store *s, int64_t run_id, struct asked *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	*ret = (struct asked){ 0 };
	if (row_select(s, &q, e, &asked_type, "FROM workflow_runs r WHERE r.id = ?", "i", run_id) <
		0)
		return -1;
	return row_next(&q, &asked_type, ret, e) < 0 ? -1 : 0;
}

/* What is skipped or cancelled here may make other jobs due. */
static int jobs_settle(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	struct asked asked;
	bool again;

	do {
		again = false;
		if (asked_read(s, run_id, &asked, e) < 0)
			return -1;
		if (!asked.stop && !asked.skip && !asked.due)
			return 0;
		if ((asked.stop && legs_end(s, run_id, now, e) < 0) ||
			((asked.stop || asked.skip) && jobs_skip(s, run_id, now, e) < 0) ||
			last_legs_set(s, run_id, e) < 0 ||
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
		    " started_at = CASE WHEN ?2 <> 'queued' THEN coalesce(started_at, ?4) END,"
		    " completed_at = coalesce(completed_at, ?5) WHERE id = ?1"
		    " AND (status <> ?2 OR coalesce(conclusion, '') <> coalesce(?3, '')"
		    " OR (started_at IS NULL AND ?2 <> 'queued')"
		    " OR (completed_at IS NULL AND ?5 IS NOT NULL))",
		    "ittww", run_id, status_text(ret->status), conclusion_text(ret->conclusion),
		    begun, ended) < 0)
		return -1;
	return concurrency_leave(s, run_id, status_terminal(ret->status), now, e);
}
