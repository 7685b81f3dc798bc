/*
 * A boolean or a number of a workflow file, given as it is or by an expression, which is evaluated
 * when its contexts are known. Pure.
 */
#ifndef WORKFLOW_VALUE_H
#define WORKFLOW_VALUE_H

#include "workflow/expr/expr.h"

struct workflow_bool {
	bool value;
	char *expression; /* NULL: value counts */
};
struct workflow_number {
	int64_t value;
	char *expression; /* NULL: value counts */
};

/* ERR_INPUT for an expression that gives something else; a text `true`, `false` or of digits is
 * taken for the value that it reads as. */
int workflow_bool_render(const struct workflow_bool *v, const struct expr_context *c, bool *ret,
	struct err *e) CHECK_RESULT;
int workflow_number_render(const struct workflow_number *v, const struct expr_context *c,
	int64_t max, int64_t *ret, struct err *e) CHECK_RESULT; /* 1..max */

#endif
