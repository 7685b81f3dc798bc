/*
 * Walking a YAML tree into structs by table, collecting every problem on the way. Internal to the
 * workflow parser. The reader keeps the path of keys it stands at for the messages.
 */
#ifndef WORKFLOW_READER_H
#define WORKFLOW_READER_H

#include "base/buf.h"
#include "workflow/value.h"
#include "workflow/yaml_tree.h"

struct reader {
	const char *file;
	struct strv *problems;
	size_t n_problems; /* found, also beyond what is kept */
	struct buf path;   /* "jobs.build.steps[0]" */
};

typedef void (*read_fn)(struct reader *r, const struct yaml_node *n, void *target);

struct reader_field {
	const char *key;
	read_fn fn; /* NULL: known elsewhere, not supported here */
	size_t offset;
	const char *remedy; /* for fn NULL: what to do instead */
};

/* Adds `file:line:column: path: text`. */
void reader_problem(struct reader *r, const struct yaml_node *n, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void reader_problem_at(struct reader *r, struct yaml_where at, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* Path steps: ".key" or "[index]"; push returns what pop takes. */
size_t reader_push(struct reader *r, const char *key);
size_t reader_push_index(struct reader *r, size_t index);
void reader_pop(struct reader *r, size_t mark);

/* Dispatches each key of map n to its field; unknown keys are problems. False if n is no map. */
bool reader_map(struct reader *r, const struct yaml_node *n, const struct reader_field *fields,
	size_t n_fields, void *target);
/* Calls fn for each entry of a list, path pushed. */
bool reader_kind(
	struct reader *r, const struct yaml_node *n, enum yaml_kind kind, const char *expected);
/* n's text if it is a scalar and not null, else NULL and a problem. */
const char *reader_text(struct reader *r, const struct yaml_node *n, const char *expected);

/* Field readers; the type of the target stands behind. */
void read_text(struct reader *r, const struct yaml_node *n, void *target);   /* char * */
void read_script(struct reader *r, const struct yaml_node *n, void *target); /* char *, any size */
void read_bool(struct reader *r, const struct yaml_node *n, void *target);   /* bool */
void read_bool_value(
	struct reader *r, const struct yaml_node *n, void *target); /* struct workflow_bool */
void read_minutes(
	struct reader *r, const struct yaml_node *n, void *target); /* struct workflow_number */
/* The same for any number from 1 to max. */
void read_number_value(
	struct reader *r, const struct yaml_node *n, int64_t max, struct workflow_number *out);
void read_strv(struct reader *r, const struct yaml_node *n, void *target); /* strv: text or list */
void read_patterns(struct reader *r, const struct yaml_node *n, void *target); /* strv of filters */
void read_env(struct reader *r, const struct yaml_node *n, void *target);      /* struct pairs */
void read_with(struct reader *r, const struct yaml_node *n, void *target);     /* struct pairs */
/* ^[A-Za-z_][A-Za-z0-9_]*$, with the characters of `extra` also allowed behind the first one. */
bool is_name(const char *text, const char *extra);

#endif
