/* PRAGMAs say it all; their texts are kept, as the cache of statements knows them by their address.
 */
#include "coordinator/move/shape.h"

static void table_release(struct shape_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->columns[i].name);
	for (size_t i = 0; i < ARRAY_LEN(t->texts); i++) {
		free(t->texts[i].types);
		free(t->texts[i].key_types);
		free(t->texts[i].first);
		free(t->texts[i].next);
		free(t->texts[i].put);
	}
	strv_release(&t->refers);
	free(t->columns);
	free(t->name);
}

void shape_release(struct shape *h)
{
	for (size_t i = 0; i < h->n; i++)
		table_release(&h->v[i]);
	free(h->v);
	strv_release(&h->asked);
	*h = (struct shape){ 0 };
}

/* ---- what the schema says ---- */

static const char *pragma(struct shape *h, const char *what, const char *table)
{
	strv_addf(&h->asked, "PRAGMA %s(%s)", what, table);
	return h->asked.v[h->asked.n - 1];
}

static int kind_parse(const char *word, enum value_kind *ret)
{
	static const struct {
		const char *word;
		enum value_kind kind;
	} known[] = {
		{ "INTEGER", VALUE_INT },
		{ "TEXT", VALUE_TEXT },
		{ "BLOB", VALUE_BYTES },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(word, known[i].word)) {
			*ret = known[i].kind;
			return 0;
		}
	return -1;
}

/* Of PRAGMA table_info: cid, name, type, notnull, default, pk. */
static int column_add(struct shape_table *t, struct query *q, struct err *e)
{
	CLEAN_STR char *kind = col_text(q, 2);
	int64_t place = col_int(q, 5);

	if (t->n == SQL_VALUES_MAX || place > SHAPE_KEY_MAX)
		return err_set(e, ERR_LIMIT, "store: table %s: more than %d columns, %d of a key",
			t->name, SQL_VALUES_MAX, SHAPE_KEY_MAX);
	t->columns = xrealloc(t->columns, (t->n + 1) * sizeof(*t->columns));
	t->columns[t->n] = (struct shape_column){ .name = col_text(q, 1) };
	if (kind_parse(kind ? kind : "", &t->columns[t->n++].kind) < 0)
		return err_set(e, ERR_INTERNAL, "store: table %s: a column of the type %s", t->name,
			kind ? kind : "NULL");
	if (place) {
		t->key[place - 1] = t->n - 1;
		t->n_key++;
	}
	return 0;
}

static int columns_read(struct store *s, struct shape *h, struct shape_table *t, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int rc;

	if (sql_query(s, &q, e, pragma(h, "table_info", t->name), "") < 0)
		return -1;
	while ((rc = sql_next(&q, e)) > 0)
		if (column_add(t, &q, e) < 0)
			return -1;
	if (rc == 0 && t->n_key == 0)
		return err_set(e, ERR_INTERNAL, "store: table %s has no key", t->name);
	return rc;
}

static int refers_read(struct store *s, struct shape *h, struct shape_table *t, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int rc;

	if (sql_query(s, &q, e, pragma(h, "foreign_key_list", t->name), "") < 0)
		return -1;
	while ((rc = sql_next(&q, e)) > 0) {
		char *to = col_text(&q, 2);

		if (to && !str_eq(to, t->name))
			strv_add_take(&t->refers, to);
		else
			free(to);
	}
	return rc;
}

/* All but the database's own and the one that says how far a copy is. */
static int tables_read(struct store *s, struct shape *h, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int rc;

	if (sql_query(s, &q, e,
		    "SELECT name, sql LIKE '%AUTOINCREMENT%' FROM sqlite_schema"
		    " WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
		    " AND name <> 'store_copy' ORDER BY name",
		    "") < 0)
		return -1;
	while ((rc = sql_next(&q, e)) > 0) {
		h->v = xrealloc(h->v, (h->n + 1) * sizeof(*h->v));
		h->v[h->n++] = (struct shape_table){ .name = col_text(&q, 0),
			.counted = col_int(&q, 1) != 0 };
	}
	return rc;
}

/* ---- their order ---- */

static bool ready(const struct shape *h, const struct shape_table *t)
{
	for (size_t i = 0; i < h->n; i++)
		if (!h->v[i].placed && strv_contains(&t->refers, h->v[i].name))
			return false;
	return !t->placed;
}

/* Each time the first one by name that can be. */
static int order(struct shape *h, struct err *e)
{
	struct shape_table *to = xcalloc(h->n + 1, sizeof(*to));
	size_t n = 0, i = 0;

	while (n < h->n && i < h->n) {
		for (i = 0; i < h->n && !ready(h, &h->v[i]); i++)
			;
		if (i < h->n) {
			h->v[i].placed = true;
			to[n++] = h->v[i];
		}
	}
	if (n < h->n) {
		free(to);
		return err_set(e, ERR_INTERNAL, "store: tables refer to each other in a circle");
	}
	free(h->v);
	h->v = to;
	return 0;
}

int shape_read(struct store *s, struct shape *ret, struct err *e)
{
	CLEANUP(shape_release) struct shape h = { 0 };

	if (tables_read(s, &h, e) < 0)
		return -1;
	for (size_t i = 0; i < h.n; i++)
		if (columns_read(s, &h, &h.v[i], e) < 0 || refers_read(s, &h, &h.v[i], e) < 0)
			return -1;
	if (order(&h, e) < 0)
		return -1;
	*ret = h;
	h = (struct shape){ 0 };
	return 0;
}
