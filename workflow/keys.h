/*
 * The keys of a workflow file that may hold expressions, and what may be named there: one row a
 * key. docs/WORKFLOWS.md shows this table, and a unit test compares the two.
 *
 * A context that is not in a key's row has no value yet when the key is evaluated. Naming it there
 * is an error of the file and never an empty text.
 */
#ifndef WORKFLOW_KEYS_H
#define WORKFLOW_KEYS_H

#include "workflow/expr/render.h"

enum key_functions {
	KEY_STATUS = 1, /* success(), failure(), cancelled(), always() */
	KEY_FILES = 2,  /* hashFiles() */
};

struct key_rule {
	/* `*` is any key, `[]` an entry of a list, `**` anything below or nothing */
	const char *key;
	const char *contexts; /* separated by blanks; github is another name of shithub */
	unsigned functions;   /* enum key_functions, beside those that are everywhere */
	enum render_form form;
};

/* One step of a path: a key, or an entry of a list. */
struct key_segment {
	const char *key; /* NULL: an entry */
	size_t index;
};

/* NULL: no expression may stand there. */
const struct key_rule *key_rule_find(const struct key_segment *path, size_t n);
const struct key_rule *key_rules(size_t *ret_n);

bool key_context_known(struct slice name);
bool key_allows_context(const struct key_rule *k, struct slice name);

#endif
