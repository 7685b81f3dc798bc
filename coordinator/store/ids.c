/*
 * SQLite keeps the last number of each table in a table, PostgreSQL in a sequence, which gives a
 * number to one asker only and does not take it back when its transaction does.
 */
#include "coordinator/store/ids.h"

#include "coordinator/sql/sql.h"

int store_run_id_next(struct store *s, int64_t *ret, struct err *e)
{
	if (sql_is_postgres(s))
		return sql_int(s, ret, e,
			       "SELECT nextval(pg_get_serial_sequence('workflow_runs', 'id'))",
			       "") < 0
			       ? -1
			       : 0;
	/* Whoever makes runs has the lock of the file. */
	*ret = 1;
	return sql_int(s, ret, e,
		       "SELECT seq + 1 FROM sqlite_sequence WHERE name = 'workflow_runs'", "") < 0
		       ? -1
		       : 0;
}

/* A table that never had a row has no entry yet. */
static int sqlite_skip(struct store *s, int64_t n, struct err *e)
{
	if (sql_run(s, e,
		    "INSERT INTO sqlite_sequence (name, seq) SELECT m.name, 0 FROM sqlite_schema m"
		    " WHERE m.type = 'table' AND m.sql LIKE '%AUTOINCREMENT%'"
		    " AND m.name NOT IN (SELECT name FROM sqlite_sequence)",
		    "") < 0)
		return -1;
	return sql_run(s, e, "UPDATE sqlite_sequence SET seq = seq + ?", "i", n);
}

int store_ids_skip(struct store *s, int64_t n, struct err *e)
{
	if (!sql_is_postgres(s))
		return sqlite_skip(s, n, e);
	return sql_run(s, e,
		"SELECT setval(format('%I.%I', schemaname, sequencename)::regclass,"
		" coalesce(last_value, 0) + ?) FROM pg_sequences"
		" WHERE schemaname = current_schema()",
		"i", n);
}
