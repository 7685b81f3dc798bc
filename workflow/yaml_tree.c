/*
 * Events of libyaml become nodes below the innermost open collection. Each finished node adds its
 * weight to its parent, an alias the weight of the node that it names: so a text of a kilobyte
 * that stands for a billion nodes is refused while it is read.
 */
#include "workflow/yaml_tree.h"

#include <yaml.h>

#include "base/utf8.h"

struct anchor {
	char *name;
	struct yaml_node *node;
};

struct yaml_doc {
	struct slice source;
	struct yaml_node **all; /* owner of every node */
	size_t n_all;
	struct anchor *anchors; /* a later anchor of the same name hides the earlier one */
	size_t n_anchors;
	struct yaml_node *root;
	size_t aliases;
};

/* One collection whose end event has not come yet. */
struct open_node {
	struct yaml_node *node;
	char *anchor;
	struct yaml_node *key; /* map: the key that waits for its value */
};

struct builder {
	struct yaml_doc *doc;
	struct open_node open[LIMIT_WORKFLOW_DEPTH];
	size_t depth;
	bool root_seen;
	struct yaml_where at;
	struct err *e;
};

static struct yaml_where where_of(yaml_mark_t m)
{
	return (struct yaml_where){ (unsigned)m.line + 1, (unsigned)m.column + 1 };
}

static struct yaml_node *node_new(struct yaml_doc *d, enum yaml_kind kind, struct yaml_where at)
{
	struct yaml_node *n = xcalloc(1, sizeof(*n));

	/* grows at powers of two */
	if ((d->n_all & (d->n_all - 1)) == 0)
		d->all = xrealloc(d->all, (d->n_all ? d->n_all * 2 : 1) * sizeof(*d->all));
	d->all[d->n_all++] = n;
	n->kind = kind;
	n->at = at;
	n->weight = 1;
	return n;
}

void yaml_doc_free(struct yaml_doc *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_all; i++) {
		free((char *)d->all[i]->text);
		free(d->all[i]->keys);
		free(d->all[i]->items);
		free(d->all[i]);
	}
	for (size_t i = 0; i < d->n_anchors; i++)
		free(d->anchors[i].name);
	free(d->anchors);
	free(d->all);
	free(d);
}

struct slice yaml_doc_source(const struct yaml_doc *d)
{
	return d->source;
}

const struct yaml_node *yaml_doc_root(const struct yaml_doc *d)
{
	return d->root;
}

const struct yaml_node *yaml_get(const struct yaml_node *n, const char *key)
{
	if (!n || n->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < n->count; i++)
		if (str_eq(n->keys[i]->text, key))
			return n->items[i];
	return NULL;
}

bool yaml_is_null(const struct yaml_node *n)
{
	static const char *const forms[] = { "", "~", "null", "Null", "NULL" };

	if (n->kind != YAML_SCALAR || !n->plain)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		if (str_eq(n->text, forms[i]))
			return true;
	return false;
}

const char *yaml_kind_name(enum yaml_kind k)
{
	return k == YAML_SCALAR ? "text" : k == YAML_LIST ? "a list" : "a map";
}

static int fail(struct builder *b, struct yaml_where at, enum err_class class, const char *text)
{
	b->at = at;
	return err_set(b->e, class, "%s", text);
}

static void anchor_add(struct yaml_doc *d, const char *name, struct yaml_node *n)
{
	if (!name)
		return;
	d->anchors = xrealloc(d->anchors, (d->n_anchors + 1) * sizeof(*d->anchors));
	d->anchors[d->n_anchors++] = (struct anchor){ xstrdup(name), n };
}

static struct yaml_node *anchor_find(const struct yaml_doc *d, const char *name)
{
	for (size_t i = d->n_anchors; i-- > 0;)
		if (str_eq(d->anchors[i].name, name))
			return d->anchors[i].node;
	return NULL;
}

static int take_key(struct builder *b, struct open_node *o, struct yaml_node *n)
{
	if (n->kind != YAML_SCALAR)
		return fail(b, n->at, ERR_INPUT, "a key of a map must be text");
	if (n->plain && str_eq(n->text, "<<"))
		return fail(b, n->at, ERR_INPUT, "merge keys (<<) are not supported");
	for (size_t i = 0; i < o->node->count; i++)
		if (str_eq(o->node->keys[i]->text, n->text)) {
			b->at = n->at;
			return err_set(b->e, ERR_INPUT, "duplicate key \"%s\" (first in line %u)",
				n->text, o->node->keys[i]->at.line);
		}
	o->key = n;
	return 0;
}

