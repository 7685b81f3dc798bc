/*
 * What an expression names, without evaluating it: for whoever checks a workflow file before
 * anything runs. The walk goes from the root to the leaves and takes along the members that were
 * written out behind the place it stands at, so that a context is met together with them.
 */
#include "workflow/expr/parts.h"

struct visit {
	void (*fn)(void *data, const struct expr_use *u);
	void *data;
};

/* `.member` above a node, innermost first. */
struct members {
	const struct expr_node *literal; /* the member's name */
	const struct members *next;      /* behind it */
};

static void visit_name(
	const struct visit *v, const struct expr_node *node, const struct members *behind)
{
	struct expr_use u = { .name = node->name, .offset = node->offset };

	for (; behind && u.n_members < EXPR_USE_MEMBERS; behind = behind->next) {
		u.members[u.n_members] = behind->literal->literal.text;
		u.member_offsets[u.n_members++] = behind->literal->offset;
	}
	v->fn(v->data, &u);
}

static void visit_call(const struct visit *v, const struct expr_node *node)
{
	const struct expr_function *f = node->function;

	v->fn(v->data, &(struct expr_use){ .call = true,
			       .name = node->name,
			       .offset = node->offset,
			       .known = f,
			       .status = f && f->status,
			       .files = f && f->files });
}

static bool is_member(const struct expr_node *node)
{
	return node->kind == NODE_INDEX && node->last->kind == NODE_LITERAL &&
	       node->last->literal.kind == EXPR_STRING;
}

/* NOLINTNEXTLINE(misc-no-recursion): LIMIT_EXPR_DEPTH levels at most */
static void visit_node(
	const struct visit *v, const struct expr_node *node, const struct members *behind)
{
	if (node->kind == NODE_NAME)
		visit_name(v, node, behind);
	if (node->kind == NODE_CALL)
		visit_call(v, node);
	if (is_member(node)) {
		struct members mine = { node->last, behind };

		visit_node(v, node->first, &mine);
		return;
	}
	for (const struct expr_node *child = node->first; child; child = child->next)
		visit_node(v, child, NULL);
}

void expr_each_use(
	const struct expr *x, void (*fn)(void *data, const struct expr_use *u), void *data)
{
	const struct visit v = { fn, data };

	visit_node(&v, x->root, NULL);
}

bool expr_same_name(struct slice a, struct slice b)
{
	return fold_compare(a, b) == 0;
}
