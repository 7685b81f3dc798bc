/*
 * Tree → value. Flags are put on results here, in the one place each kind of node has: a result
 * carries the flags of every operand that was read on the way to it. Members of a container
 * carry those of the container from the moment they are read.
 *
 * The depth of the tree bounds the recursion, the arena's account bounds time and memory.
 */
#include "workflow/expr/parts.h"

/* ---- contexts ---- */

static const struct {
	const char *name;
	enum expr_missing missing;
} contexts[] = {
	{ "shithub", MISSING_IS_NULL },
	{ "github", MISSING_IS_NULL },
	{ "env", MISSING_IS_EMPTY },
	{ "vars", MISSING_IS_EMPTY },
	{ "secrets", MISSING_IS_ERROR },
	{ "job", MISSING_IS_NULL },
	{ "steps", MISSING_IS_NULL },
	{ "runner", MISSING_IS_NULL },
	{ "inputs", MISSING_IS_NULL },
	{ "needs", MISSING_IS_NULL },
	{ "matrix", MISSING_IS_NULL },
	{ "strategy", MISSING_IS_NULL },
};

/* `event` of the object that one of two names stands for. */
static void taint_event(const struct expr_member *m)
{
	struct expr_member *event = NULL;

	if (m && m->value.kind == EXPR_OBJECT)
		event = expr_find(m->value.object, SLICE("event"));
	if (event)
		event->value.flags |= EXPR_TAINTED;
}

static void add_alias(struct expr_arena *a, struct expr_value *root)
{
	const struct expr_member *ours = expr_find(root->object, SLICE("shithub")),
				 *theirs = expr_find(root->object, SLICE("github"));

	taint_event(ours);
	taint_event(theirs);
	if (ours && !theirs)
		expr_set(a, root, "github", ours->value);
	else if (theirs && !ours)
		expr_set(a, root, "shithub", theirs->value);
}

void expr_root_finish(struct expr_arena *a, struct expr_value *root)
{
	add_alias(a, root);
	for (size_t i = 0; i < ARRAY_LEN(contexts); i++) {
		struct slice name = slice_of(contexts[i].name);
		struct expr_member *m = expr_find(root->object, name);

		if (!m && contexts[i].missing != MISSING_IS_NULL) {
			expr_set(a, root, contexts[i].name, expr_object(a));
			m = expr_find(root->object, name);
		}
		if (!m)
			continue;
		if (m->value.kind == EXPR_NULL && contexts[i].missing != MISSING_IS_NULL)
			m->value = expr_object(a);
		if (m->value.kind == EXPR_OBJECT)
			m->value.object->missing = contexts[i].missing;
		if (contexts[i].missing == MISSING_IS_ERROR)
			m->value.flags |= EXPR_SECRET;
	}
}

void expr_secrets_withheld(const struct expr_value *root)
{
	struct expr_member *m = expr_find(root->object, SLICE("secrets"));

	if (m && m->value.kind == EXPR_OBJECT)
		m->value.object->missing = MISSING_IS_EMPTY;
}

static bool is_context(const struct expr_context *c, struct slice name)
{
	if (expr_find(c->root.object, name))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(contexts); i++)
		if (fold_compare(slice_of(contexts[i].name), name) == 0)
			return true;
	return false;
}

/* Names are checked before anything is evaluated: a typing error is found in every branch. */
static int check_names(struct eval *ev, const struct expr *x)
{
	const struct expr_node *bad = NULL;

	for (const struct expr_node *n = x->names; n; n = n->next_name) {
		if (eval_work(ev, n, 0) < 0)
			return -1;
		if (!is_context(ev->context, n->name))
			bad = n;
	}
	if (!bad)
		return 0;
	return eval_fail(ev, bad, ERR_INPUT,
		"unknown name `%.*s`, expected shithub, env, vars, secrets, job, steps, runner, "
		"inputs, needs, matrix, strategy or a text in single quotes",
		(int)expr_quote(bad->name).len, bad->name.ptr);
}

static int eval_name(struct eval *ev, const struct expr_node *node, struct expr_value *ret)
{
	const struct expr_member *m = expr_find(ev->context->root.object, node->name);

	*ret = m ? m->value : expr_null();
	return 0;
}

/* ---- operators ---- */

static int eval_node(struct eval *ev, const struct expr_node *node, struct expr_value *ret);

static int eval_index(struct eval *ev, const struct expr_node *node, struct expr_value *ret)
{
	struct expr_value left, index;

	if (eval_node(ev, node->first, &left) < 0)
		return -1;
	if (node->kind == NODE_FILTER)
		return expr_eval_index(ev, node, &left, NULL, ret);
	if (eval_node(ev, node->last, &index) < 0)
		return -1;
	return expr_eval_index(ev, node, &left, &index, ret);
}

