/* Pushes whose runs are not made yet (push_journal.h). */
#include "coordinator/store_sql.h"

void push_rows_release(struct push_rows *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].pusher);
		free(l->v[i].commands);
	}
	free(l->v);
	*l = (struct push_rows){ 0 };
}

int store_push_add(
	struct store *s, const struct push_row *p, struct wall now, int64_t *ret_id, struct err *e)
{
	if (sql_run(s, e,
		    "INSERT INTO push_journal (repo_id, pusher, commands, created_at)"
		    " VALUES (?, ?, ?, ?)",
		    "itbw", p->repo_id, p->pusher, p->commands, p->commands_len, now))
		return -1;
	*ret_id = sql_last_id(s);
	return 0;
}

int store_push_done(struct store *s, int64_t id, struct err *e)
{
	return sql_run(s, e, "DELETE FROM push_journal WHERE id = ?", "i", id);
}

int store_push_tried(struct store *s, int64_t id, struct err *e)
{
	return sql_run(
		s, e, "UPDATE push_journal SET attempts = attempts + 1 WHERE id = ?", "i", id);
}

int store_push_list(struct store *s, struct push_rows *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT id, repo_id, attempts, pusher, commands FROM push_journal ORDER BY id",
		    ""))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		struct push_row *r = LIST_ADD(ret);
		r->id = col_int(&q, 0);
		r->repo_id = col_int(&q, 1);
		r->attempts = col_int(&q, 2);
		r->pusher = col_text(&q, 3);
		const void *p = sqlite3_column_blob(q.st, 4);
		r->commands_len = (size_t)sqlite3_column_bytes(q.st, 4);
		r->commands = xmemdup0(p ? p : "", r->commands_len);
	}
	return rc;
}
