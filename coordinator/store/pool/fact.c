/* Of two that come at the same time the insertion lets one through, and both read what it wrote. */
#include "coordinator/store/pool/fact.h"

#include "coordinator/sql/sql.h"

int store_fact(struct store *s, const char *name, char **ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	*ret = NULL;
	if (sql_query(s, &q, e, "SELECT value FROM facts WHERE name = ?", "t", name) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc > 0)
		*ret = col_text(&q, 0);
	return rc < 0 ? -1 : 0;
}

int store_fact_say(struct store *s, const char *name, const char *value, struct wall now,
	char **ret, struct err *e)
{
	if (store_fact(s, name, ret, e) < 0)
		return -1;
	if (*ret)
		return 0;
	if (sql_run(s, e,
		    "INSERT INTO facts (name, value, said_at) VALUES (?, ?, ?)"
		    " ON CONFLICT DO NOTHING",
		    "ttw", name, value, now) < 0 ||
		store_fact(s, name, ret, e) < 0)
		return -1;
	return *ret ? 0 : err_set(e, ERR_INTERNAL, "the fact %s is gone again", name);
}

int store_fact_change(struct store *s, const char *name, const char *value, struct wall now,
	char **ret, struct err *e)
{
	if (store_fact(s, name, ret, e) < 0)
		return -1;
	if (str_eq(*ret, value))
		return 0;
	return sql_run(s, e,
		"INSERT INTO facts (name, value, said_at) VALUES (?, ?, ?)"
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value,"
		" said_at = excluded.said_at",
		"ttw", name, value, now);
}
