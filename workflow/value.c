/*
 * Thin over workflow/expr: what an expression of a typed key may give is the same for every such
 * key and for everybody who evaluates one.
 */
#include "workflow/value.h"

#include "workflow/expr/render.h"

int workflow_bool_render(
	const struct workflow_bool *v, const struct expr_context *c, bool *ret, struct err *e)
{
	*ret = v->value;
	return v->expression ? render_bool(v->expression, c, ret, e) : 0;
}

int workflow_number_render(const struct workflow_number *v, const struct expr_context *c,
	int64_t max, int64_t *ret, struct err *e)
{
	*ret = v->value;
	return v->expression ? render_number(v->expression, c, max, ret, e) : 0;
}
