/* Of two serves that are shown the same at one time the insertion lets one through. */
#include "coordinator/store/pool/spent.h"

#include "coordinator/sql/sql.h"

int store_spend(
	struct store *s, const unsigned char what[SHA256_LEN], struct wall until, struct err *e)
{
	if (sql_run(s, e, "INSERT INTO spent (what, until) VALUES (?, ?) ON CONFLICT DO NOTHING",
		    "bw", what, (size_t)SHA256_LEN, until) < 0)
		return -1;
	return sql_changes(s) > 0;
}

int store_spent_prune(struct store *s, struct wall now, struct err *e)
{
	int64_t one = 0;
	int rc = sql_int(s, &one, e, "SELECT 1 FROM spent WHERE until < ? LIMIT 1", "w", now);

	return rc > 0 ? sql_run(s, e, "DELETE FROM spent WHERE until < ?", "w", now) : rc;
}
