/*
 * Pushes whose runs are not all made yet. A row is stored before git moves a ref and goes when the
 * last run is made (trigger/push_journal.h says why); the commands are bytes, as a ref need not be
 * UTF-8.
 */
#include "coordinator/store/push.h"

#include <inttypes.h>

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, push_row, id),
	COLUMN("repo_id", COLUMN_INT, push_row, repo_id),
	COLUMN("coalesce(instance, 0)", COLUMN_INT, push_row, instance),
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

void push_row_release(struct push_row *p)
{
	row_release(&push_type, p);
}

void push_rows_release(struct push_rows *l)
{
	LIST_RELEASE(&push_type, l);
}

int store_push_add(struct store *s, struct push_row *p, struct wall now, struct err *e)
{
	p->instance = s->instance;
	return sql_int(s, &p->id, e,
		       "INSERT INTO push_journal (repo_id, pusher, commands, created_at, instance)"
		       " VALUES (?, ?, ?, ?, nullif(?, 0)) RETURNING id",
		       "itbwi", p->repo_id, p->pusher, p->commands, p->commands_len, now,
		       p->instance) < 0
		       ? -1
		       : 0;
}

#define OWN " WHERE id = ?1 AND coalesce(instance, 0) = ?2 AND filed_at IS NULL"

int store_push_done(struct store *s, const struct push_row *p, struct wall now, struct err *e)
{
	if (p->adopted)
		return sql_run(s, e, "UPDATE push_journal SET filed_at = ?3" OWN, "iiw", p->id,
			p->instance, now);
	return sql_run(s, e, "DELETE FROM push_journal" OWN, "ii", p->id, p->instance);
}

int store_push_progress(
	struct store *s, const struct push_row *p, const struct push_progress *at, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE push_journal SET next_ref = ?3, next_file = ?4, runs = ?5,"
		    " jobs = ?6" OWN,
		    "iiiiii", p->id, p->instance, at->ref, at->file, at->runs, at->jobs) < 0)
		return -1;
	return sql_changes(s) ? 0
			      : err_set(e, ERR_CANCELLED,
					"push %" PRId64 " was taken over by another serve", p->id);
}

int store_push_tried(struct store *s, const struct push_row *p, struct err *e)
{
	return sql_run(s, e, "UPDATE push_journal SET attempts = attempts + 1" OWN, "ii", p->id,
		p->instance);
}

int store_push_list(struct store *s, struct push_rows *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &push_type, "FROM push_journal WHERE filed_at IS NULL ORDER BY id",
		    "") < 0)
		return -1;
	return LIST_READ(&q, &push_type, ret, e);
}

/* ---- of a serve that is gone ---- */

#define LEFT \
	" filed_at IS NULL AND coalesce(instance, 0) NOT IN (SELECT v.id FROM live_instances v)"

int store_push_left(struct store *s, struct push_rows *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &push_type, "FROM push_journal WHERE" LEFT " ORDER BY id", "") < 0)
		return -1;
	return LIST_READ(&q, &push_type, ret, e);
}

int store_push_adopt(struct store *s, struct push_row *p, struct err *e)
{
	if (sql_run(s, e, "UPDATE push_journal SET instance = nullif(?2, 0) WHERE id = ?1 AND" LEFT,
		    "ii", p->id, s->instance) < 0)
		return -1;
	if (!sql_changes(s))
		return 0;
	p->instance = s->instance;
	p->adopted = true;
	return 1;
}

int store_push_keep(struct store *s, struct push_row *p, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "UPDATE push_journal SET instance = nullif(?2, 0), filed_at = NULL,"
		    " next_ref = CASE WHEN filed_at IS NULL THEN next_ref ELSE 0 END,"
		    " next_file = CASE WHEN filed_at IS NULL THEN next_file ELSE 0 END"
		    " WHERE id = ?1 AND (filed_at IS NULL OR runs = 0)"
		    " RETURNING next_ref, next_file, runs, jobs",
		    "ii", p->id, s->instance) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc > 0) {
		p->instance = s->instance;
		p->at = (struct push_progress){ col_int(&q, 0), col_int(&q, 1), col_int(&q, 2),
			col_int(&q, 3) };
	}
	return rc;
}

int store_push_prune(struct store *s, struct wall before, struct err *e)
{
	int64_t any = 0;

	if (sql_int(s, &any, e, "SELECT count(*) FROM push_journal WHERE filed_at < ?", "w",
		    before) < 0)
		return -1;
	return any ? sql_run(s, e, "DELETE FROM push_journal WHERE filed_at < ?", "w", before) : 0;
}
