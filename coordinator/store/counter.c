/*
 * Counters that outlive a restart. A counter is made by its first addition: the names are
 * those of coordinator/app/metrics.c.
 */
#include "coordinator/store/counter.h"

#include "coordinator/sql/sql.h"

int store_counter_add(struct store *s, const char *name, int64_t n, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO counters (name, value) VALUES (?, ?)"
		" ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value",
		"ti", name, n);
}

int store_counter_each(struct store *s, void (*fn)(void *data, const char *name, int64_t value),
	void *data, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e, "SELECT name, value FROM counters ORDER BY name", "") < 0)
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		CLEAN_STR char *name = col_text(&q, 0);

		fn(data, name, col_int(&q, 1));
	}
	return rc;
}
