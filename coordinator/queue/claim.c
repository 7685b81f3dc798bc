/*
 * Claims: who gets which job, and how one comes back when its answer never reached the runner. (A
 * runner that is never heard of again is another matter: coordinator/claim/lost_job.c ends its
 * job.) Choice and change are one transaction under the write lock, so that no job is handed out
 * twice however many processes ask.
 */
#include "coordinator/queue/claim.h"

#include "coordinator/queue/cancel.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/queue/gate.h"
#include "coordinator/instance/lease.h"
#include "coordinator/store/jwt.h"
#include "coordinator/store/log.h"
#include "coordinator/store/runner.h"
#include "coordinator/queue/settle.h"
#include "coordinator/store/annotation.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/step.h"

/* The oldest job of the row that the runner did not hand back a moment ago: 1, 0, -1. */
static int row_find(struct store *s, const struct queue_row *row, int64_t runner_id,
	struct wall now, int64_t *ret_id, struct err *e)
{
	struct wall since = { now.us - HAND_BACK_PAUSE_US };

	return sql_int(s, ret_id, e,
		"SELECT id FROM workflow_jobs WHERE status = 'queued' AND ready = 1"
		" AND repo_id = ?1 AND runs_on = ?2"
		" AND NOT (coalesce(handed_back_by, 0) = ?3 AND handed_back_at > ?4)"
		" ORDER BY id LIMIT 1",
		"iviw", row->repo_id, &row->labels, runner_id, since);
}

/* The oldest job that the runner may take: 1 and its id, 0, -1. Rows come oldest first. */
static int claim_find(struct store *s, int64_t runner_id, const struct offer *o, struct wall now,
	int64_t *ret_id, struct err *e)
{
	CLEANUP(queue_list_release) struct queue_list queue = { 0 };
	int64_t best = 0;

	if (store_queue_heads(s, &queue, e) < 0)
		return -1;
	for (size_t i = 0; i < queue.n && (!best || queue.v[i].first_id < best); i++) {
		int64_t id = 0;

		if (!eligible(&queue.v[i], o))
			continue;
		if (row_find(s, &queue.v[i], runner_id, now, &id, e) < 0)
			return -1;
		if (id && (!best || id < best))
			best = id;
	}
	*ret_id = best;
	return best > 0;
}

/* The runner as it is now, with those of the labels that it may serve: 1 may claim, 0 not now, -1
 * revoked or gone. */
static int claimant_load(struct store *s, int64_t runner_id, const struct strv *labels,
	struct runner_row *ret, struct strv *ret_labels, struct err *e)
{
	if (store_runner_get(s, runner_id, ret, e) < 0)
		return -1;
	if (ret->revoked_at.us)
		return err_set(e, ERR_AUTH, "runner is revoked");
	runner_narrow(ret, labels, ret_labels, NULL);
	if (ret->heartbeat_instance && s->instance && ret->heartbeat_instance != s->instance)
		return 0; /* it has asked another serve since, so nobody hears the answer here */
	return !ret->drained_at.us && ret->active_jobs < ret->capacity;
}

/* The rules of environments may be others than when the job became ready: those that may not be
 * handed out are passed over, and are not ready any more. */
static int claim_choose(struct store *s, int64_t runner_id, const struct offer *o, struct wall now,
	int64_t *ret_id, struct err *e)
{
	int rc;

	while ((rc = claim_find(s, runner_id, o, now, ret_id, e)) > 0) {
		CLEANUP(job_row_release) struct job_row job = { 0 };

		if (store_job_get(s, *ret_id, &job, e) < 0)
			return -1;
		rc = gate_claim(s, &job, now, e);
		if (rc != 0)
			return rc;
	}
	return rc;
}

int store_job_claimable(struct store *s, int64_t runner_id, const struct strv *labels,
	struct wall now, struct err *e)
{
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	CLEANUP(strv_release) struct strv served = { 0 };
	int64_t id = 0;
	int rc = claimant_load(s, runner_id, labels, &r, &served, e);
	struct offer o = offer_of(&r);

	o.labels = &served;
	return rc > 0 ? claim_find(s, runner_id, &o, now, &id, e) : rc;
}

int store_job_claim(struct store *s, int64_t runner_id, const struct strv *labels, struct wall now,
	struct job_row *ret, struct err *e)
{
	CLEANUP(runner_row_release) struct runner_row r = { 0 };
	CLEANUP(strv_release) struct strv served = { 0 };
	int64_t id = 0;
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0)
		return -1;
	int rc = claimant_load(s, runner_id, labels, &r, &served, e);
	struct offer o = offer_of(&r);
	o.labels = &served;
	if (rc > 0)
		rc = claim_choose(s, runner_id, &o, now, &id, e);
	if (rc <= 0) /* what the gate kept stays so */
		return rc < 0 ? -1 : store_commit(&tx, e);
	if (sql_run(s, e,
		    "UPDATE workflow_jobs SET status = 'running', runner_id = ?2, claimed_at = ?3,"
		    " started_at = ?3, claim_key = NULL WHERE id = ?1",
		    "iiw", id, runner_id, now) < 0)
		return -1;
	struct state run;
	if (store_job_get(s, id, ret, e) < 0 || run_settle(s, ret->run_id, now, &run, e) < 0 ||
		store_commit(&tx, e) < 0) {
		job_row_release(ret);
		return -1;
	}
	return 1;
}

