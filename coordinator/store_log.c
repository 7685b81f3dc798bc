/* Step logs as numbered chunks; the (step, seq) pair makes a repeated upload harmless. */
#include "coordinator/store_sql.h"

static int step_of_job(struct store *s, int64_t job_id, int64_t step_id, int64_t *ret_step,
	int64_t *ret_bytes, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT id, log_bytes FROM workflow_steps WHERE job_id = ?1"
		    " AND (id = ?2 OR ?2 = 0) ORDER BY position LIMIT 1",
		    "ii", job_id, step_id))
		return -1;
	int rc = sql_next(&q, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "job %lld has no step %lld", (long long)job_id,
			(long long)step_id);
	if (rc < 0)
		return -1;
	*ret_step = col_int(&q, 0);
	*ret_bytes = col_int(&q, 1);
	return 0;
}

int store_log_append(struct store *s, int64_t job_id, int64_t step_id, int64_t seq, const void *p,
	size_t n, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t step = 0, have = 0;
	if (store_begin(s, &tx, e) || step_of_job(s, job_id, step_id, &step, &have, e))
		return -1;
	if (sql_run(s, e,
		    "INSERT INTO log_chunks (step_id, seq, chunk, created_at) VALUES (?, ?, ?, ?)"
		    " ON CONFLICT DO NOTHING",
		    "iibw", step, seq, p, n, now))
		return -1;
	if (!sql_changes(s))
		return store_commit(&tx, e);
	if (have + (int64_t)n > LOG_STEP_MAX)
		return err_set(e, ERR_LIMIT, "the log of step %lld is full (%d bytes)",
			(long long)step, LOG_STEP_MAX);
	if (sql_run(s, e, "UPDATE workflow_steps SET log_bytes = log_bytes + ?2 WHERE id = ?1",
		    "ii", step, (int64_t)n))
		return -1;
	return store_commit(&tx, e);
}

int store_log_note(
	struct store *s, int64_t job_id, const char *line, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t step = 0, seq = 0;
	struct err why = { 0 };
	if (store_begin(s, &tx, e))
		return -1;
	int rc = sql_int(s, &step, e,
		"SELECT id FROM workflow_steps WHERE job_id = ? ORDER BY status = 'running' DESC,"
		" status IN ('completed', 'cancelled') DESC, position DESC LIMIT 1",
		"i", job_id);
	if (rc <= 0)
		return rc;
	if (sql_int(s, &seq, e, "SELECT ifnull(max(seq) + 1, 0) FROM log_chunks WHERE step_id = ?",
		    "i", step) < 0)
		return -1;
	if (store_log_append(s, job_id, step, seq, line, strlen(line), now, &why) &&
		!err_is(&why, ERR_LIMIT))
		return err_set(e, why.class, "%s", why.text);
	return store_commit(&tx, e);
}

int store_log_each(struct store *s, int64_t step_id, int (*fn)(void *data, const char *p, size_t n),
	void *data, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e, "SELECT chunk FROM log_chunks WHERE step_id = ? ORDER BY seq", "i",
		    step_id))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		const char *p = sqlite3_column_blob(q.st, 0);
		if (fn(data, p ? p : "", (size_t)sqlite3_column_bytes(q.st, 0)) < 0)
			return -1;
	}
	return rc;
}

int store_log_next(struct store *s, int64_t step_id, int64_t after, struct buf *out,
	int64_t *ret_seq, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT seq, chunk FROM log_chunks WHERE step_id = ? AND seq > ?"
		    " ORDER BY seq LIMIT 1",
		    "ii", step_id, after))
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	*ret_seq = col_int(&q, 0);
	const char *p = sqlite3_column_blob(q.st, 1);
	if (buf_add(out, p ? p : "", (size_t)sqlite3_column_bytes(q.st, 1)))
		return err_set(e, ERR_LIMIT, "log chunk is too large");
	return 1;
}
