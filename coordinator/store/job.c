/*
 * Reading jobs. Jobs are written by coordinator/queue/: run_create.c (once), claim.c (handed out
 * and returned), report.c and cancel.c (their states), and settle.c (what follows for the others of
 * the run).
 */
#include "coordinator/store/job.h"

#include <inttypes.h>

#include "coordinator/sql/row.h"
#include "coordinator/store/state_row.h"

static const struct column columns[] = {
	COLUMN("j.id", COLUMN_INT, job_row, id),
	COLUMN("j.run_id", COLUMN_INT, job_row, run_id),
	COLUMN("r.repo_id", COLUMN_INT, job_row, repo_id),
	COLUMN("j.position", COLUMN_INT, job_row, position),
	COLUMN("j.timeout_minutes", COLUMN_INT, job_row, timeout_minutes),
	COLUMN("j.job_key", COLUMN_TEXT, job_row, key),
	COLUMN("j.name", COLUMN_TEXT, job_row, name),
	COLUMN("j.if_cond", COLUMN_TEXT, job_row, cond),
	COLUMN("j.permissions", COLUMN_TEXT, job_row, permissions_json),
	COLUMN("j.runs_on", COLUMN_STRV, job_row, runs_on),
	COLUMN("j.needs", COLUMN_STRV, job_row, needs),
	COLUMN("j.env", COLUMN_PAIRS, job_row, env),
	COLUMN_STATUS("j.status", job_row, state.status),
	COLUMN_CONCLUSION("j.conclusion", job_row, state.conclusion),
	COLUMN("j.ready", COLUMN_BOOL, job_row, ready),
	COLUMN("j.cancel_requested", COLUMN_INT, job_row, cancel_requested),
	COLUMN("j.asks_status", COLUMN_BOOL, job_row, asks_status),
	COLUMN("coalesce(j.runner_id, 0)", COLUMN_INT, job_row, runner_id),
	COLUMN("j.created_at", COLUMN_WALL, job_row, created_at),
	COLUMN("j.claimed_at", COLUMN_WALL, job_row, claimed_at),
	COLUMN("j.started_at", COLUMN_WALL, job_row, started_at),
	COLUMN("j.completed_at", COLUMN_WALL, job_row, completed_at),
	COLUMN("j.last_seen_at", COLUMN_WALL, job_row, last_seen_at),
	COLUMN("j.leg", COLUMN_INT, job_row, leg),
	COLUMN("j.legs", COLUMN_INT, job_row, legs),
	COLUMN("j.matrix", COLUMN_TEXT, job_row, matrix_json),
	COLUMN("j.fail_fast", COLUMN_BOOL, job_row, fail_fast),
	COLUMN("j.max_parallel", COLUMN_INT, job_row, max_parallel),
	COLUMN("j.outputs_spec", COLUMN_PAIRS, job_row, outputs_spec),
	COLUMN("j.outputs", COLUMN_PAIRS, job_row, outputs),
	COLUMN("j.concurrency_group", COLUMN_TEXT, job_row, concurrency_group),
	COLUMN("j.pending", COLUMN_BOOL, job_row, pending),
	COLUMN("CASE WHEN j.gate = 1 AND j.status = 'queued' THEN"
	       " (SELECT g.why FROM job_gates g WHERE g.job_id = j.id) ELSE j.reason END",
		COLUMN_TEXT, job_row, reason),
	COLUMN("j.continue_on_error", COLUMN_BOOL, job_row, continue_on_error),
	COLUMN("j.environment", COLUMN_TEXT, job_row, environment),
	COLUMN("j.gate", COLUMN_INT, job_row, gate),
	COLUMN("j.environment_url", COLUMN_TEXT, job_row, environment_url),
	COLUMN("j.matrix_tainted", COLUMN_BOOL, job_row, matrix_tainted),
	COLUMN("j.unfold = 2", COLUMN_BOOL, job_row, unfolded),
	COLUMN("coalesce(j.handed_back_by, 0)", COLUMN_INT, job_row, handed_back_by),
	COLUMN("j.handed_back_at", COLUMN_WALL, job_row, handed_back_at),
	COLUMN("j.hand_backs + j.retries + j.restored", COLUMN_INT, job_row, returns),
	COLUMN("coalesce(j.kept_from, j.id)", COLUMN_INT, job_row, source_id),
	COLUMN("coalesce((SELECT k.run_id FROM workflow_jobs k WHERE k.id = j.kept_from), "
	       "j.run_id)",
		COLUMN_INT, job_row, source_run_id),
};
static const struct row_type job_type = ROW_TYPE(job_row, columns);

#define FROM_JOBS "FROM workflow_jobs j JOIN workflow_runs r ON r.id = j.run_id"

void job_row_release(struct job_row *r)
{
	row_release(&job_type, r);
}

void job_list_release(struct job_list *l)
{
	LIST_RELEASE(&job_type, l);
}

int store_job_get(struct store *s, int64_t id, struct job_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &job_type, FROM_JOBS " WHERE j.id = ?", "i", id) < 0)
		return -1;
	int rc = row_next(&q, &job_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "job %" PRId64 " does not exist", id);
	return rc < 0 ? -1 : 0;
}

int store_job_list(struct store *s, int64_t run_id, struct job_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &job_type, FROM_JOBS " WHERE j.run_id = ? ORDER BY j.position",
		    "i", run_id) < 0)
		return -1;
	return LIST_READ(&q, &job_type, ret, e);
}

int store_running_list(
	struct store *s, const struct running_spec *spec, struct job_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &job_type,
		    FROM_JOBS " WHERE j.status = 'running' AND (?1 = 0 OR j.runner_id = ?1)"
			      " AND (?2 IS NULL OR coalesce(j.claim_key, '') <> ?2)"
			      " AND +j.id > ?4 ORDER BY +j.id LIMIT ?3",
		    "itii", spec->runner_id, spec->but_key, spec->page.limit, spec->page.after) < 0)
		return -1;
	return LIST_READ(&q, &job_type, ret, e);
}

int store_running_count(struct store *s, int64_t runner_id, int64_t *ret, struct err *e)
{
	return sql_int(s, ret, e,
		"SELECT count(*) FROM workflow_jobs j"
		" WHERE j.status = 'running' AND (?1 = 0 OR j.runner_id = ?1)",
		"i", runner_id);
}

int store_lost_list(struct store *s, const struct lost_spec *l, struct job_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &job_type,
		    FROM_JOBS " LEFT JOIN runners u ON u.id = j.runner_id"
			      " WHERE j.status = 'running'"
			      " AND coalesce(j.last_seen_at, j.claimed_at) <= ?1"
			      " AND (coalesce(j.last_seen_at, j.claimed_at) <= ?2"
			      " OR (coalesce(u.last_heartbeat_at, 0) <= ?1"
			      " AND coalesce(u.trouble_at, 0) <= ?1)) ORDER BY j.claimed_at",
		    "ww", l->silent_since, l->token_dead_since) < 0)
		return -1;
	return LIST_READ(&q, &job_type, ret, e);
}
