/*
 * A push replaces the lines of its repository, but a line that was due before the push and has not
 * started its run yet must not lose it: what is there already stays as it is.
 */
#include "coordinator/store/schedule.h"

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, schedule_row, id),
	COLUMN("repo_id", COLUMN_INT, schedule_row, repo_id),
	COLUMN("workflow_file", COLUMN_TEXT, schedule_row, workflow_file),
	COLUMN("cron", COLUMN_TEXT, schedule_row, cron),
	COLUMN("actor", COLUMN_TEXT, schedule_row, actor),
	COLUMN("next_at", COLUMN_WALL, schedule_row, next_at),
	COLUMN("dropped_at", COLUMN_WALL, schedule_row, dropped_at),
	COLUMN("dropped_why", COLUMN_TEXT, schedule_row, dropped_why),
};
static const struct row_type schedule_type = ROW_TYPE(schedule_row, columns);

void schedule_list_release(struct schedule_list *l)
{
	LIST_RELEASE(&schedule_type, l);
}

int store_schedule_replace(
	struct store *s, int64_t repo_id, const struct schedule_list *l, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e, "UPDATE schedules SET kept = 0 WHERE repo_id = ?", "i", repo_id) < 0)
		return -1;
	for (size_t i = 0; i < l->n; i++) {
		const struct schedule_row *r = &l->v[i];

		if (sql_run(s, e,
			    "INSERT INTO schedules (repo_id, workflow_file, cron, actor, next_at,"
			    " kept) VALUES (?, ?, ?, ?, ?, 1)"
			    " ON CONFLICT (repo_id, workflow_file, cron) DO UPDATE SET kept = 1,"
			    " next_at = CASE WHEN schedules.dropped_at IS NULL"
			    " THEN schedules.next_at ELSE excluded.next_at END,"
			    " dropped_at = NULL, dropped_why = NULL",
			    "itttw", repo_id, r->workflow_file, r->cron, r->actor, r->next_at) < 0)
			return -1;
	}
	if (sql_run(s, e, "DELETE FROM schedules WHERE repo_id = ? AND kept = 0", "i", repo_id) < 0)
		return -1;
	return store_commit(&tx, e);
}

int store_schedule_list(struct store *s, int64_t repo_id, struct schedule_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &schedule_type,
		    "FROM schedules WHERE repo_id = ? ORDER BY workflow_file, cron", "i",
		    repo_id) < 0)
		return -1;
	return LIST_READ(&q, &schedule_type, ret, e);
}

int store_schedule_due(struct store *s, struct wall now, struct schedule_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &schedule_type,
		    "FROM schedules WHERE next_at <= ? ORDER BY next_at, id", "w", now) < 0)
		return -1;
	return LIST_READ(&q, &schedule_type, ret, e);
}

int store_schedule_waits(struct store *s, const struct schedule_row *line, struct err *e)
{
	int64_t id;

	return sql_int(s, &id, e, "SELECT id FROM schedules WHERE id = ? AND next_at = ?", "iw",
		line->id, line->next_at);
}

int store_schedule_set(struct store *s, int64_t id, struct wall next_at, struct err *e)
{
	if (!next_at.us)
		return sql_run(s, e, "DELETE FROM schedules WHERE id = ?", "i", id);
	return sql_run(s, e, "UPDATE schedules SET next_at = ?2 WHERE id = ?1", "iw", id, next_at);
}

int store_schedule_drop(
	struct store *s, int64_t id, const char *why, struct wall now, struct err *e)
{
	const struct wall never = { INT64_MAX };

	return sql_run(s, e,
		"UPDATE schedules SET next_at = ?2, dropped_at = ?3, dropped_why = ?4"
		" WHERE id = ?1",
		"iwwt", id, never, now, why);
}
