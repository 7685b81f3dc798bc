/*
 * Used job tokens, and the answers that a repeated call with its Idempotency-Key gets again. A
 * token is used by the insertion of its id: of two calls with one token the database lets one
 * through. An answer is found only by token, key, path and body together, so a key alone gives
 * nobody anything.
 */
#include "coordinator/store/jwt.h"

#include "coordinator/sql/sql.h"

int store_jwt_use(struct store *s, const char *jti, int64_t job_id, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "INSERT INTO runner_jwt_used (jti, job_id, used_at) VALUES (?, ?, ?)"
		    " ON CONFLICT DO NOTHING",
		    "tiw", jti, job_id, now) < 0)
		return -1;
	if (!sql_changes(s))
		return err_set(e, ERR_AUTH, "job token was used before");
	return 0;
}

int store_jwt_used(struct store *s, const char *jti, struct err *e)
{
	int64_t one = 0;

	return sql_int(s, &one, e, "SELECT 1 FROM runner_jwt_used WHERE jti = ?", "t", jti);
}

int store_jwt_prune(
	struct store *s, struct wall before, int64_t max, int64_t *ret_count, struct err *e)
{
	if (sql_run(s, e,
		    "DELETE FROM runner_jwt_used WHERE jti IN (SELECT u.jti FROM runner_jwt_used u"
		    " WHERE u.used_at <= ? AND NOT EXISTS (SELECT 1 FROM workflow_jobs j"
		    " WHERE j.id = u.job_id AND j.claim_jti = u.jti AND j.status = 'running')"
		    " LIMIT ?)",
		    "wi", before, max) < 0)
		return -1;
	*ret_count = sql_changes(s);
	return 0;
}

int store_answer_put(struct store *s, const char *jti, const struct stored_answer *a, int status,
	const void *sealed, size_t n, struct wall expires_at, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO stored_answers (jti, idempotency_key, path, body_sha256, status,"
		" sealed, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
		"tttbibw", jti, a->key, a->path, a->body_sha, (size_t)SHA256_LEN, (int64_t)status,
		sealed, n, expires_at);
}

int store_answer_get(struct store *s, const char *jti, const struct stored_answer *a,
	struct wall now, int *ret_status, struct buf *sealed, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT status, sealed FROM stored_answers WHERE jti = ?"
		    " AND idempotency_key = ? AND path = ? AND body_sha256 = ?"
		    " AND expires_at > ?",
		    "tttbw", jti, a->key, a->path, a->body_sha, (size_t)SHA256_LEN, now) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	struct slice answer = col_bytes(&q, 1);
	if (buf_add(sealed, answer.ptr, answer.len) < 0)
		return err_set(e, ERR_LIMIT, "store: stored answer is too large");
	*ret_status = (int)col_int(&q, 0);
	return 1;
}

int store_answer_prune(struct store *s, struct wall now, struct err *e)
{
	return sql_run(s, e, "DELETE FROM stored_answers WHERE expires_at <= ?", "w", now);
}
