/*
 * Keys that want a boolean or a number and get an expression. Outputs of steps and jobs are texts,
 * so a text that reads as the wanted value counts as one; anything else is an error that shows what
 * the expression gave.
 */
#include <inttypes.h>

#include "workflow/expr/render.h"

/* A value that may be a secret is not shown. */
static int gives(const char *text, struct expr_arena *a, const struct expr_value *v,
	const char *expected, struct err *e)
{
	const char *shown = v->flags & EXPR_SECRET ? "***" : expr_text(a, v).ptr;

	return err_set(
		e, ERR_INPUT, "\"%.100s\" gives \"%.100s\", expected %s", text, shown, expected);
}

int render_bool(const char *text, const struct expr_context *c, bool *ret, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_value v;

	if (render_value(text, strlen(text), c, a, &v, e) < 0)
		return -1;
	bool yes = v.kind == EXPR_STRING && slice_eq(v.text, "true");
	if (v.kind != EXPR_BOOLEAN && !yes && !(v.kind == EXPR_STRING && slice_eq(v.text, "false")))
		return gives(text, a, &v, "true or false", e);
	*ret = v.kind == EXPR_BOOLEAN ? v.boolean : yes;
	return 0;
}

int render_number(
	const char *text, const struct expr_context *c, int64_t max, int64_t *ret, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_value v;

	if (render_value(text, strlen(text), c, a, &v, e) < 0)
		return -1;
	if ((v.kind == EXPR_NUMBER || v.kind == EXPR_STRING) &&
		parse_i64(expr_text(a, &v).ptr, 1, max, ret))
		return 0;
	CLEAN_STR char *expected = xasprintf("a whole number from 1 to %" PRId64, max);
	return gives(text, a, &v, expected, e);
}
