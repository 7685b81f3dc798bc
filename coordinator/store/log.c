/*
 * Step logs as numbered chunks. The runner's number stands with the step and makes a repeated
 * upload harmless; rows are numbered as they come. Sizes stand with the step, its job and its run,
 * so that no limit needs a sum over the chunks.
 */
#include "coordinator/store/log.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/store/annotation.h"
#include "coordinator/sql/row.h"
#include "coordinator/store/step.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, log_step, id),
	COLUMN("job_id", COLUMN_INT, log_step, job_id),
	COLUMN("log_bytes", COLUMN_INT, log_step, bytes),
	COLUMN("(SELECT j.log_bytes FROM workflow_jobs j WHERE j.id = workflow_steps.job_id)",
		COLUMN_INT, log_step, job_bytes),
	COLUMN("(SELECT r.log_bytes FROM workflow_jobs j JOIN workflow_runs r ON r.id = j.run_id"
	       " WHERE j.id = workflow_steps.job_id)",
		COLUMN_INT, log_step, run_bytes),
	COLUMN("log_full", COLUMN_BOOL, log_step, full),
	COLUMN("log_seq", COLUMN_INT, log_step, seq),
	{ "log_held", COLUMN_BYTES, offsetof(struct log_step, held),
		offsetof(struct log_step, held_len) },
};
static const struct row_type step_type = ROW_TYPE(log_step, columns);

void log_step_release(struct log_step *t)
{
	row_release(&step_type, t);
}

void log_steps_release(struct log_steps *l)
{
	LIST_RELEASE(&step_type, l);
}

int store_log_step(
	struct store *s, int64_t job_id, int64_t step_id, struct log_step *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &step_type,
		    "FROM workflow_steps WHERE job_id = ?1 AND (id = ?2 OR ?2 = 0)"
		    " ORDER BY position LIMIT 1",
		    "ii", job_id, step_id) < 0)
		return -1;
	int rc = row_next(&q, &step_type, ret, e);
	if (rc == 0)
		return err_set(
			e, ERR_NOT_FOUND, "job %" PRId64 " has no step %" PRId64, job_id, step_id);
	return rc < 0 ? -1 : 0;
}

int store_log_held(struct store *s, int64_t job_id, struct log_steps *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &step_type,
		    "FROM workflow_steps WHERE log_held IS NOT NULL"
		    " AND CASE WHEN ?1 = 0 THEN status NOT IN ('queued', 'running') ELSE job_id = "
		    "?1 END",
		    "i", job_id) < 0)
		return -1;
	return LIST_READ(&q, &step_type, ret, e);
}

static int row_add(
	struct store *s, int64_t step_id, const char *p, size_t n, struct wall now, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO log_chunks (step_id, seq, chunk, created_at) SELECT ?1,"
		" coalesce(max(seq) + 1, 0), ?2, ?3 FROM log_chunks WHERE step_id = ?1",
		"ibw", step_id, p, n, now);
}

static int sizes_add(struct store *s, int64_t job_id, size_t n, struct err *e)
{
	if (!n)
		return 0;
	return sql_run(s, e, "UPDATE workflow_jobs SET log_bytes = log_bytes + ?2 WHERE id = ?1",
		       "ii", job_id, (int64_t)n) < 0
		       ? -1
		       : sql_run(s, e,
				 "UPDATE workflow_runs SET log_bytes = log_bytes + ?2 WHERE id ="
				 " (SELECT run_id FROM workflow_jobs WHERE id = ?1)",
				 "ii", job_id, (int64_t)n);
}

static int put(struct store *s, const struct log_step *t, int64_t seq, struct slice text,
	struct slice held, struct wall now, struct err *e)
{
	for (size_t at = 0, n; at < text.len; at += n) {
		n = text.len - at < LIMIT_LOG_CHUNK ? text.len - at : LIMIT_LOG_CHUNK;
		if (row_add(s, t->id, text.ptr + at, n, now, e) < 0)
			return -1;
	}
	if (sql_run(s, e,
		    "UPDATE workflow_steps SET log_bytes = log_bytes + ?2, log_seq = ?3,"
		    " log_held = CASE WHEN length(?4) > 0 THEN ?4 END, log_full = ?5,"
		    " log_lines = CASE WHEN log_lines < 0 THEN -1 ELSE log_lines + ?6 END WHERE id "
		    "= ?1",
		    "iiibii", t->id, (int64_t)text.len, seq, held.len ? held.ptr : "", held.len,
		    (int64_t)t->full, annotation_lines(text)) < 0 ||
		sizes_add(s, t->job_id, text.len, e) < 0)
		return -1;
	return annotations_take(s, t->job_id, t->id, text, e) < 0
		       ? -1
		       : summary_take(s, t->job_id, t->id, text, e);
}

