/*
 * The matrix of a job's `strategy`: axes of values, `exclude` and `include`, expanded into rows.
 *
 * Values are JSON texts on one line: a plain 3.10 in the file is the number 3.1, "3.10" in quotes
 * is text. An entry names the leaves that it is about: each is compared as by == of expressions,
 * and what it does not name may be anything.
 *
 * The rules, in this order, as users of hosted workflow services know them:
 *   1. every combination of the axes, the last axis turning fastest;
 *   2. an exclude entry removes each combination that has all of its pairs;
 *   3. an include entry is added to every combination whose axis values it does not contradict
 *      (values that an earlier include brought may be replaced, those of an axis may not); fitting
 * none, it becomes a row of its own, which later entries leave alone.
 *
 * Pure. Reading it from a file is workflow_strategy.c.
 */
#ifndef WORKFLOW_MATRIX_H
#define WORKFLOW_MATRIX_H

#include "base/buf.h"
#include "base/err.h"
#include "workflow/value.h"

enum { MATRIX_ROWS_MAX = 256, MATRIX_AXES_MAX = 32, MATRIX_BYTES_MAX = 128 << 10 };

struct matrix_axis {
	char *name;
	struct strv values; /* JSON */
};

struct matrix_entries {
	struct pairs *v; /* name → JSON */
	size_t n;
};

struct workflow_strategy {
	bool given, has_matrix;
	unsigned line, column;               /* where `strategy` stands */
	struct workflow_bool fail_fast;      /* true unless the file says otherwise */
	struct workflow_number max_parallel; /* 0: no limit */
	struct matrix_axis *axes;
	size_t n_axes;
	char *template; /* JSON whose texts hold expressions; matrix_render makes the rest of it */
	struct matrix_entries include, exclude;
	size_t bytes; /* of all values, at most MATRIX_BYTES_MAX */
};
void strategy_release(struct workflow_strategy *s);

/* With a template: the matrix that it becomes, to be released. *ret_flags: enum expr_flags of the
 * values that were filled in. Errors begin with `strategy: matrix`. */
int matrix_render(const struct workflow_strategy *s, const struct expr_context *c,
	struct workflow_strategy *ret, unsigned *ret_flags, struct err *e) CHECK_RESULT;
/* Whether its excludes name axes and a row is left. */
int matrix_check(const struct workflow_strategy *s, struct err *e) CHECK_RESULT;

/* One row without any pair when there is no matrix; no row when everything is excluded. */
struct matrix {
	struct pairs *rows; /* name → JSON */
	size_t n;
};
int matrix_expand(
	const struct workflow_strategy *s, struct matrix *ret, struct err *e) CHECK_RESULT;
void matrix_release(struct matrix *m);
#define CLEAN_MATRIX CLEANUP(matrix_release)

/* One value for people: text without its quotes, everything else as JSON. */
char *matrix_value_text(const char *json) CHECK_RESULT;
/* "linux, 3.11": the values of a row, "" for an empty one. */
char *matrix_row_text(const struct pairs *row) CHECK_RESULT;
/* The row as a JSON object. */
char *matrix_row_json(const struct pairs *row) CHECK_RESULT;

#endif