/* ---- the answer on its way ---- */

int store_claim_made(struct store *s, int64_t job_id, const char *jti, struct err *e)
{
	if (store_instance_check(s, e) < 0)
		return -1;
	return sql_run(s, e,
		"UPDATE workflow_jobs SET claim_jti = ?2, claim_instance = nullif(?3, 0)"
		" WHERE id = ?1",
		"iti", job_id, jti, s->instance);
}

int store_claim_delivered(struct store *s, int64_t job_id, const char *jti, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET claim_jti = NULL WHERE id = ?1 AND claim_jti = ?2", "it",
		job_id, jti);
}

int store_claim_key_set(
	struct store *s, int64_t job_id, const char *jti, const char *key, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET claim_key = ?3, claim_key_jti = ?2 WHERE id = ?1", "itt",
		job_id, jti, key);
}

int store_claim_key_find(struct store *s, int64_t runner_id, const char *key, int64_t *ret_job_id,
	char **ret_jti, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT id, claim_key_jti FROM workflow_jobs"
		    " WHERE runner_id = ? AND status = 'running' AND claim_key = ?",
		    "it", runner_id, key) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc > 0) {
		*ret_job_id = col_int(&q, 0);
		*ret_jti = col_text(&q, 1);
	}
	return rc;
}

int store_claim_unheard(struct store *s, int64_t job_id, char **ret_jti, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT claim_jti FROM workflow_jobs WHERE id = ? AND claim_jti IS NOT NULL",
		    "i", job_id) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc > 0)
		*ret_jti = col_text(&q, 0);
	return rc;
}

/* 1: the row is queued again. */
static int claim_undo(
	struct store *s, int64_t job_id, const char *jti, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE workflow_jobs SET status = 'queued', runner_id = NULL,"
		    " claimed_at = NULL, started_at = NULL, last_seen_at = NULL, claim_jti = NULL,"
		    " ready_at = ?3"
		    " WHERE id = ?1 AND status = 'running' AND coalesce(claim_jti, ?2) = ?2"
		    " AND last_seen_at IS NULL AND NOT EXISTS ("
		    " SELECT 1 FROM runner_jwt_used WHERE jti = ?2)",
		    "itw", job_id, jti, now) < 0)
		return -1;
	return sql_changes(s) > 0;
}

int store_claim_return(
	struct store *s, int64_t job_id, const char *jti, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct state run;

	if (store_begin(s, &tx, e) < 0)
		return -1;
	int rc = store_runner_freed(s, job_id, now, e);
	if (rc == 0)
		rc = claim_undo(s, job_id, jti, now, e);
	if (rc <= 0)
		return rc;
	if (store_jwt_use(s, jti, job_id, now, e) < 0 || store_job_get(s, job_id, &job, e) < 0 ||
		(job.cancel_requested && job_cancel_queued(s, job_id, now, e) < 0) ||
		run_settle(s, job.run_id, now, &run, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	return 1;
}

static int claims_open(struct store *s, struct pairs *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT CAST(id AS TEXT), claim_jti FROM workflow_jobs"
		    " WHERE status = 'running' AND claim_jti IS NOT NULL AND claim_key IS NULL"
		    " AND coalesce(claim_instance, 0) NOT IN (SELECT v.id FROM live_instances v)",
		    "") < 0)
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

	*ret_count = 0;
	if (claims_open(s, &open, e) < 0) /* mostly none: no lock for that */
		return -1;
	if (!open.n)
		return 0;
	pairs_release(&open);
	if (store_begin(s, &tx, e) < 0 || claims_open(s, &open, e) < 0)
		return -1;
	for (size_t i = 0; i < open.n; i++) {
		if (!parse_i64(open.v[i].key, 1, INT64_MAX, &id))
			BUG("job id \"%s\"", open.v[i].key);
		int rc = store_claim_return(s, id, open.v[i].value, now, e);
		if (rc < 0)
			return -1;
		n += rc;
	}
	if (store_commit(&tx, e) < 0)
		return -1;
	*ret_count = n;
	return 0;
}

/* ---- handed back, or lost ---- */

