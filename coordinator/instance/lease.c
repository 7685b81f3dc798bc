/*
 * PostgreSQL's clock is asked in the statement that uses it (the view `clock`): the time between an
 * answer and the next statement would be somebody's guess. The leader is a row, not a lock of a
 * session: a serve that is stopped, or whose host hangs, keeps its session and would keep the lock.
 */
#include "coordinator/instance/lease.h"

#include <inttypes.h>

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("i.id", COLUMN_INT, instance_row, id),
	COLUMN("i.name", COLUMN_TEXT, instance_row, name),
	COLUMN("i.version", COLUMN_TEXT, instance_row, version),
	COLUMN("i.started_at", COLUMN_WALL, instance_row, started_at),
	COLUMN("i.id IN (SELECT v.id FROM live_instances v)", COLUMN_BOOL, instance_row, live),
	COLUMN("EXISTS (SELECT 1 FROM leader l, clock c WHERE l.instance = i.id AND l.until > "
	       "c.us)",
		COLUMN_BOOL, instance_row, leads),
};
static const struct row_type instance_type = ROW_TYPE(instance_row, columns);

void instance_list_release(struct instance_list *l)
{
	LIST_RELEASE(&instance_type, l);
}

void store_act_as(struct store *s, int64_t instance)
{
	s->instance = instance;
}

int store_instance_add(struct store *s, const char *name, const char *version, int64_t lease_us,
	struct wall now, int64_t *ret_id, struct err *e)
{
	if (sql_int(s, ret_id, e,
		    "INSERT INTO instances (name, version, started_at, until)"
		    " SELECT ?1, ?2, ?3, c.us + ?4 FROM clock c RETURNING id",
		    "ttwi", name, version, now, lease_us) < 0)
		return -1;
	store_act_as(s, *ret_id);
	return 0;
}

int store_instance_renew(struct store *s, int64_t id, int64_t lease_us, struct err *e)
{
	int64_t n = 0;

	if (!sql_is_postgres(s))
		return 1;
	if (sql_int(s, &n, e, "SELECT pg_instance_renew(?, ?)", "ii", id, lease_us) < 0)
		return -1;
	return n > 0;
}

int store_instance_lead(struct store *s, int64_t id, int64_t lease_us, struct err *e)
{
	int64_t n = 0;

	if (!sql_is_postgres(s))
		return 1;
	if (sql_int(s, &n, e, "SELECT pg_instance_lead(?, ?)", "ii", id, lease_us) < 0)
		return -1;
	return n > 0;
}

int store_instance_end(struct store *s, int64_t id, struct err *e)
{
	return sql_run(s, e, "DELETE FROM instances WHERE id = ?", "i", id);
}

int store_instances_alone(struct store *s, struct err *e)
{
	return sql_is_postgres(s) ? 0 : sql_run(s, e, "DELETE FROM instances", "");
}

int store_instances_prune(struct store *s, int64_t before_us, struct err *e)
{
	int64_t any = 0;

	if (sql_int(s, &any, e,
		    "SELECT count(*) FROM instances"
		    " WHERE until + ? < (SELECT c.us FROM clock c)",
		    "i", before_us) < 0)
		return -1;
	return any ? sql_run(s, e,
			     "DELETE FROM instances WHERE until + ? < (SELECT c.us FROM clock c)",
			     "i", before_us)
		   : 0;
}

int store_instance_list(struct store *s, struct instance_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &instance_type, "FROM instances i ORDER BY i.id", "") < 0)
		return -1;
	return LIST_READ(&q, &instance_type, ret, e);
}

int store_instance_check(struct store *s, struct err *e)
{
	int64_t live = 0;

	if (!s->instance || !sql_is_postgres(s))
		return 0;
	if (sql_int(s, &live, e, "SELECT count(*) FROM live_instances WHERE id = ?", "i",
		    s->instance) < 0)
		return -1;
	return live ? 0
		    : err_set(e, ERR_TIMEOUT,
			      "the lease of this serve (instance %" PRId64
			      ") is over; it comes back as a new one",
			      s->instance);
}

/* The channel is the schema's: link.c makes the same number. */
int store_tell(struct store *s, const char *word, struct err *e)
{
	CLEAN_STR char *whole = xasprintf("%" PRId64 " %s", s->instance, word);
	int64_t n;

	if (!sql_is_postgres(s) || strlen(whole) > STORE_WORD_MAX)
		return 0;
	return sql_int(s, &n, e,
		       "SELECT count(pg_notify('shithubd_' || CAST(hashtextextended('shithubd '"
		       " || current_schema(), 0) AS TEXT), ?))",
		       "t", whole) < 0
		       ? -1
		       : 0;
}
