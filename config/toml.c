/*
 * The document: keys, tables, arrays, and the rules about defining a table twice.
 *
 * Who created a table decides what may still be added to it:
 *   IMPLICIT  by a longer header ([a.b] makes a): one [a] may follow, dotted keys may extend it
 *   HEADER    by [a] or as an element of [[a]]: never again, but sub-tables by longer headers
 *   DOTTED    by a dotted key: only dotted keys of the same section, sub-tables by headers
 *   INLINE    by { … }: closed
 * and an array made by [[a]] (ARRAY_OF_TABLES) grows only by another [[a]].
 */
#include "config/toml.h"

#include "base/limits.h"
#include "config/toml_parse.h"

enum origin { VALUE, IMPLICIT, HEADER, DOTTED, INLINE, ARRAY_OF_TABLES };
struct key_part {
	const char *text;
	size_t len, at; /* at: offset in the source */
	unsigned line, column;
};

struct key_path {
	struct key_part parts[TOML_DEPTH];
	size_t n;
};

static int parse_value(struct toml_parser *p, struct toml_value *v);

const char *toml_type_name(enum toml_type t)
{
	static const char *const names[] = {
		[TOML_STRING] = "a string",
		[TOML_INTEGER] = "an integer",
		[TOML_FLOAT] = "a float",
		[TOML_BOOL] = "a boolean",
		[TOML_DATETIME] = "a date or time",
		[TOML_ARRAY] = "an array",
		[TOML_TABLE] = "a table",
	};

	return names[t];
}

/* blanks */

static void skip_blank(struct toml_parser *p)
{
	while (toml_peek(p) == ' ' || toml_peek(p) == '\t')
		p->at++;
}

static int skip_comment(struct toml_parser *p)
{
	if (toml_peek(p) != '#')
		return 0;
	while (toml_peek(p) >= 0 && !toml_newline(p)) {
		if (!toml_is_text(toml_peek(p)))
			return toml_expected(p, "printable text in a comment");
		p->at++;
	}
	return 0;
}

/* Blanks, comments and line ends, as allowed between the values of an array. */
static int skip_lines(struct toml_parser *p)
{
	for (;;) {
		skip_blank(p);
		if (skip_comment(p) < 0)
			return -1;
		int len = toml_newline(p);
		if (!len)
			return 0;
		p->at += (size_t)len;
	}
}

static int end_line(struct toml_parser *p, const char *what)
{
	skip_blank(p);
	if (skip_comment(p) < 0)
		return -1;
	int len = toml_newline(p);
	if (!len && toml_peek(p) >= 0)
		return toml_expected(p, what);
	p->at += (size_t)len;
	return 0;
}

/* tables */

static struct toml_value *table_find(const struct toml_value *t, const char *key, size_t len)
{
	for (size_t i = 0; i < t->count; i++) {
		struct toml_value *v = t->items[i];

		if (v->key_len == len && memcmp(v->key, key, len) == 0)
			return v;
	}
	return NULL;
}

static struct toml_value *add_item(
	struct toml_parser *p, struct toml_value *to, enum toml_type type, size_t at)
{
	if (p->nodes++ >= TOML_NODES) {
		toml_fail(p, at, "too many values, expected at most %d", TOML_NODES);
		return NULL;
	}
	if (to->count == to->cap) {
		size_t cap = to->cap ? to->cap * 2 : 4;
		struct toml_value **items = toml_alloc(p, cap * sizeof(*items));

		if (to->count)
			memcpy(items, to->items, to->count * sizeof(*items));
		to->items = items;
		to->cap = cap;
	}
	struct toml_value *v = toml_alloc(p, sizeof(*v));
	*v = (struct toml_value){ .type = type };
	to->items[to->count++] = v;
	return v;
}

static struct toml_value *add_member(struct toml_parser *p, struct toml_value *table,
	const struct key_part *k, enum toml_type type, enum origin origin)
{
	struct toml_value *v = add_item(p, table, type, k->at);

	if (!v)
		return NULL;
	v->key = k->text;
	v->key_len = k->len;
	v->line = v->key_line = k->line;
	v->column = v->key_column = k->column;
	v->origin = origin;
	v->section = p->section;
	return v;
}

static struct toml_value *refuse_key(struct toml_parser *p, const struct key_part *k,
	const struct toml_value *old, const char *expected)
{
	toml_fail(p, k->at, "\"%.64s\" is already %s since line %u, expected %s", k->text,
		old->origin == ARRAY_OF_TABLES ? "an array of tables" : toml_type_name(old->type),
		old->key_line, expected);
	return NULL;
}

/* keys */

static bool is_bare(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || toml_is_digit(c) || c == '_' ||
	       c == '-';
}

