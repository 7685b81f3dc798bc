/*
 * The one place that knows how a column becomes a member. SQLite hands out columns by number; here
 * the number is the position in the row's table, which also made the SELECT, so the two cannot
 * drift apart. Lists and maps are JSON text that this program wrote: what does not parse is a
 * damaged file, and the error names the column.
 */
#include "coordinator/sql/row.h"

#include "base/json.h"
#include "base/limits.h"

/* ---- one column ---- */

static struct json_doc *column_json(struct query *q, int i, struct err *e)
{
	struct slice text = col_slice(q, i);
	struct json_limits lim = { .bytes = COLUMN_JSON_MAX };
	struct json_doc *d =
		json_parse(text.ptr ? text.ptr : "null", text.ptr ? text.len : 4, &lim, e);

	if (!d)
		err_wrap(e, "column %s", col_name(q, i));
	return d;
}

static int read_strv(struct query *q, int i, struct strv *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *d = column_json(q, i, e);

	if (!d)
		return -1;
	const struct json_value *list = json_root(d);
	if (list->type == JSON_NULL)
		return 0;
	json_array_each (item, list)
		strv_add(ret, item->string);
	return 0;
}

static int read_pairs(struct query *q, int i, struct pairs *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *d = column_json(q, i, e);

	if (!d)
		return -1;
	const struct json_value *map = json_root(d);
	if (map->type == JSON_NULL)
		return 0;
	json_array_each (item, map)
		pairs_set_n(ret, item->key, item->string, item->len);
	return 0;
}

static int read_column(
	struct query *q, int i, const struct column *c, unsigned char *row, struct err *e)
{
	void *to = row + c->offset;

	switch (c->kind) {
	case COLUMN_INT:
		*(int64_t *)to = col_int(q, i);
		return 0;
	case COLUMN_BOOL:
		*(bool *)to = col_int(q, i) != 0;
		return 0;
	case COLUMN_TEXT:
		*(char **)to = col_text(q, i);
		return 0;
	case COLUMN_BYTES: {
		struct slice bytes = col_bytes(q, i);

		*(char **)to = xmemdup0(bytes.ptr, bytes.len);
		*(size_t *)(void *)(row + c->length) = bytes.len;
		return 0;
	}
	case COLUMN_WALL:
		*(struct wall *)to = (struct wall){ col_int(q, i) };
		return 0;
	case COLUMN_STRV:
		return read_strv(q, i, to, e);
	case COLUMN_PAIRS:
		return read_pairs(q, i, to, e);
	case COLUMN_WORD:
		return c->parse(col_slice(q, i).ptr, to, e);
	}
	BUG("column kind %d", c->kind);
}

/* ---- rows ---- */

int row_read(struct query *q, const struct row_type *t, void *row, struct err *e)
{
	for (size_t i = 0; i < t->n; i++)
		if (read_column(q, (int)i, &t->columns[i], row, e) < 0)
			return err_wrap(e, "store");
	return 0;
}

int row_next(struct query *q, const struct row_type *t, void *row, struct err *e)
{
	int rc = sql_next(q, e);

	if (rc > 0 && row_read(q, t, row, e) < 0)
		return -1;
	return rc;
}

void row_columns(const struct row_type *t, struct buf *out)
{
	for (size_t i = 0; i < t->n; i++)
		buf_addf(out, "%s%s", i ? ", " : "", t->columns[i].sql);
}

int row_select(struct store *s, struct query *q, struct err *e, const struct row_type *t,
	const char *rest, const char *types, ...)
{
	va_list ap;

	va_start(ap, types);
	int rc = sql_start(s, q, t, rest, types, &ap, e);
	va_end(ap);
	return rc;
}

void row_release(const struct row_type *t, void *row)
{
	for (size_t i = 0; i < t->n; i++) {
		void *at = (unsigned char *)row + t->columns[i].offset;

		switch (t->columns[i].kind) {
		case COLUMN_TEXT:
		case COLUMN_BYTES:
			free(*(char **)at);
			break;
		case COLUMN_STRV:
			strv_release(at);
			break;
		case COLUMN_PAIRS:
			pairs_release(at);
			break;
		case COLUMN_INT:
		case COLUMN_BOOL:
		case COLUMN_WALL:
		case COLUMN_WORD:
			break;
		}
	}
	memset(row, 0, t->size);
}
