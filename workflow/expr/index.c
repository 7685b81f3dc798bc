/*
 * a.b, a[b] and a.* of values. What .* makes is a list whose next index or .* applies to each item,
 * and items that are no container, or lack the member, drop out: a.*.b.*.c is one flat list.
 */
#include <math.h>

#include "workflow/expr/parts.h"

struct list {
	struct expr_value *items;
	size_t n;
};

static int list_room(struct eval *ev, const struct expr_node *node, size_t most, struct list *ret)
{
	if (eval_room(ev, node, most * sizeof(*ret->items)) < 0)
		return -1;
	*ret = (struct list){ .items = expr_alloc(ev->arena, most * sizeof(*ret->items)) };
	return 0;
}

static void list_add(struct list *l, const struct expr_value *v, unsigned flags)
{
	l->items[l->n] = *v;
	l->items[l->n++].flags |= flags;
}

static void list_finish(
	struct eval *ev, const struct list *l, unsigned flags, struct expr_value *ret)
{
	struct expr_array *array = expr_alloc(ev->arena, sizeof(*array));

	*array = (struct expr_array){ .items = l->items, .n = l->n, .filtered = true };
	*ret = (struct expr_value){ .kind = EXPR_ARRAY, .flags = flags, .array = array };
}

static size_t children(const struct expr_value *v)
{
	return v->kind == EXPR_ARRAY ? v->array->n : v->kind == EXPR_OBJECT ? v->object->n : 0;
}

static void list_add_children(struct list *l, const struct expr_value *v, unsigned flags)
{
	for (size_t i = 0; i < children(v); i++)
		list_add(l,
			v->kind == EXPR_ARRAY ? &v->array->items[i] : &v->object->members[i].value,
			flags | v->flags);
}

/* An index as both kinds of containers understand it. A text that reads like a number is one in
 * an array. */
struct index {
	double number;
	bool named;
	struct slice name;
	unsigned flags;
};

static int read_index(struct eval *ev, const struct expr_node *node, const struct expr_value *v,
	struct index *ret)
{
	*ret = (struct index){
		.number = expr_to_number(v), .named = expr_is_scalar(v), .flags = v->flags
	};
	return ret->named ? eval_text(ev, node, v, &ret->name) : 0;
}

static const struct expr_value *array_item(const struct expr_array *array, double number)
{
	if (isnan(number) || number < 0 || floor(number) >= (double)array->n)
		return NULL;
	return &array->items[(size_t)floor(number)];
}

/* Bytes that a search for a name may compare, at a guess for the short ones. */
static size_t find_cost(const struct expr_object *o, struct slice name)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		n += 8 + (o->members[i].name.len < name.len ? o->members[i].name.len : name.len);
	return n;
}

/* What index finds in one container: *ret_found NULL if nothing. */
static int find_child(struct eval *ev, const struct expr_node *node, const struct expr_value *v,
	const struct index *index, const struct expr_value **ret_found)
{
	const struct expr_member *m;

	*ret_found = v->kind == EXPR_ARRAY ? array_item(v->array, index->number) : NULL;
	if (v->kind != EXPR_OBJECT || !index->named)
		return 0;
	if (eval_work(ev, node, find_cost(v->object, index->name)) < 0)
		return -1;
	m = expr_find(v->object, index->name);
	if (m)
		*ret_found = &m->value;
	return 0;
}

/* .* of an array that is itself the result of .*: what is in its items, in one list. */
static int filter_again(struct eval *ev, const struct expr_node *node,
	const struct expr_value *left, struct expr_value *ret)
{
	const struct expr_array *array = left->array;
	unsigned flags = left->flags;
	struct list list;
	size_t n = 0;

	for (size_t i = 0; i < array->n; i++) {
		n += children(&array->items[i]);
		flags |= array->items[i].flags; /* how many it has can be told from the result */
	}
	if (list_room(ev, node, n, &list) < 0 || eval_work(ev, node, array->n * 16) < 0)
		return -1;
	for (size_t i = 0; i < array->n; i++)
		list_add_children(&list, &array->items[i], left->flags);
	list_finish(ev, &list, flags, ret);
	return 0;
}

static int filter(struct eval *ev, const struct expr_node *node, const struct expr_value *left,
	struct expr_value *ret)
{
	struct list list;

	if (left->kind == EXPR_ARRAY && left->array->filtered)
		return filter_again(ev, node, left, ret);
	if (list_room(ev, node, children(left), &list) < 0)
		return -1;
	list_add_children(&list, left, 0);
	list_finish(ev, &list, left->flags, ret);
	return 0;
}

/* a.*.b: b of each item that has one. */
static int index_each(struct eval *ev, const struct expr_node *node, const struct expr_value *left,
	const struct index *index, struct expr_value *ret)
{
	const struct expr_array *array = left->array;
	unsigned flags = left->flags | index->flags;
	struct list list;

	if (list_room(ev, node, array->n, &list) < 0)
		return -1;
	for (size_t i = 0; i < array->n; i++) {
		const struct expr_value *found, *item = &array->items[i];

		if (find_child(ev, node, item, index, &found) < 0)
			return -1;
		if (found)
			list_add(&list, found, flags | item->flags);
		else /* that it is missing can be told from the result */
			flags |= item->flags;
	}
	list_finish(ev, &list, flags, ret);
	return 0;
}

static int missing_member(struct eval *ev, const struct expr_node *node,
	const struct expr_value *left, const struct index *index, struct expr_value *ret)
{
	enum expr_missing missing =
		left->kind == EXPR_OBJECT ? left->object->missing : MISSING_IS_NULL;

	*ret = missing == MISSING_IS_EMPTY ? expr_text_value(SLICE("")) : expr_null();
	if (missing != MISSING_IS_ERROR)
		return 0;
	if (!index->named || (index->flags & EXPR_SECRET))
		return eval_fail(ev, node, ERR_INPUT, "no secret of that name is set");
	return eval_fail(ev, node, ERR_INPUT, "secret `%.*s` is not set",
		(int)expr_quote(index->name).len, index->name.ptr);
}

int expr_eval_index(struct eval *ev, const struct expr_node *node, const struct expr_value *left,
	const struct expr_value *index, struct expr_value *ret)
{
	const struct expr_value *found;
	struct index at;

	if (!index)
		return filter(ev, node, left, ret);
	if (read_index(ev, node, index, &at) < 0)
		return -1;
	if (left->kind == EXPR_ARRAY && left->array->filtered)
		return index_each(ev, node, left, &at, ret);
	if (find_child(ev, node, left, &at, &found) < 0)
		return -1;
	if (found)
		*ret = *found;
	else if (missing_member(ev, node, left, &at, ret) < 0)
		return -1;
	ret->flags |= left->flags | at.flags;
	return 0;
}