static int put_note(
	struct store *s, const struct log_step *t, const char *note, struct wall now, struct err *e)
{
	return put(s, t, t->seq, slice_of(note), (struct slice){ 0 }, now, e);
}

/* Nothing of the step is held back any more. */
static int decided(struct store *s, int64_t job_id, int64_t step_id, struct wall now, struct err *e)
{
	CLEANUP(log_step_release) struct log_step t = { 0 };
	CLEAN_STR char *note = NULL;
	CLEAN_QUERY struct query q = { 0 };

	if (annotations_decided(s, job_id, step_id, e) < 0 ||
		sql_query(s, &q, e,
			"SELECT log_note FROM workflow_steps WHERE id = ? AND log_note IS NOT NULL",
			"i", step_id) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	note = col_text(&q, 0);
	query_end(&q);
	if (sql_run(s, e, "UPDATE workflow_steps SET log_note = NULL WHERE id = ?", "i", step_id) <
			0 ||
		store_log_step(s, job_id, step_id, &t, e) < 0)
		return -1;
	return put_note(s, &t, note, now, e);
}

int store_log_put(struct store *s, const struct log_step *t, int64_t seq, struct slice text,
	struct slice held, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || put(s, t, seq, text, held, now, e) < 0 ||
		(t->held_len && !held.len && decided(s, t->job_id, t->id, now, e) < 0))
		return -1;
	return store_commit(&tx, e);
}

int store_log_append(struct store *s, int64_t job_id, int64_t step_id, int64_t seq, const void *p,
	size_t n, struct wall now, struct err *e)
{
	CLEANUP(log_step_release) struct log_step t = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || store_log_step(s, job_id, step_id, &t, e) < 0)
		return -1;
	if (log_seq_is_new(&t, seq) && store_log_put(s, &t, seq, (struct slice){ p, n },
					       (struct slice){ t.held, t.held_len }, now, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

/* ---- what is the coordinator's ---- */

/* The open step of the job, else the last one that began, else its first. 1, 0 none, -1. */
static int step_to_note(struct store *s, int64_t job_id, struct log_step *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &step_type,
		    "FROM workflow_steps WHERE job_id = ? ORDER BY status = 'running' DESC,"
		    " status IN ('completed', 'cancelled') DESC,"
		    " CASE WHEN status = 'queued' THEN position ELSE -position END LIMIT 1",
		    "i", job_id) < 0)
		return -1;
	return row_next(&q, &step_type, ret, e);
}

int store_log_note(
	struct store *s, int64_t job_id, const char *line, struct wall now, struct err *e)
{
	CLEANUP(log_step_release) struct log_step t = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0)
		return -1;
	int rc = step_to_note(s, job_id, &t, e);
	if (rc <= 0)
		return rc;
	rc = t.held_len
		     ? sql_run(s, e,
			       "UPDATE workflow_steps SET log_note = coalesce(log_note, '') || ?2"
			       " WHERE id = ?1",
			       "it", t.id, line)
		     : put_note(s, &t, line, now, e);
	return rc < 0 ? -1 : store_commit(&tx, e);
}

/* All rows of a statement may be in memory at once (coordinator/sql/postgres.c). */
enum { PAGE_CHUNKS = 16 };

/* Chunks behind *after, which becomes the last one's. Their number, -1. */
static int page_each(struct store *s, int64_t step_id, int64_t *after,
	int (*fn)(void *data, const char *p, size_t n), void *data, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int n = 0, rc;

	if (sql_query(s, &q, e,
		    "SELECT seq, chunk FROM log_chunks WHERE step_id = ? AND seq > ?"
		    " ORDER BY seq LIMIT ?",
		    "iii", step_id, *after, (int64_t)PAGE_CHUNKS) < 0)
		return -1;
	for (; (rc = sql_next(&q, e)) > 0; n++) {
		struct slice chunk = col_bytes(&q, 1);

		*after = col_int(&q, 0);
		if (fn(data, chunk.ptr, chunk.len) < 0)
			return -1;
	}
	return rc < 0 ? -1 : n;
}

