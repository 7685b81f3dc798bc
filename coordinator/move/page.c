/* A page is read behind the key of the row before, so that a table that is large is never sorted as
 * a whole and a page costs the same wherever it is. */
#include "coordinator/move/page.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/move/text.h"

#define KEY_TEXT_MAX KIB(1)

static void values_free(struct sql_values *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->v[i].owned);
	v->n = 0;
}

void page_place_release(struct page_place *p)
{
	values_free(&p->key);
	p->behind = false;
}

static void place_set(
	struct page_place *p, const struct shape_table *t, const struct sql_values *row)
{
	values_free(&p->key);
	for (size_t i = 0; i < t->n_key; i++) {
		struct sql_value *to = &p->key.v[i];

		*to = row->v[t->key[i]];
		if (to->kind != VALUE_INT)
			to->bytes = to->owned = xmemdup0(to->bytes, to->len);
	}
	p->key.n = t->n_key;
	p->behind = true;
}

/* ---- a row ---- */

static void key_text(const struct shape_table *t, const struct sql_values *row, struct buf *out)
{
	for (size_t i = 0; i < t->n_key; i++) {
		const struct sql_value *v = &row->v[t->key[i]];

		buf_addf(out, "%s%s ", i ? ", " : "", t->columns[t->key[i]].name);
		if (v->kind == VALUE_INT)
			buf_addf(out, "%" PRId64, v->number);
		else
			buf_addf(out, "\"%.*s\"", (int)(v->len < 100 ? v->len : 100), v->bytes);
	}
}

static const char *misfit(const struct shape_column *c, const struct sql_value *v)
{
	if (v->kind == VALUE_NULL)
		return NULL;
	if ((c->kind == VALUE_INT) != (v->kind == VALUE_INT))
		return c->kind == VALUE_INT ? "not a number" : "a number, not a text";
	if (c->kind != VALUE_TEXT)
		return NULL;
	if (memchr(v->bytes, '\0', v->len))
		return "a text with a NUL byte, which PostgreSQL cannot hold";
	return utf8_valid(v->bytes, v->len) ? NULL
					    : "a text that is not UTF-8, which PostgreSQL "
					      "cannot hold";
}

static int row_check(const struct shape_table *t, const struct sql_values *row, struct err *e)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *why = misfit(&t->columns[i], &row->v[i]);
		CLEAN_BUF struct buf key = BUF_INIT(KEY_TEXT_MAX);

		if (!why)
			continue;
		key_text(t, row, &key);
		return err_set(e, ERR_INPUT, "table %s, row %s, column %s: %s; mend it there first",
			t->name, buf_cstr(&key), t->columns[i].name, why);
	}
	return 0;
}

static void value_read(struct query *q, int i, struct sql_value *to)
{
	*to = (struct sql_value){ .kind = col_kind(q, i) };
	if (to->kind == VALUE_INT) {
		to->number = col_int(q, i);
		return;
	}
	struct slice bytes = to->kind == VALUE_TEXT ? col_slice(q, i) : col_bytes(q, i);
	to->bytes = bytes.ptr ? bytes.ptr : "";
	to->len = bytes.len;
}

static int row_read_whole(
	struct query *q, const struct shape_table *t, struct sql_values *row, struct err *e)
{
	row->n = t->n;
	for (size_t i = 0; i < t->n; i++)
		value_read(q, (int)i, &row->v[i]);
	if (row_check(t, row, e) < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++) /* bytes are the same whatever SQLite takes them for */
		if (row->v[i].kind != VALUE_NULL)
			row->v[i].kind = t->columns[i].kind;
	return 0;
}

static size_t row_bytes(const struct sql_values *row)
{
	size_t n = 0;

	for (size_t i = 0; i < row->n; i++)
		n += row->v[i].kind == VALUE_INT ? 0 : row->v[i].len;
	return n;
}

/* ---- a page ---- */

static int page_begin(struct store *s, struct shape_table *t, const struct page_place *at,
	int64_t limit, struct query *q, struct err *e)
{
	const struct shape_texts *texts = text_of(t, sql_is_postgres(s));
	struct sql_values v = at->key;

	if (!at->behind)
		return sql_query(s, q, e, texts->first, "i", limit);
	v.v[v.n++] = (struct sql_value){ .kind = VALUE_INT, .number = limit };
	return sql_query_values(s, q, e, texts->next, texts->key_types, &v);
}

int page_read(struct store *s, struct shape_table *t, struct page_place *at, int64_t limit,
	page_row_fn *fn, void *data, int64_t *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	struct sql_values row;
	size_t bytes = 0;
	int rc = page_begin(s, t, at, limit, &q, e);

	*ret = 0;
	while (rc == 0 && bytes < TEXT_PAGE_BYTES && (rc = sql_next(&q, e)) > 0) {
		rc = row_read_whole(&q, t, &row, e) < 0 ? -1 : fn(data, &row, e);
		if (rc < 0)
			break;
		bytes += row_bytes(&row);
		place_set(at, t, &row);
		++*ret;
	}
	return rc < 0 ? -1 : 0;
}
