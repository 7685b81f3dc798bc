/* Clocks that are a minute apart make one serve see what another counted as over, or as not begun:
 * then each counts its own. */
#include "coordinator/store/pool/tries.h"

#include "coordinator/sql/sql.h"

bool store_tries_shared(const struct store *s)
{
	return sql_is_postgres(s);
}

int store_tries_add(struct store *s, const unsigned char who[TRIES_HASH_LEN], struct wall now,
	int64_t *ret, struct err *e)
{
	if (sql_run(s, e,
		    "INSERT INTO tries (who, n, since) VALUES (?1, 1, ?2)"
		    " ON CONFLICT (who) DO UPDATE SET"
		    " n = CASE WHEN tries.since BETWEEN ?3 AND ?2 THEN tries.n + 1 ELSE 1 END,"
		    " since = CASE WHEN tries.since BETWEEN ?3 AND ?2 THEN tries.since ELSE ?2 END",
		    "bwi", who, (size_t)TRIES_HASH_LEN, now, now.us - TRIES_WINDOW_US) < 0)
		return -1;
	return store_tries_of(s, who, now, ret, e);
}

int store_tries_of(struct store *s, const unsigned char who[TRIES_HASH_LEN], struct wall now,
	int64_t *ret, struct err *e)
{
	*ret = 0;
	return sql_int(s, ret, e, "SELECT n FROM tries WHERE who = ?1 AND since BETWEEN ?2 AND ?3",
		       "biw", who, (size_t)TRIES_HASH_LEN, now.us - TRIES_WINDOW_US, now) < 0
		       ? -1
		       : 0;
}

static int drop_old(struct store *s, struct wall now, struct err *e)
{
	int64_t one = 0, before = now.us - TRIES_WINDOW_US;
	int rc = sql_int(s, &one, e, "SELECT 1 FROM tries WHERE since < ? LIMIT 1", "i", before);

	return rc > 0 ? sql_run(s, e, "DELETE FROM tries WHERE since < ?", "i", before) : rc;
}

int store_tries_prune(struct store *s, struct wall now, int64_t most, struct err *e)
{
	int64_t n = 0;

	if (drop_old(s, now, e) < 0 || sql_int(s, &n, e, "SELECT count(*) FROM tries", "") < 0)
		return -1;
	if (n <= most)
		return 0;
	return sql_run(s, e,
		"DELETE FROM tries WHERE who IN"
		" (SELECT who FROM tries ORDER BY n, since LIMIT ?)",
		"i", n - most);
}
