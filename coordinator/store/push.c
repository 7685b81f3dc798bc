/*
 * Pushes whose runs are not all made yet. A row is stored before git moves a ref and goes when the
 * last run is made (trigger/push_journal.h says why); the commands are bytes, as a ref need not be
 * UTF-8.
 */
#include "coordinator/store/push.h"

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, push_row, id),
	COLUMN("repo_id", COLUMN_INT, push_row, repo_id),
	COLUMN("attempts", COLUMN_INT, push_row, attempts),
	COLUMN("pusher", COLUMN_TEXT, push_row, pusher),
	{ "commands", COLUMN_BYTES, offsetof(struct push_row, commands),
		offsetof(struct push_row, commands_len) },
	COLUMN("next_ref", COLUMN_INT, push_row, at.ref),
	COLUMN("next_file", COLUMN_INT, push_row, at.file),
	COLUMN("runs", COLUMN_INT, push_row, at.runs),
	COLUMN("jobs", COLUMN_INT, push_row, at.jobs),
};
static const struct row_type push_type = ROW_TYPE(push_row, columns);

void push_rows_release(struct push_rows *l)
{
	LIST_RELEASE(&push_type, l);
}

int store_push_add(
	struct store *s, const struct push_row *p, struct wall now, int64_t *ret_id, struct err *e)
{
	return sql_int(s, ret_id, e,
		       "INSERT INTO push_journal (repo_id, pusher, commands, created_at)"
		       " VALUES (?, ?, ?, ?) RETURNING id",
		       "itbw", p->repo_id, p->pusher, p->commands, p->commands_len, now) < 0
		       ? -1
		       : 0;
}

int store_push_done(struct store *s, int64_t id, struct err *e)
{
	return sql_run(s, e, "DELETE FROM push_journal WHERE id = ?", "i", id);
}

int store_push_progress(struct store *s, int64_t id, const struct push_progress *at, struct err *e)
{
	return sql_run(s, e,
		"UPDATE push_journal SET next_ref = ?2, next_file = ?3, runs = ?4, jobs = ?5"
		" WHERE id = ?1",
		"iiiii", id, at->ref, at->file, at->runs, at->jobs);
}

int store_push_tried(struct store *s, int64_t id, struct err *e)
{
	return sql_run(
		s, e, "UPDATE push_journal SET attempts = attempts + 1 WHERE id = ?", "i", id);
}

int store_push_list(struct store *s, struct push_rows *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &push_type, "FROM push_journal ORDER BY id", "") < 0)
		return -1;
	return LIST_READ(&q, &push_type, ret, e);
}