int store_log_each(struct store *s, int64_t step_id, int (*fn)(void *data, const char *p, size_t n),
	void *data, struct err *e)
{
	int64_t after = -1;
	int n;

	do {
		n = page_each(s, step_id, &after, fn, data, e);
	} while (n == PAGE_CHUNKS);
	return n < 0 ? -1 : 0;
}

int store_log_arrivals(struct store *s, int64_t step_id,
	void (*fn)(void *data, int64_t bytes, struct wall at), void *data, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT length(chunk), created_at FROM log_chunks WHERE step_id = ?"
		    " ORDER BY seq",
		    "i", step_id) < 0)
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		fn(data, col_int(&q, 0), (struct wall){ col_int(&q, 1) });
	return rc;
}

int store_log_times_put(struct store *s, int64_t step_id, struct slice packed, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO log_times (step_id, packed) VALUES (?, ?)"
		" ON CONFLICT (step_id) DO UPDATE SET packed = excluded.packed",
		"ib", step_id, packed.ptr, packed.len);
}

int store_log_times_get(struct store *s, int64_t step_id, struct buf *out, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e, "SELECT packed FROM log_times WHERE step_id = ?", "i", step_id) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	struct slice packed = col_bytes(&q, 0);
	if (buf_add(out, packed.ptr, packed.len) < 0)
		return err_set(e, ERR_LIMIT, "times of a log are too many");
	return 1;
}

int store_log_next(struct store *s, int64_t step_id, int64_t after, struct buf *out,
	int64_t *ret_seq, struct wall *ret_at, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT seq, chunk, created_at FROM log_chunks WHERE step_id = ? AND seq > ?"
		    " ORDER BY seq LIMIT 1",
		    "ii", step_id, after) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	*ret_seq = col_int(&q, 0);
	*ret_at = (struct wall){ col_int(&q, 2) };
	struct slice chunk = col_bytes(&q, 1);
	if (buf_add(out, chunk.ptr, chunk.len) < 0)
		return err_set(e, ERR_LIMIT, "log chunk is too large");
	return 1;
}

/* ---- what a job's log is masked with ---- */

int store_job_mask_set(
	struct store *s, int64_t job_id, struct slice digest, struct slice sealed, struct err *e)
{
	if (!sealed.len)
		return sql_run(s, e, "DELETE FROM job_masks WHERE job_id = ?", "i", job_id);
	return sql_run(s, e,
		"INSERT INTO job_masks (job_id, digest, sealed) VALUES (?, ?, ?)"
		" ON CONFLICT (job_id) DO UPDATE SET digest = excluded.digest, sealed = "
		"excluded.sealed",
		"ibb", job_id, digest.ptr, digest.len, sealed.ptr, sealed.len);
}

static int bytes_get(struct query *q, struct buf *out, struct err *e)
{
	int rc = sql_next(q, e);

	if (rc <= 0)
		return rc;
	struct slice bytes = col_bytes(q, 0);
	return buf_add(out, bytes.ptr, bytes.len) < 0
		       ? err_set(e, ERR_LIMIT, "what a job's log is masked with is too large")
		       : 1;
}

int store_job_mask_digest(struct store *s, int64_t job_id, struct buf *out, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	return sql_query(s, &q, e, "SELECT digest FROM job_masks WHERE job_id = ?", "i", job_id) < 0
		       ? -1
		       : bytes_get(&q, out, e);
}

int store_job_mask_get(struct store *s, int64_t job_id, struct buf *out, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	return sql_query(s, &q, e, "SELECT sealed FROM job_masks WHERE job_id = ?", "i", job_id) < 0
		       ? -1
		       : bytes_get(&q, out, e);
}

int store_job_masks_prune(struct store *s, struct err *e)
{
	return sql_run(s, e,
		"DELETE FROM job_masks WHERE job_id IN (SELECT m.job_id FROM job_masks m"
		" JOIN workflow_jobs j ON j.id = m.job_id WHERE j.status NOT IN ('queued',"
		" 'running') AND NOT EXISTS (SELECT 1 FROM workflow_steps t WHERE"
		" t.job_id = m.job_id AND t.log_held IS NOT NULL))",
		"");
}
