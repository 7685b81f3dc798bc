/* Pieces, as no statement here is known before the schema was read: the first word stands apart
 * from the rest, which tells whoever collects whole statements that there is none. */
#include "coordinator/move/text.h"

#include "base/buf.h"
#include "base/limits.h"

#define STATEMENT_MAX KIB(32)
#define NUMBER(n) #n
#define BYTES(n) NUMBER(n)

static void columns_add(struct buf *out, const struct shape_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		buf_addf(out, "%s\"%s\"", i ? ", " : " ", t->columns[i].name);
}

/* Names and case would stand otherwise in each database. */
static void key_add(struct buf *out, const struct shape_table *t, bool postgres)
{
	for (size_t i = 0; i < t->n_key; i++) {
		const struct shape_column *c = &t->columns[t->key[i]];

		buf_addf(out, "%s\"%s\"%s", i ? ", " : "", c->name,
			c->kind != VALUE_TEXT ? ""
			: postgres            ? " COLLATE \"C\""
					      : " COLLATE BINARY");
	}
}

static void behind_add(struct buf *out, const struct shape_table *t, bool postgres)
{
	buf_adds(out, " WHERE (");
	key_add(out, t, postgres);
	buf_adds(out, ") > (");
	for (size_t i = 0; i < t->n_key; i++)
		buf_adds(out, i ? ", ?" : "?");
	buf_adds(out, ")");
}

static void ordered_add(struct buf *out, const struct shape_table *t, bool postgres, bool behind)
{
	buf_addf(out, " FROM \"%s\"", t->name);
	if (behind)
		behind_add(out, t, postgres);
	buf_adds(out, " ORDER BY ");
	key_add(out, t, postgres);
	buf_adds(out, " LIMIT ?");
}

/* Of a row, in bytes: what has a length. */
static void length_add(struct buf *out, const struct shape_table *t)
{
	buf_adds(out, "(0");
	for (size_t i = 0; i < t->n; i++)
		if (t->columns[i].kind != VALUE_INT)
			buf_addf(out, " + coalesce(octet_length(\"%s\"), 0)", t->columns[i].name);
	buf_adds(out, ")");
}

static char *select_text(const struct shape_table *t, bool postgres, bool behind)
{
	struct buf out = BUF_INIT(STATEMENT_MAX);

	buf_adds(&out, "SELECT");
	columns_add(&out, t);
	if (postgres) {
		buf_adds(&out, " FROM (SELECT *, sum");
		length_add(&out, t);
		buf_adds(&out, " OVER (ORDER BY ");
		key_add(&out, t, true);
		buf_adds(&out, " ROWS UNBOUNDED PRECEDING) - ");
		length_add(&out, t);
		buf_adds(&out, " AS bytes_before");
	}
	ordered_add(&out, t, postgres, behind);
	if (postgres) {
		buf_adds(&out, ") page WHERE bytes_before < " BYTES(TEXT_PAGE_BYTES) " ORDER BY ");
		key_add(&out, t, true);
	}
	return buf_take(&out);
}

static char *insert_text(const struct shape_table *t)
{
	struct buf out = BUF_INIT(STATEMENT_MAX);

	buf_adds(&out, "INSERT");
	buf_addf(&out, " INTO \"%s\" (", t->name);
	columns_add(&out, t);
	buf_adds(&out, ") VALUES (");
	for (size_t i = 0; i < t->n; i++)
		buf_adds(&out, i ? ", ?" : "?");
	buf_adds(&out, ")");
	return buf_take(&out);
}

static char *copy_text(const struct shape_table *t)
{
	struct buf out = BUF_INIT(STATEMENT_MAX);

	buf_addf(&out, "COPY \"%s\" (", t->name);
	columns_add(&out, t);
	buf_adds(&out, ") FROM STDIN");
	return buf_take(&out);
}

static char letter(enum value_kind kind)
{
	return kind == VALUE_INT ? 'i' : kind == VALUE_TEXT ? 't' : 'b';
}

static void types_make(struct shape_texts *to, const struct shape_table *t)
{
	to->types = xcalloc(t->n + 1, 1);
	for (size_t i = 0; i < t->n; i++)
		to->types[i] = letter(t->columns[i].kind);
	to->key_types = xcalloc(t->n_key + 2, 1);
	for (size_t i = 0; i < t->n_key; i++)
		to->key_types[i] = letter(t->columns[t->key[i]].kind);
	to->key_types[t->n_key] = 'i';
}

const struct shape_texts *text_of(struct shape_table *t, bool postgres)
{
	struct shape_texts *to = &t->texts[postgres];

	if (to->first)
		return to;
	types_make(to, t);
	to->first = select_text(t, postgres, false);
	to->next = select_text(t, postgres, true);
	to->put = postgres ? copy_text(t) : insert_text(t);
	return to;
}