/* Hangs a finished (or just opened) node below the innermost open collection. */
static int attach(struct builder *b, struct yaml_node *n)
{
	if (b->depth == 0) {
		if (b->root_seen)
			return fail(b, n->at, ERR_INPUT, "more than one document in the file");
		b->root_seen = true;
		b->doc->root = n;
		return 0;
	}
	struct open_node *o = &b->open[b->depth - 1];
	struct yaml_node *parent = o->node;
	if (parent->kind == YAML_MAP && !o->key)
		return take_key(b, o, n);
	if (parent->count == YAML_ITEMS_MAX)
		return fail(b, n->at, ERR_LIMIT, "more than 4096 entries in one list or map");
	if ((parent->count & (parent->count - 1)) == 0) {
		size_t room = parent->count ? parent->count * 2 : 1;

		parent->items = xrealloc(parent->items, room * sizeof(*parent->items));
		if (parent->kind == YAML_MAP)
			parent->keys = xrealloc(parent->keys, room * sizeof(*parent->keys));
	}
	if (parent->kind == YAML_MAP)
		parent->keys[parent->count] = TAKE(o->key);
	parent->items[parent->count++] = n;
	return 0;
}

/* The weight of a finished child counts for its parent; an unfinished one adds it when it ends. */
static int add_weight(struct builder *b, const struct yaml_node *n)
{
	if (b->depth == 0)
		return 0;
	struct yaml_node *parent = b->open[b->depth - 1].node;
	parent->weight += n->weight;
	if (parent->weight > YAML_NODES_MAX)
		return fail(b, n->at, ERR_LIMIT, "more than 20000 values (aliases expanded)");
	return 0;
}

#define CORE_TAG "tag:yaml.org,2002:"
#define TAG_EXPECTED "expected !!str, !!int, !!float, !!bool, !!null, !!map or !!seq"

static int bad_tag(struct builder *b, struct yaml_where at, const char *tag)
{
	b->at = at;
	return err_set(b->e, ERR_INPUT,
		"tag \"%s\" is not supported here, " TAG_EXPECTED
		"; put text that begins with ! into quotes or ${{ }}",
		tag);
}

/* The tag of a scalar: what it makes of the node. */
static int apply_tag(struct builder *b, struct yaml_node *n, const yaml_char_t *tag)
{
	static const char *const typed[] = { "int", "float", "bool", "null" };
	const char *text = (const char *)tag;

	if (!tag)
		return 0;
	n->plain = false;
	if (str_eq(text, YAML_STR_TAG) || str_eq(text, "!"))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(typed) && str_starts(text, CORE_TAG); i++) {
		if (!str_eq(text + strlen(CORE_TAG), typed[i]))
			continue;
		n->plain = true;
		if (yaml_fits_tag(n, typed[i]))
			return 0;
		b->at = n->at;
		return err_set(b->e, ERR_INPUT, "\"%.100s\" is no !!%s", n->text, typed[i]);
	}
	return bad_tag(b, n->at, text);
}

static enum yaml_style style_of(yaml_scalar_style_t style)
{
	switch (style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
		return YAML_QUOTED;
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		return YAML_DOUBLE_QUOTED;
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE:
		return YAML_BLOCK;
	default:
		return YAML_PLAIN;
	}
}

static int on_scalar(struct builder *b, const yaml_event_t *ev)
{
	struct yaml_where at = where_of(ev->start_mark);
	const char *value = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;

	if (memchr(value, 0, len))
		return fail(b, at, ERR_INPUT, "text holds a NUL character");
	struct yaml_node *n = node_new(b->doc, YAML_SCALAR, at);
	n->text = xmemdup0(value, len);
	n->len = len;
	n->start = ev->start_mark.index;
	n->style = style_of(ev->data.scalar.style);
	n->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (apply_tag(b, n, ev->data.scalar.tag) < 0)
		return -1;
	anchor_add(b->doc, (const char *)ev->data.scalar.anchor, n);
	return attach(b, n) < 0 ? -1 : add_weight(b, n);
}

static int on_alias(struct builder *b, const yaml_event_t *ev)
{
	struct yaml_where at = where_of(ev->start_mark);
	struct yaml_node *n = anchor_find(b->doc, (const char *)ev->data.alias.anchor);

	if (++b->doc->aliases > LIMIT_WORKFLOW_ALIASES)
		return fail(b, at, ERR_LIMIT, "more than 100 aliases");
	if (!n) {
		b->at = at;
		return err_set(b->e, ERR_INPUT,
			"alias \"*%s\" names no anchor that ended before this place",
			(const char *)ev->data.alias.anchor);
	}
	if (attach(b, n) < 0 || add_weight(b, n) < 0) {
		b->at = at;
		return -1;
	}
	return 0;
}

static int on_open(struct builder *b, enum yaml_kind kind, const yaml_event_t *ev)
{
	struct yaml_where at = where_of(ev->start_mark);
	bool map = kind == YAML_MAP;

	const yaml_char_t *tag = map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;
	const yaml_char_t *anchor =
		map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor;

	if (tag && !str_eq((const char *)tag, map ? YAML_MAP_TAG : YAML_SEQ_TAG))
		return bad_tag(b, at, (const char *)tag);
	if (b->depth == LIMIT_WORKFLOW_DEPTH)
		return fail(b, at, ERR_LIMIT, "more than 64 levels of nesting");
	struct yaml_node *n = node_new(b->doc, kind, at);
	if (attach(b, n) < 0)
		return -1;
	b->open[b->depth++] =
		(struct open_node){ .node = n, .anchor = xstrdup((const char *)anchor) };
	return 0;
}