static int parse_key_part(struct toml_parser *p, struct key_part *k)
{
	size_t from = p->at;

	k->at = from;
	toml_locate(p, from, &k->line, &k->column);
	if (toml_peek(p) == '"' || toml_peek(p) == '\'')
		return toml_string(p, true, &k->text, &k->len);
	while (is_bare(toml_peek(p)))
		p->at++;
	if (p->at == from)
		return toml_expected(p, "a key (letters, digits, '_', '-', or quoted)");
	k->len = p->at - from;
	k->text = toml_copy(p, p->text + from, k->len);
	return 0;
}

static int parse_key(struct toml_parser *p, struct key_path *ret)
{
	for (ret->n = 0;;) {
		skip_blank(p);
		if (ret->n == TOML_DEPTH)
			return toml_fail(
				p, p->at, "key is too deep, expected at most %d parts", TOML_DEPTH);
		if (parse_key_part(p, &ret->parts[ret->n++]) < 0)
			return -1;
		skip_blank(p);
		if (toml_peek(p) != '.')
			return 0;
		p->at++;
	}
}

/* The table that a dotted key passes through. */
static struct toml_value *enter_dotted(
	struct toml_parser *p, struct toml_value *table, const struct key_part *k)
{
	struct toml_value *v = table_find(table, k->text, k->len);

	if (!v)
		return add_member(p, table, k, TOML_TABLE, DOTTED);
	if (v->type == TOML_TABLE && v->origin == IMPLICIT) {
		v->origin = DOTTED;
		v->section = p->section;
		return v;
	}
	if (v->type == TOML_TABLE && v->origin == DOTTED && v->section == p->section)
		return v;
	return refuse_key(p, k, v, "a key that this dotted key may extend");
}

/* The table that a header passes through: of an array of tables its last element. */
static struct toml_value *enter_header(
	struct toml_parser *p, struct toml_value *table, const struct key_part *k)
{
	struct toml_value *v = table_find(table, k->text, k->len);

	if (!v)
		return add_member(p, table, k, TOML_TABLE, IMPLICIT);
	if (v->origin == ARRAY_OF_TABLES)
		return v->items[v->count - 1];
	if (v->type == TOML_TABLE && v->origin != INLINE)
		return v;
	return refuse_key(p, k, v, "a table that this header may extend");
}

static int parse_pair(struct toml_parser *p, struct toml_value *table)
{
	struct key_path path;

	if (parse_key(p, &path) < 0)
		return -1;
	const struct key_part *last = &path.parts[path.n - 1];
	for (size_t i = 0; i + 1 < path.n; i++) {
		table = enter_dotted(p, table, &path.parts[i]);
		if (!table)
			return -1;
	}
	const struct toml_value *old = table_find(table, last->text, last->len);
	if (old) {
		refuse_key(p, last, old, "each key once");
		return -1;
	}
	if (toml_peek(p) != '=')
		return toml_expected(p, "'=' after the key");
	p->at++;
	skip_blank(p);
	struct toml_value *v = add_member(p, table, last, TOML_BOOL, VALUE);
	return v ? parse_value(p, v) : -1;
}

/* values */

static int parse_array(struct toml_parser *p, struct toml_value *v)
{
	p->at++;
	for (;;) {
		if (skip_lines(p) < 0)
			return -1;
		if (toml_peek(p) == ']')
			break;
		struct toml_value *item = add_item(p, v, TOML_BOOL, p->at);
		if (!item || parse_value(p, item) < 0 || skip_lines(p) < 0)
			return -1;
		if (toml_peek(p) == ']')
			break;
		if (toml_peek(p) != ',')
			return toml_expected(p, "',' or ']' in the array");
		p->at++;
	}
	p->at++;
	return 0;
}

static int parse_inline_pairs(struct toml_parser *p, struct toml_value *v)
{
	p->at++;
	skip_blank(p);
	if (toml_peek(p) == '}') {
		p->at++;
		return 0;
	}
	for (;;) {
		if (parse_pair(p, v) < 0)
			return -1;
		skip_blank(p);
		if (toml_peek(p) == '}')
			break;
		if (toml_peek(p) != ',')
			return toml_expected(p, "',' or '}' in the inline table");
		p->at++;
	}
	p->at++;
	return 0;
}

static int parse_inline(struct toml_parser *p, struct toml_value *v)
{
	unsigned outer = p->section;

	p->section = ++p->sections;
	int rc = parse_inline_pairs(p, v);
	p->section = outer;
	v->origin = INLINE;
	return rc;
}

