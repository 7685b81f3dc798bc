/*
 * YAML text → a bounded tree of scalars, lists and maps, each with its position. The only file that
 * includes libyaml is yaml_tree.c; it uses the event interface, so nothing is expanded behind our
 * back.
 *
 * Every scalar stays text (`on`, `yes`, `1e3` are never turned into something else); `plain` tells
 * an unquoted scalar, so that the reader can tell null from "null". Refused: more than
 * LIMIT_WORKFLOW_FILE bytes, LIMIT_WORKFLOW_ALIASES aliases, LIMIT_WORKFLOW_DEPTH levels,
 * YAML_NODES_MAX nodes after expansion, duplicate keys, keys that are no scalars, merge keys, tags
 * other than those of the core schema (!!str !!int !!float !!bool !!null !!map !!seq) and those
 * that do not fit their value, embedded NUL, a second document.
 *
 * An alias shares the node it names (positions are those of the anchor). Sharing makes the tree a
 * graph without cycles; the expanded size is what YAML_NODES_MAX bounds, so any walk is bounded
 * too.
 */
#ifndef WORKFLOW_YAML_TREE_H
#define WORKFLOW_YAML_TREE_H

#include "base/err.h"
#include "base/limits.h"

enum { YAML_NODES_MAX = 20000, YAML_ITEMS_MAX = 4096 };

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_where {
	unsigned line, column; /* from 1 */
};

enum yaml_style { YAML_PLAIN, YAML_QUOTED, YAML_DOUBLE_QUOTED, YAML_BLOCK };

struct yaml_node {
	enum yaml_kind kind;
	struct yaml_where at;
	size_t start; /* characters of the file in front of it */
	enum yaml_style style;
	bool plain;       /* scalar whose text says what kind of value it is: without quotes
			   * and block indicator, or with a tag that is not !!str */
	const char *text; /* scalar: NUL-terminated, no NUL inside */
	size_t len;
	/* list: items in order; map: keys[i] belongs to items[i] */
	struct yaml_node **keys, **items;
	size_t count;
	size_t weight; /* nodes below and including this one, aliases expanded */
};

struct yaml_doc;

/* NULL: *ret_at is the place and e the reason (without the place). An empty text has a NULL root.
 */
struct yaml_doc *yaml_doc_parse(
	const char *text, size_t n, struct yaml_where *ret_at, struct err *e) CHECK_RESULT;
const struct yaml_node *yaml_doc_root(const struct yaml_doc *d);
/* The text that was parsed, without a byte order mark; the caller of yaml_doc_parse keeps it. */
struct slice yaml_doc_source(const struct yaml_doc *d);
void yaml_doc_free(struct yaml_doc *d); /* NULL is fine */
static inline void yaml_doc_freep(struct yaml_doc **d)
{
	yaml_doc_free(*d);
	*d = NULL;
}
#define CLEAN_YAML CLEANUP(yaml_doc_freep)

/* Where in the file the byte `offset` of scalar n stands. yaml_place.c. */
struct yaml_where yaml_place(const struct yaml_doc *d, const struct yaml_node *n, size_t offset);

/* NULL when n is no map or has no such key. */
const struct yaml_node *yaml_get(const struct yaml_node *n, const char *key);
/* A plain empty scalar, `~` or `null`: what YAML means by nothing. */
bool yaml_is_null(const struct yaml_node *n);
/* A scalar as a value of YAML's core schema; text unless it is plain. yaml_scalar.c. */
struct yaml_value {
	enum yaml_type { YAML_TEXT, YAML_NULL, YAML_BOOLEAN, YAML_NUMBER } type;
	bool boolean;
	double number;
};
struct yaml_value yaml_value(const struct yaml_node *n);
/* tag: int, float, bool or null. */
bool yaml_fits_tag(const struct yaml_node *n, const char *tag);
const char *yaml_kind_name(enum yaml_kind k); /* "text", "a list", "a map" */

#endif
