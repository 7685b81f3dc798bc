/*
 * Whether a value has all leaves of another one: what `exclude` and `include` of a matrix ask. Each
 * leaf is compared as `==` compares, so that text meets a number as its author expects.
 */
#include "workflow/expr/parts.h"

static struct expr_value item_at(const struct expr_value *v, size_t i)
{
	return v->kind == EXPR_ARRAY && i < v->array->n ? v->array->items[i] : expr_null();
}

static struct expr_value member_of(const struct expr_value *v, struct slice name)
{
	const struct expr_member *m = v->kind == EXPR_OBJECT ? expr_find(v->object, name) : NULL;

	return m ? m->value : expr_null();
}

/* NOLINTNEXTLINE(misc-no-recursion): JSON_WRITER_DEPTH levels at most */
bool expr_has_leaves(const struct expr_value *v, const struct expr_value *leaves)
{
	struct expr_value part;

	if (expr_is_scalar(leaves))
		return expr_equal(v, leaves);
	for (size_t i = 0; leaves->kind == EXPR_ARRAY && i < leaves->array->n; i++) {
		part = item_at(v, i);
		if (!expr_has_leaves(&part, &leaves->array->items[i]))
			return false;
	}
	for (size_t i = 0; leaves->kind == EXPR_OBJECT && i < leaves->object->n; i++) {
		part = member_of(v, leaves->object->members[i].name);
		if (!expr_has_leaves(&part, &leaves->object->members[i].value))
			return false;
	}
	return true;
}
