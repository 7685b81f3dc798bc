/* SQLite gets row by row; PostgreSQL a page in one COPY, as a statement for each row would cost a
 * round trip. */
#include "coordinator/move/put.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/move/text.h"

#define PAGE_TEXT_MAX MIB(512)

void put_begin(struct put *p, struct store *s, struct shape_table *t)
{
	*p = (struct put){ .store = s, .table = t, .rows = BUF_INIT(PAGE_TEXT_MAX) };
}

void put_end(struct put *p)
{
	buf_release_wipe(&p->rows);
}

/* ---- COPY's text form ---- */

static void text_add(struct buf *out, const char *p, size_t n)
{
	static const char special[] = "\\\n\r\t", letters[] = "\\nrt";

	for (size_t i = 0, begin = 0; i <= n; i++) {
		const char *found = i < n && p[i] ? strchr(special, p[i]) : NULL;

		if (i < n && !found)
			continue;
		buf_add(out, p + begin, i - begin);
		if (found) {
			buf_addc(out, '\\');
			buf_addc(out, letters[found - special]);
		}
		begin = i + 1;
	}
}

static void bytes_add(struct buf *out, const char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *to = buf_reserve(out, n * 2 + 3);

	if (!to)
		return;
	memcpy(to, "\\\\x", 3);
	for (size_t i = 0; i < n; i++) {
		to[3 + i * 2] = digits[(unsigned char)p[i] >> 4];
		to[4 + i * 2] = digits[p[i] & 15];
	}
	buf_commit(out, n * 2 + 3);
}

static void value_add(struct buf *out, const struct sql_value *v)
{
	switch (v->kind) {
	case VALUE_NULL:
		buf_adds(out, "\\N");
		break;
	case VALUE_INT:
		buf_addf(out, "%" PRId64, v->number);
		break;
	case VALUE_TEXT:
		text_add(out, v->bytes, v->len);
		break;
	case VALUE_BYTES:
		bytes_add(out, v->bytes, v->len);
		break;
	}
}

static int copy_row(struct put *p, const struct sql_values *row, struct err *e)
{
	for (size_t i = 0; i < row->n; i++) {
		if (i)
			buf_addc(&p->rows, '\t');
		value_add(&p->rows, &row->v[i]);
	}
	buf_addc(&p->rows, '\n');
	if (!buf_ok(&p->rows))
		return err_set(e, ERR_LIMIT, "table %s: a row of more than %zu MiB", p->table->name,
			PAGE_TEXT_MAX >> 21);
	return 0;
}

/* ---- both ---- */

static int insert_row(struct put *p, const struct sql_values *row, struct err *e)
{
	const struct shape_texts *texts = text_of(p->table, false);
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query_values(p->store, &q, e, texts->put, texts->types, row) < 0 ||
		sql_next(&q, e) < 0)
		return err_wrap(e, "table %s", p->table->name);
	return 0;
}

int put_row(struct put *p, const struct sql_values *row, struct err *e)
{
	return sql_is_postgres(p->store) ? copy_row(p, row, e) : insert_row(p, row, e);
}

int put_flush(struct put *p, struct err *e)
{
	const char *text = sql_is_postgres(p->store) ? text_of(p->table, true)->put : NULL;

	if (!text || p->rows.len == 0)
		return 0;
	int rc = sql_copy_in(p->store, e, text, buf_slice(&p->rows));
	buf_clear(&p->rows);
	return rc < 0 ? err_wrap(e, "table %s", p->table->name) : 0;
}
