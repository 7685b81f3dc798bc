/*
 * Work and memory of one evaluation, and how it fails. Every function pays before it reads or makes
 * something whose size an author or an event decides, so a short expression cannot run for minutes
 * or fill the memory of the process. It stands below eval and index, which call each other's parts.
 */
#include <stdarg.h>
#include <stdio.h>

#include "workflow/expr/parts.h"

enum { BYTES_PER_STEP = 64 };

int eval_fail(
	struct eval *ev, const struct expr_node *node, enum err_class class, const char *fmt, ...)
{
	CLEAN_STR char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	ev->at = node->offset;
	return err_set(ev->e, class, "%s", text ? text : fmt);
}

int eval_work(struct eval *ev, const struct expr_node *node, size_t n)
{
	if (expr_spend(ev->arena, 1 + n / BYTES_PER_STEP))
		return 0;
	return eval_fail(
		ev, node, ERR_LIMIT, "too much work, expected at most %d steps", LIMIT_EXPR_STEPS);
}

int eval_room(struct eval *ev, const struct expr_node *node, size_t n)
{
	if (eval_work(ev, node, n) < 0)
		return -1;
	if (expr_has_room(ev->arena, n))
		return 0;
	return eval_fail(ev, node, ERR_LIMIT,
		"too large: the values of an expression take at most %zu MiB",
		LIMIT_EXPR_MEMORY >> 20);
}

int eval_take(
	struct eval *ev, const struct expr_node *node, const struct buf *b, struct expr_value *ret)
{
	if (!buf_ok(b))
		return eval_fail(ev, node, ERR_LIMIT,
			"too large: a text that an expression makes has at most %zu MiB",
			LIMIT_EXPR_STRING >> 20);
	if (eval_room(ev, node, b->len) < 0)
		return -1;
	*ret = expr_text_value(expr_copy(ev->arena, b->data, b->len));
	return 0;
}

int eval_text(struct eval *ev, const struct expr_node *node, const struct expr_value *v,
	struct slice *ret)
{
	*ret = expr_text(ev->arena, v);
	return eval_work(ev, node, ret->len);
}