static int on_close(struct builder *b)
{
	if (b->depth == 0)
		BUG("the end of a collection that never began");
	struct open_node *o = &b->open[--b->depth];

	anchor_add(b->doc, o->anchor, o->node);
	free(TAKE(o->anchor));
	return add_weight(b, o->node);
}

static int on_event(struct builder *b, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(b, ev);
	case YAML_ALIAS_EVENT:
		return on_alias(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, YAML_LIST, ev);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, YAML_MAP, ev);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(b);
	default:
		return 0;
	}
}

/* Line and column of a byte that the reader could not take. */
static struct yaml_where where_of_byte(struct slice source, size_t byte)
{
	struct yaml_where at = { 1, 1 };

	for (size_t i = 0; i < source.len && i < byte;) {
		size_t n = utf8_char(source.ptr + i, source.len - i);

		at.column++;
		if (source.ptr[i] == '\n')
			at = (struct yaml_where){ at.line + 1, 1 };
		i += n ? n : 1;
	}
	return at;
}

/* The library counts characters. */
static char byte_of_mark(struct slice source, yaml_mark_t mark)
{
	size_t i = 0;

	for (size_t k = 0; k < mark.index && i < source.len; k++) {
		size_t n = utf8_char(source.ptr + i, source.len - i);

		i += n ? n : 1;
	}
	return i < source.len ? source.ptr[i] : '\0';
}

#define HINT_MARKS "; put a value that has !, & or * in front of a word into quotes or ${{ }}"

/* What authors of workflows mostly meant when the library says this. */
static const char *hint(const yaml_parser_t *p, char found)
{
	static const struct {
		const char *says;
		char found; /* at the place; 0: any */
		const char *hint;
	} hints[] = {
		{ "mapping values are not allowed", 0,
			"; put a value with \": \" in it into quotes, and indent keys of one map "
			"alike" },
		{ "cannot start any token", '\t', "; indent with blanks, not with tabs" },
		{ "cannot start any token", 0,
			"; put a value that begins with this character into quotes" },
		{ "scanning a tag", 0, HINT_MARKS },
		{ "scanning an anchor", 0, HINT_MARKS },
		{ "scanning an alias", 0, HINT_MARKS },
		{ "unknown escape character", 0, "; in single quotes a \\ is no escape" },
		{ "did not find expected key", 0,
			"; check the quotes and the indentation of this line and the one before" },
	};

	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if ((strstr(p->problem, hints[i].says) ||
			    (p->context && strstr(p->context, hints[i].says))) &&
			(!hints[i].found || hints[i].found == found))
			return hints[i].hint;
	return "";
}

static int parser_failed(struct builder *b, const yaml_parser_t *p)
{
	struct slice source = b->doc->source;
	const char *context = p->context ? p->context : "";

	if (!p->problem)
		return err_set(b->e, ERR_INPUT, "not YAML");
	if (p->error == YAML_READER_ERROR) {
		b->at = where_of_byte(source, p->problem_offset);
		return err_set(b->e, ERR_INPUT, "%s (byte %zu)", p->problem, p->problem_offset);
	}
	b->at = where_of(p->problem_mark);
	return err_set(b->e, ERR_INPUT, "not YAML: %s%s%s%s", p->problem, *context ? " " : "",
		context, hint(p, byte_of_mark(source, p->problem_mark)));
}

static int build(struct builder *b, yaml_parser_t *p)
{
	for (bool end = false; !end;) {
		yaml_event_t ev;

		if (!yaml_parser_parse(p, &ev))
			return parser_failed(b, p);
		end = ev.type == YAML_STREAM_END_EVENT;
		int rc = on_event(b, &ev);
		yaml_event_delete(&ev);
		if (rc < 0)
			return -1;
	}
	return 0;
}

struct yaml_doc *yaml_doc_parse(
	const char *text, size_t n, struct yaml_where *ret_at, struct err *e)
{
	CLEAN_YAML struct yaml_doc *d = xcalloc(1, sizeof(*d));
	struct builder b = { .doc = d, .e = e, .at = { 1, 1 } };

	yaml_parser_t p;

	if (n > LIMIT_WORKFLOW_FILE) {
		*ret_at = b.at;
		err_set(e, ERR_LIMIT, "file has %zu bytes, expected at most %zu", n,
			LIMIT_WORKFLOW_FILE);
		return NULL;
	}
	if (!yaml_parser_initialize(&p))
		BUG("yaml_parser_initialize");
	/* without this a byte order mark could switch to UTF-16 */
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	d->source = utf8_without_mark((struct slice){ n ? text : "", n });
	yaml_parser_set_input_string(&p, (const unsigned char *)d->source.ptr, d->source.len);
	int rc = build(&b, &p);
	yaml_parser_delete(&p);
	while (b.depth > 0)
		free(b.open[--b.depth].anchor);
	if (rc < 0) {
		*ret_at = b.at;
		return NULL;
	}
	return TAKE(d);
}
