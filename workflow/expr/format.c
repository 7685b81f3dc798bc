/*
 * format('{0} of {1}', …): {n} stands for argument n after the format string, {{ and }} are
 * braces. Arguments become text only when they are used, so an unused one costs nothing.
 */
#include <stdio.h>

#include "workflow/expr/parts.h"

struct format {
	struct eval *ev;
	const struct expr_node *call;
	const struct expr_value *args;
	struct buf out;
};

/* The digits behind `{`; *ret_behind is the place behind `}`. */
static int read_number(struct slice text, size_t at, size_t *ret_number, size_t *ret_behind)
{
	size_t number = 0, i = at;

	for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
		if (number <= EXPR_ARGS_MAX)
			number = number * 10 + (size_t)(text.ptr[i] - '0');
	if (i == at || i == text.len || text.ptr[i] != '}')
		return -1;
	*ret_number = number;
	*ret_behind = i + 1;
	return 0;
}

static int bad_brace(struct format *f, char brace)
{
	return eval_fail(f->ev, f->call, ERR_INPUT,
		"format: a lone `%c` in the text, expected {0} for the first argument or %c%c for "
		"the "
		"character itself",
		brace, brace, brace);
}

/* At a brace; moves *at behind what it begins. */
static int put_brace(struct format *f, struct slice text, size_t *at)
{
	char brace = text.ptr[*at];
	struct slice value;
	size_t number;

	if (*at + 1 < text.len && text.ptr[*at + 1] == brace) {
		buf_addc(&f->out, brace);
		*at += 2;
		return 0;
	}
	if (brace == '}' || read_number(text, *at + 1, &number, at) < 0)
		return bad_brace(f, brace);
	if (number + 1 >= f->call->n)
		return eval_fail(f->ev, f->call, ERR_INPUT,
			"format: no argument for {%zu}; %u given after the format string", number,
			f->call->n - 1);
	if (eval_text(f->ev, f->call, &f->args[number + 1], &value) < 0)
		return -1;
	buf_add(&f->out, value.ptr, value.len);
	return 0;
}

static int put_all(struct format *f)
{
	struct slice text;

	if (eval_text(f->ev, f->call, &f->args[0], &text) < 0)
		return -1;
	for (size_t at = 0; at < text.len && buf_ok(&f->out);) {
		size_t plain = at;

		while (plain < text.len && text.ptr[plain] != '{' && text.ptr[plain] != '}')
			plain++;
		buf_add(&f->out, text.ptr + at, plain - at);
		at = plain;
		if (at < text.len && put_brace(f, text, &at) < 0)
			return -1;
	}
	return 0;
}

int expr_format(struct eval *ev, const struct expr_node *call, const struct expr_value *args,
	struct expr_value *ret)
{
	struct format f = {
		.ev = ev, .call = call, .args = args, .out = BUF_INIT_SECRET(LIMIT_EXPR_STRING)
	};
	int rc = put_all(&f);

	if (rc == 0)
		rc = eval_take(ev, call, &f.out, ret);
	buf_release(&f.out);
	return rc;
}