static int eval_not(struct eval *ev, const struct expr_node *node, struct expr_value *ret)
{
	struct expr_value v;

	if (eval_node(ev, node->first, &v) < 0)
		return -1;
	*ret = expr_boolean(!expr_truthy(&v));
	ret->flags = v.flags;
	return 0;
}

static bool compare_by(
	enum expr_operator op, const struct expr_value *a, const struct expr_value *b)
{
	switch (op) {
	case OP_EQ:
		return expr_equal(a, b);
	case OP_NE:
		return !expr_equal(a, b);
	case OP_LT:
		return expr_compare(a, b) == -1;
	case OP_GT:
		return expr_compare(a, b) == 1;
	case OP_LE:
		return expr_compare(a, b) <= 0;
	case OP_GE:
		return expr_compare(a, b) == 0 || expr_compare(a, b) == 1;
	default:
		BUG("operator %d compares nothing", (int)op);
	}
}

static size_t text_size(const struct expr_value *v)
{
	return v->kind == EXPR_STRING ? v->text.len : 0;
}

static int eval_binary(struct eval *ev, const struct expr_node *node, struct expr_value *ret)
{
	struct expr_value a, b;

	if (eval_node(ev, node->first, &a) < 0 || eval_node(ev, node->last, &b) < 0 ||
		eval_work(ev, node, text_size(&a) + text_size(&b)) < 0)
		return -1;
	*ret = expr_boolean(compare_by(node->op, &a, &b));
	ret->flags = a.flags | b.flags;
	return 0;
}

/* The operand that decides, with the flags of those before it, which decided that it does. */
static int eval_logic(struct eval *ev, const struct expr_node *node, struct expr_value *ret)
{
	unsigned flags = 0;

	for (const struct expr_node *n = node->first; n; n = n->next) {
		if (eval_node(ev, n, ret) < 0)
			return -1;
		flags |= ret->flags;
		if (expr_truthy(ret) == (node->op == OP_OR))
			break;
	}
	ret->flags = flags;
	return 0;
}

/* ---- calls ---- */

/* Conditions are evaluated in order; only the value of the first true one is made. */
static int eval_case(struct eval *ev, const struct expr_node *call, struct expr_value *ret)
{
	const struct expr_node *n = call->first;
	unsigned flags = 0;

	for (; n->next; n = n->next->next) {
		struct expr_value condition;

		if (eval_node(ev, n, &condition) < 0)
			return -1;
		if (condition.kind != EXPR_BOOLEAN)
			return eval_fail(ev, n, ERR_INPUT,
				"case: a condition is %s, expected Boolean",
				expr_kind_name(condition.kind));
		flags |= condition.flags;
		if (condition.boolean) {
			n = n->next;
			break;
		}
	}
	if (eval_node(ev, n, ret) < 0)
		return -1;
	ret->flags |= flags;
	return 0;
}

static int eval_call(struct eval *ev, const struct expr_node *call, struct expr_value *ret)
{
	struct expr_value *args;
	unsigned flags = 0;
	size_t i = 0;

	if (!call->function->fn)
		return eval_case(ev, call, ret);
	if (eval_room(ev, call, call->n * sizeof(*args)) < 0)
		return -1;
	args = expr_alloc(ev->arena, call->n * sizeof(*args));
	for (const struct expr_node *n = call->first; n; n = n->next) {
		if (eval_node(ev, n, &args[i]) < 0)
			return -1;
		flags |= args[i++].flags;
	}
	if (call->function->fn(ev, call, args, ret) < 0)
		return -1;
	ret->flags |= flags;
	return 0;
}

static int eval_node(struct eval *ev, const struct expr_node *node, struct expr_value *ret)
{
	static int (*const kinds[])(
		struct eval * ev, const struct expr_node *node, struct expr_value *ret) = {
		[NODE_NAME] = eval_name,
		[NODE_INDEX] = eval_index,
		[NODE_FILTER] = eval_index,
		[NODE_NOT] = eval_not,
		[NODE_BINARY] = eval_binary,
		[NODE_LOGIC] = eval_logic,
		[NODE_CALL] = eval_call,
	};

	if (eval_work(ev, node, 0) < 0)
		return -1;
	if (node->kind == NODE_LITERAL) {
		*ret = node->literal;
		return 0;
	}
	return kinds[node->kind](ev, node, ret);
}

int expr_eval(const struct expr *x, const struct expr_context *c, struct expr_arena *a,
	struct expr_value *ret, size_t *ret_offset, struct err *e)
{
	struct eval ev = { .context = c, .arena = a, .e = e };
	struct expr_value v;

	if (check_names(&ev, x) < 0 || eval_node(&ev, x->root, &v) < 0) {
		*ret_offset = ev.at;
		return -1;
	}
	*ret = v;
	return 0;
}