static int parse_nested(struct toml_parser *p, struct toml_value *v, enum toml_type type,
	int (*parse)(struct toml_parser *, struct toml_value *))
{
	if (p->depth == TOML_DEPTH)
		return toml_fail(
			p, p->at, "nested too deeply, expected at most %d levels", TOML_DEPTH);
	v->type = type;
	v->items = NULL;
	v->count = v->cap = 0;
	p->depth++;
	int rc = parse(p, v);
	p->depth--;
	return rc;
}

static int parse_value(struct toml_parser *p, struct toml_value *v)
{
	int c = toml_peek(p);

	toml_locate(p, p->at, &v->line, &v->column);
	if (c == '[')
		return parse_nested(p, v, TOML_ARRAY, parse_array);
	if (c == '{')
		return parse_nested(p, v, TOML_TABLE, parse_inline);
	if (c != '"' && c != '\'')
		return toml_scalar(p, v);
	v->type = TOML_STRING;
	return toml_string(p, false, &v->string, &v->len);
}

/* headers and lines */

static struct toml_value *open_table(
	struct toml_parser *p, struct toml_value *parent, const struct key_part *k)
{
	struct toml_value *v = table_find(parent, k->text, k->len);

	if (!v)
		return add_member(p, parent, k, TOML_TABLE, HEADER);
	if (v->type != TOML_TABLE || v->origin != IMPLICIT)
		return refuse_key(p, k, v, "each table once");
	v->origin = HEADER;
	v->line = v->key_line = k->line;
	v->column = v->key_column = k->column;
	return v;
}

static struct toml_value *open_element(
	struct toml_parser *p, struct toml_value *parent, const struct key_part *k)
{
	struct toml_value *list = table_find(parent, k->text, k->len);

	if (!list)
		list = add_member(p, parent, k, TOML_ARRAY, ARRAY_OF_TABLES);
	else if (list->origin != ARRAY_OF_TABLES)
		return refuse_key(p, k, list, "a name that is free for an array of tables");
	struct toml_value *v = list ? add_item(p, list, TOML_TABLE, k->at) : NULL;
	if (!v)
		return NULL;
	v->line = k->line;
	v->column = k->column;
	v->origin = HEADER;
	return v;
}

static int parse_header(struct toml_parser *p, struct toml_value **ret_table)
{
	bool array = toml_at(p, "[[");
	struct toml_value *table = &p->doc->root;
	struct key_path path;

	p->at += array ? 2 : 1;
	if (parse_key(p, &path) < 0)
		return -1;
	for (size_t i = 0; table && i + 1 < path.n; i++)
		table = enter_header(p, table, &path.parts[i]);
	if (!table)
		return -1;
	if (!toml_at(p, array ? "]]" : "]"))
		return toml_expected(p, array ? "']]' after the name" : "']' after the name");
	p->at += array ? 2 : 1;
	p->section = ++p->sections;
	const struct key_part *last = &path.parts[path.n - 1];
	table = array ? open_element(p, table, last) : open_table(p, table, last);
	if (!table)
		return -1;
	*ret_table = table;
	return end_line(p, "the end of the line after the table name");
}

static int parse_document(struct toml_parser *p)
{
	struct toml_value *table = &p->doc->root;

	if (toml_check_encoding(p) < 0)
		return -1;
	for (;;) {
		if (skip_lines(p) < 0)
			return -1;
		if (toml_peek(p) < 0)
			return 0;
		if (toml_peek(p) == '[') {
			if (parse_header(p, &table) < 0)
				return -1;
		} else if (parse_pair(p, table) < 0 ||
			   end_line(p, "the end of the line after the value") < 0) {
			return -1;
		}
	}
}

struct toml_doc *toml_parse(const char *text, size_t n, struct toml_error *ret_error)
{
	struct toml_doc *d = xcalloc(1, sizeof(*d));
	struct toml_parser p = {
		.text = text,
		.n = n,
		.doc = d,
		.error = ret_error,
		.scratch = BUF_INIT_SECRET(LIMIT_CONFIG_FILE + 1),
		.mark_line = 1,
		.mark_column = 1,
	};

	d->root =
		(struct toml_value){ .type = TOML_TABLE, .origin = HEADER, .line = 1, .column = 1 };
	int rc = n > LIMIT_CONFIG_FILE
			 ? toml_fail(&p, 0, "%zu bytes are too many, expected at most %zu", n,
				   (size_t)LIMIT_CONFIG_FILE)
			 : parse_document(&p);
	buf_release_wipe(&p.scratch);
	if (rc == 0)
		return d;
	toml_free(d);
	return NULL;
}

const struct toml_value *toml_root(const struct toml_doc *d)
{
	return &d->root;
}

const struct toml_value *toml_get(const struct toml_value *table, const char *key)
{
	if (!table || table->type != TOML_TABLE)
		return NULL;
	return table_find(table, key, strlen(key));
}
