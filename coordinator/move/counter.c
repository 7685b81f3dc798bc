/* SQLite has the numbers in a table of its own, PostgreSQL in a sequence for each table. */
#include "coordinator/move/counter.h"

bool counter_has(const struct store *s, const struct shape_table *t)
{
	if (!sql_is_postgres(s))
		return t->counted;
	return t->n_key == 1 && str_eq(t->columns[t->key[0]].name, "id");
}

int counter_get(struct store *s, const struct shape_table *t, int64_t *ret, struct err *e)
{
	int rc;

	*ret = 0;
	if (!counter_has(s, t))
		return 0;
	if (sql_is_postgres(s))
		rc = sql_int(s, ret, e,
			"SELECT coalesce(last_value, 0) FROM pg_sequences WHERE"
			" format('%I.%I', schemaname, sequencename) = pg_get_serial_sequence(?, "
			"'id')",
			"t", t->name);
	else
		rc = sql_int(
			s, ret, e, "SELECT seq FROM sqlite_sequence WHERE name = ?", "t", t->name);
	return rc < 0 ? -1 : 0;
}

/* A table of SQLite that never had a row has no entry yet. */
int counter_set(struct store *s, const struct shape_table *t, int64_t last, struct err *e)
{
	if (last == 0 || !counter_has(s, t))
		return 0;
	if (sql_is_postgres(s))
		return sql_run(s, e, "SELECT setval(pg_get_serial_sequence(?, 'id'), ?)", "ti",
			t->name, last);
	if (sql_run(s, e, "DELETE FROM sqlite_sequence WHERE name = ?", "t", t->name) < 0)
		return -1;
	return sql_run(
		s, e, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", "ti", t->name, last);
}
