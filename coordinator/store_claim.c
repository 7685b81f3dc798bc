/*
 * Claims: who gets which job, and the two ways in which one comes back: its answer never reached
 * the runner (queued again), or the runner was never heard of again (store_job_lost).
 */
#include "coordinator/store_sql.h"

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

/* ---- the way of the answer ---- */

int store_claim_made(struct store *s, int64_t job_id, const char *jti, struct err *e)
{
	return sql_run(
		s, e, "UPDATE workflow_jobs SET claim_jti = ?2 WHERE id = ?1", "it", job_id, jti);
}

int store_claim_delivered(struct store *s, int64_t job_id, const char *jti, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET claim_jti = NULL WHERE id = ?1 AND claim_jti = ?2", "it",
		job_id, jti);
}

/* 1: the row is queued again. */
static int claim_undo(
	struct store *s, int64_t job_id, const char *jti, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE workflow_jobs SET status = 'queued', runner_id = NULL,"
		    " claimed_at = NULL, started_at = NULL, last_seen_at = NULL, claim_jti = NULL,"
		    " ready_at = ?3"
		    " WHERE id = ?1 AND status = 'running' AND ifnull(claim_jti, ?2) = ?2"
		    " AND last_seen_at IS NULL AND NOT EXISTS ("
		    " SELECT 1 FROM runner_jwt_used WHERE jti = ?2)",
		    "itw", job_id, jti, now))
		return -1;
	return sql_changes(s) > 0;
}

int store_claim_return(
	struct store *s, int64_t job_id, const char *jti, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct state run;
	if (store_begin(s, &tx, e))
		return -1;
	int rc = claim_undo(s, job_id, jti, now, e);
	if (rc <= 0)
		return rc;
	if (store_jwt_use(s, jti, job_id, now, e) || store_job_get(s, job_id, &job, e) ||
		(job.cancel_requested && job_cancel_queued(s, job_id, now, e)) ||
		run_settle(s, job.run_id, now, &run, e) || store_commit(&tx, e))
		return -1;
	return 1;
}

static int claims_open(struct store *s, struct pairs *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT id, claim_jti FROM workflow_jobs"
		    " WHERE status = 'running' AND claim_jti IS NOT NULL",
		    ""))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		CLEAN_STR char *id = col_text(&q, 0);
		CLEAN_STR char *jti = col_text(&q, 1);
		pairs_add(ret, id, jti, strlen(jti));
	}
	return rc;
}

int store_claims_return(struct store *s, struct wall now, int64_t *ret_count, struct err *e)
{
	CLEANUP(pairs_release) struct pairs open = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t id, n = 0;
	if (store_begin(s, &tx, e) || claims_open(s, &open, e))
		return -1;
	for (size_t i = 0; i < open.n; i++) {
		if (!parse_i64(open.v[i].key, 1, INT64_MAX, &id))
			BUG("job id \"%s\"", open.v[i].key);
		int rc = store_claim_return(s, id, open.v[i].value, now, e);
		if (rc < 0)
			return -1;
		n += rc;
	}
	if (store_commit(&tx, e))
		return -1;
	*ret_count = n;
	return 0;
}

int store_job_seen(struct store *s, int64_t job_id, struct wall now, struct err *e)
{
	return sql_run(s, e, "UPDATE workflow_jobs SET last_seen_at = ?2 WHERE id = ?1", "iw",
		job_id, now);
}
