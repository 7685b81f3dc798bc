/* A copy under way is a row of the destination, so that it goes with the pages: neither can be
 * there without the other. */
#include "coordinator/move/bookmark.h"

#include "coordinator/move/page.h"
#include "coordinator/store/store.h"

void bookmark_release(struct bookmark *b)
{
	free(b->source);
	free(b->at_table);
	*b = (struct bookmark){ 0 };
}

int bookmark_get(struct store *s, struct bookmark *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	*ret = (struct bookmark){ 0 };
	if (sql_query(s, &q, e, "SELECT source, at_table, rows FROM store_copy", "") < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc > 0) {
		ret->source = col_text(&q, 0);
		ret->at_table = col_text(&q, 1);
		ret->rows = col_int(&q, 2);
	}
	return rc < 0 ? -1 : 0;
}

static int on_row(void *data UNUSED, const struct sql_values *row UNUSED, struct err *e UNUSED)
{
	return 0;
}

/* Two rows are made by the schema: the site's policy, which as it was made is nobody's, and who
 * leads of the serves. */
static int rows_of_its_own(struct store *s, struct shape_table *t, int64_t *ret, struct err *e)
{
	CLEANUP(page_place_release) struct page_place at = { 0 };

	if (str_eq(t->name, "leader"))
		return 0;
	if (!str_eq(t->name, "policies"))
		return page_read(s, t, &at, 1, on_row, NULL, ret, e);
	return sql_int(s, ret, e,
		       "SELECT count(*) FROM policies WHERE id <> 1 OR disabled_at IS NOT NULL"
		       " OR allowed_runners <> '[]' OR max_repo_queued_runs IS NOT NULL"
		       " OR max_repo_concurrent_jobs IS NOT NULL"
		       " OR max_owner_concurrent_jobs IS NOT NULL"
		       " OR actor_trigger_limit_per_hour IS NOT NULL",
		       "") < 0
		       ? -1
		       : 0;
}

static int empty_check(struct store *s, const struct shape *h, struct err *e)
{
	for (size_t i = 0; i < h->n; i++) {
		int64_t n = 0;

		if (rows_of_its_own(s, &h->v[i], &n, e) < 0)
			return -1;
		if (n)
			return err_set(e, ERR_CONFLICT,
				"it has rows of its own (table %s); rows go into a new store "
				"alone: "
				"an empty database or schema, or a folder without shithubd.db",
				h->v[i].name);
	}
	return 0;
}

int bookmark_begin(struct store *s, const struct shape *h, const char *source, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || empty_check(s, h, e) < 0 ||
		sql_run(s, e, "DELETE FROM policies WHERE id = 1", "") < 0 ||
		sql_run(s, e, "DELETE FROM leader WHERE id = 1", "") < 0 ||
		sql_run(s, e,
			"INSERT INTO store_copy (id, source, at_table, rows) VALUES (1, ?, '', 0)",
			"t", source) < 0 ||
		sql_triggers(s, false, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

int bookmark_set(struct store *s, const char *at_table, int64_t rows, struct err *e)
{
	return sql_run(s, e, "UPDATE store_copy SET at_table = ?, rows = ? WHERE id = 1", "ti",
		at_table, rows);
}

int bookmark_end(struct store *s, struct err *e)
{
	if (sql_triggers(s, true, e) < 0)
		return -1;
	return sql_run(s, e, "DELETE FROM store_copy WHERE id = 1", "");
}