/* As they were created: without states, times, logs and annotations. */
static int steps_renew(struct store *s, int64_t job_id, struct err *e)
{
	static const char *const statements[] = {
		"DELETE FROM log_chunks WHERE step_id IN"
		" (SELECT id FROM workflow_steps WHERE job_id = ?)",
		"UPDATE workflow_steps SET status = 'queued', conclusion = NULL,"
		" started_at = NULL, completed_at = NULL, log_bytes = 0, log_seq = -1,"
		" log_held = NULL, log_note = NULL, log_full = 0, log_lines = 0"
		" WHERE job_id = ?",
		"UPDATE workflow_runs SET log_bytes = workflow_runs.log_bytes - j.log_bytes"
		" FROM workflow_jobs j WHERE j.id = ? AND workflow_runs.id = j.run_id",
		"UPDATE workflow_jobs SET log_bytes = 0 WHERE id = ?",
	};

	if (annotations_forget(s, job_id, e) < 0 || summaries_forget(s, job_id, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(statements); i++)
		if (sql_run(s, e, statements[i], "i", job_id) < 0)
			return -1;
	return 0;
}

/* 1: the job is queued, its steps are as new. */
static int hand_back_undo(struct store *s, int64_t job_id, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE workflow_jobs SET status = 'queued', handed_back_by = runner_id,"
		    " handed_back_at = ?2, hand_backs = hand_backs + 1, runner_id = NULL,"
		    " claimed_at = NULL, started_at = NULL, last_seen_at = NULL, claim_jti = NULL,"
		    " ready_at = ?2, outputs = '{}' WHERE id = ?1 AND status = 'running'"
		    " AND hand_backs < ?3 AND NOT EXISTS (SELECT 1 FROM workflow_steps"
		    " WHERE job_id = ?1 AND conclusion = 'success')",
		    "iwi", job_id, now, (int64_t)HAND_BACKS_MAX) < 0)
		return -1;
	return sql_changes(s) == 0 ? 0 : steps_renew(s, job_id, e) < 0 ? -1 : 1;
}

int store_claim_hand_back(struct store *s, int64_t job_id, struct wall now, struct state *ret_job,
	struct state *ret_run, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(job_row_release) struct job_row was = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };

	if (store_begin(s, &tx, e) < 0 || store_job_get(s, job_id, &was, e) < 0)
		return -1;
	int rc = store_runner_freed(s, job_id, now, e);
	if (rc == 0)
		rc = hand_back_undo(s, job_id, now, e);
	if (rc <= 0)
		return rc;
	if ((was.cancel_requested && job_cancel_queued(s, job_id, now, e) < 0) ||
		run_settle(s, was.run_id, now, ret_run, e) < 0 ||
		store_job_get(s, job_id, &job, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	*ret_job = job.state;
	return 1;
}

/* 1: the job is queued again. Its runner may still be at it, and is not asked at once. */
static int lost_undo(
	struct store *s, int64_t job_id, const struct claim_loss *l, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE workflow_jobs SET status = 'queued', retries = retries + 1,"
		    " reason = ?4, handed_back_by = runner_id, handed_back_at = ?2,"
		    " runner_id = NULL, claimed_at = NULL, started_at = NULL, last_seen_at = NULL,"
		    " claim_jti = NULL, claim_key = NULL, ready_at = ?2, outputs = '{}'"
		    " WHERE id = ?1 AND status = 'running' AND retries < ?3"
		    " AND cancel_requested = 0 AND NOT EXISTS (SELECT 1 FROM workflow_steps"
		    " WHERE job_id = ?1 AND conclusion IS NOT NULL"
		    " AND (?5 = 0 OR conclusion NOT IN ('failure', 'skipped')))",
		    "iwiti", job_id, now, (int64_t)LOST_RETRIES_MAX, l->why, (int64_t)l->told) < 0)
		return -1;
	return sql_changes(s) == 0 ? 0 : steps_renew(s, job_id, e) < 0 ? -1 : 1;
}

int store_claim_lost(struct store *s, int64_t job_id, const struct claim_loss *l, struct wall now,
	struct state *ret_run, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEAN_STR char *line = xasprintf("%s\n", l->why);

	if (store_begin(s, &tx, e) < 0 || store_job_get(s, job_id, &job, e) < 0)
		return -1;
	int rc = store_runner_freed(s, job_id, now, e);
	if (rc == 0)
		rc = lost_undo(s, job_id, l, now, e);
	if (rc <= 0)
		return rc;
	if (store_log_note(s, job_id, line, now, e) < 0 ||
		run_settle(s, job.run_id, now, ret_run, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	return 1;
}

int store_claim_lost_again(struct store *s, int64_t job_id, const char *why, struct err *e)
{
	return sql_run(s, e,
		"UPDATE workflow_jobs SET reason = ?2 || CASE WHEN retries > 0"
		" THEN ' It was started again once already.' ELSE '' END"
		" WHERE id = ?1 AND cancel_requested = 0",
		"it", job_id, why);
}

/* ---- signs of life ---- */

int store_job_seen(struct store *s, int64_t job_id, struct wall now, struct err *e)
{
	return sql_run(s, e, "UPDATE workflow_jobs SET last_seen_at = ?2 WHERE id = ?1", "iw",
		job_id, now);
}
