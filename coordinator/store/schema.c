/*
 * All missing steps run in one transaction under the write lock of the whole store, so that of
 * several processes that start at once one makes them and the others find them made. A newer schema
 * than the program's is refused.
 */
#include "coordinator/store/schema.h"

#include <inttypes.h>
#include <stdio.h>

#include "coordinator/sql/sql.h"
#include "coordinator/store/schema/steps.h"

const char *schema_step(size_t number)
{
	return number >= 1 && number <= SCHEMA_NEWEST ? schema_sqlite[number - 1] : NULL;
}

int64_t store_schema_newest(void)
{
	return SCHEMA_NEWEST;
}

/* ---- what differs: where the number stands, and the steps ---- */

static int postgres_version(struct store *s, int64_t *ret, struct err *e)
{
	int64_t made = 0;

	*ret = 0;
	if (sql_int(s, &made, e,
		    "SELECT count(*) FROM pg_class WHERE oid = to_regclass('schema_version')",
		    "") < 0)
		return -1;
	return made && sql_int(s, ret, e, "SELECT version FROM schema_version", "") < 0 ? -1 : 0;
}

static int version_get(struct store *s, int64_t *ret, struct err *e)
{
	if (sql_is_postgres(s))
		return postgres_version(s, ret, e);
	return sql_int(s, ret, e, "PRAGMA user_version", "") < 0 ? -1 : 0;
}

static int version_set(struct store *s, int64_t number, struct err *e)
{
	char pragma[64];

	if (sql_is_postgres(s))
		return sql_run(s, e, "UPDATE schema_version SET version = ?", "i", number);
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %" PRId64, number);
	return sql_script(s, e, pragma);
}

static const char *step_text(const struct store *s, int64_t number)
{
	return sql_is_postgres(s) ? schema_postgres[number - SCHEMA_POSTGRES_FIRST]
				  : schema_sqlite[number - 1];
}

static int64_t step_after(const struct store *s, int64_t have)
{
	return sql_is_postgres(s) && have == 0 ? (int64_t)SCHEMA_POSTGRES_FIRST : have + 1;
}

const char *store_schema_next(const struct store *s, int64_t *n)
{
	int64_t next = step_after(s, *n);

	if (next > SCHEMA_NEWEST)
		return NULL;
	*n = next;
	return step_text(s, next);
}

/* ---- the same for both ---- */

int64_t store_schema_version(struct store *s)
{
	int64_t v = 0;

	return version_get(s, &v, NULL) < 0 ? -1 : v;
}

static int steps_run(struct store *s, struct err *e)
{
	int64_t have = 0;

	if (version_get(s, &have, e) < 0)
		return err_wrap(e, "schema version");
	if (have > SCHEMA_NEWEST)
		return err_set(e, ERR_CONFLICT,
			"store: schema %" PRId64 " is newer than this program's %d", have,
			SCHEMA_NEWEST);
	const char *text;
	for (int64_t n = have; (text = store_schema_next(s, &n));)
		if (sql_script(s, e, text) < 0 || version_set(s, n, e) < 0)
			return err_wrap(e, "schema %" PRId64, n);
	return 0;
}

int schema_migrate(struct store *s, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_schema_version(s) == SCHEMA_NEWEST)
		return 0;
	/* Read again under the lock: another process may have been faster. */
	if (store_begin(s, &tx, e) < 0 || steps_run(s, e) < 0)
		return -1;
	return store_commit(&tx, e);
}
