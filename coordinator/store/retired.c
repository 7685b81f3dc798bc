/*
 * What has become old. Only rows go here: objects are removed before them by the caller
 * (coordinator/object/retention.c), so that a crash in between leaves rows that lead to nothing
 * rather than objects that nothing leads to.
 */
#include "coordinator/store/retired.h"

#include <inttypes.h>

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("t.id", COLUMN_INT, old_step, id),
	COLUMN("t.job_id", COLUMN_INT, old_step, job_id),
	COLUMN("j.run_id", COLUMN_INT, old_step, run_id),
	COLUMN("t.log_bytes", COLUMN_INT, old_step, log_bytes),
};
static const struct row_type old_step_type = ROW_TYPE(old_step, columns);

void old_steps_release(struct old_steps *l)
{
	LIST_RELEASE(&old_step_type, l);
}

int store_steps_old(
	struct store *s, struct wall before, int64_t limit, struct old_steps *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &old_step_type,
		    "FROM workflow_steps t JOIN workflow_jobs j ON j.id = t.job_id"
		    " WHERE t.archived_at IS NULL AND t.log_bytes > 0 AND t.log_held IS NULL AND "
		    "t.completed_at <= ?1"
		    " AND j.status IN ('completed', 'cancelled') ORDER BY t.completed_at LIMIT ?2",
		    "wi", before, limit) < 0)
		return -1;
	return LIST_READ(&q, &old_step_type, ret, e);
}

int store_step_archived(struct store *s, int64_t step_id, const char *digest, struct wall now,
	int64_t *ret_count, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e,
			"UPDATE workflow_steps SET archived_at = ?2, log_digest = ?3 WHERE id = ?1",
			"iwt", step_id, now, digest) < 0 ||
		sql_run(s, e, "DELETE FROM log_chunks WHERE step_id = ?", "i", step_id) < 0)
		return -1;
	*ret_count = sql_changes(s);
	return store_commit(&tx, e);
}

int store_run_old(struct store *s, struct wall before, int64_t *ret_id, struct err *e)
{
	return sql_int(s, ret_id, e,
		"SELECT id FROM workflow_runs WHERE completed_at <= ? AND pinned = 0"
		" AND status IN ('completed', 'cancelled')"
		" AND NOT EXISTS (SELECT 1 FROM workflow_jobs j JOIN workflow_jobs k"
		" ON k.kept_from = j.id WHERE j.run_id = workflow_runs.id)"
		" ORDER BY completed_at LIMIT 1",
		"w", before);
}

int store_run_delete(struct store *s, int64_t id, struct err *e)
{
	return sql_run(s, e, "DELETE FROM workflow_runs WHERE id = ?", "i", id);
}

int store_run_pin(struct store *s, int64_t id, bool pinned, struct err *e)
{
	if (sql_run(s, e, "UPDATE workflow_runs SET pinned = ?2 WHERE id = ?1", "iy", id, pinned) <
		0)
		return -1;
	if (!sql_changes(s))
		return err_set(e, ERR_NOT_FOUND, "run %" PRId64 " does not exist", id);
	return 0;
}

/* ---- archived logs ---- */

static const struct column archived_columns[] = {
	COLUMN("t.id", COLUMN_INT, archived_step, id),
	COLUMN("t.job_id", COLUMN_INT, archived_step, job_id),
	COLUMN("j.run_id", COLUMN_INT, archived_step, run_id),
	COLUMN("t.log_bytes", COLUMN_INT, archived_step, log_bytes),
	COLUMN("t.log_digest", COLUMN_TEXT, archived_step, log_digest),
};
static const struct row_type archived_type = ROW_TYPE(archived_step, archived_columns);

void archived_steps_release(struct archived_steps *l)
{
	LIST_RELEASE(&archived_type, l);
}

int store_archived_after(
	struct store *s, int64_t after, int64_t limit, struct archived_steps *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &archived_type,
		    "FROM workflow_steps t JOIN workflow_jobs j ON j.id = t.job_id"
		    " WHERE t.id > ? AND t.archived_at IS NOT NULL ORDER BY t.id LIMIT ?",
		    "ii", after, limit) < 0)
		return -1;
	return LIST_READ(&q, &archived_type, ret, e);
}
