/* What has become old (retention.h). */
#include "coordinator/store_sql.h"

void old_steps_release(struct old_steps *l)
{
	free(l->v);
	*l = (struct old_steps){ 0 };
}

int store_steps_old(
	struct store *s, struct wall before, int64_t limit, struct old_steps *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT t.id, t.job_id, j.run_id, t.log_bytes FROM workflow_steps t"
		    " JOIN workflow_jobs j ON j.id = t.job_id WHERE t.archived_at IS NULL"
		    " AND t.log_bytes > 0 AND t.completed_at <= ?1"
		    " AND j.status IN ('completed', 'cancelled') ORDER BY t.completed_at LIMIT ?2",
		    "wi", before, limit))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		*LIST_ADD(ret) = (struct old_step){ col_int(&q, 0), col_int(&q, 1), col_int(&q, 2),
			col_int(&q, 3) };
	return rc;
}

int store_step_archived(
	struct store *s, int64_t step_id, struct wall now, int64_t *ret_count, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	if (store_begin(s, &tx, e) ||
		sql_run(s, e, "UPDATE workflow_steps SET archived_at = ?2 WHERE id = ?1", "iw",
			step_id, now) ||
		sql_run(s, e, "DELETE FROM log_chunks WHERE step_id = ?", "i", step_id))
		return -1;
	*ret_count = sql_changes(s);
	return store_commit(&tx, e);
}

int store_run_old(struct store *s, struct wall before, int64_t *ret_id, struct err *e)
{
	return sql_int(s, ret_id, e,
		"SELECT id FROM workflow_runs WHERE completed_at <= ? AND NOT pinned"
		" AND status IN ('completed', 'cancelled') ORDER BY completed_at LIMIT 1",
		"w", before);
}

int store_run_delete(struct store *s, int64_t id, struct err *e)
{
	return sql_run(s, e, "DELETE FROM workflow_runs WHERE id = ?", "i", id);
}

int store_run_pin(struct store *s, int64_t id, bool pinned, struct err *e)
{
	if (sql_run(s, e, "UPDATE workflow_runs SET pinned = ?2 WHERE id = ?1", "iy", id, pinned))
		return -1;
	if (!sql_changes(s))
		return err_set(e, ERR_NOT_FOUND, "run %lld does not exist", (long long)id);
	return 0;
}

int store_jwt_prune(struct store *s, struct wall before, int64_t *ret_count, struct err *e)
{
	if (sql_run(s, e, "DELETE FROM runner_jwt_used WHERE used_at <= ?", "w", before))
		return -1;
	*ret_count = sql_changes(s);
	return 0;
}
