/*
 * A text is walked once: plain bytes, expression, plain bytes, … One arena serves a whole text, so
 * that its account of steps bounds the work for all expressions in it together.
 */
#include "workflow/expr/render.h"

#include <stdio.h>

#include "base/limits.h"
#include "workflow/expr/piece.h"
#include "workflow/expr/quoting.h"

#define INPUT_PREFIX "SHITHUB_INPUT_"

/* Puts line and column in front of the error; -1. */
static int at_place(struct err *e, struct slice text, const char *place)
{
	expr_locate(e, text.ptr, text.len, (size_t)(place - text.ptr));
	return -1;
}

/* ---- one expression ---- */

static int next_piece(struct slice text, size_t at, struct piece *ret, struct err *e)
{
	size_t place = 0;

	return piece_next(text, at, ret, &place, e) < 0 ? at_place(e, text, text.ptr + place) : 0;
}

/* Parses inner, a part of text, and evaluates it into values. */
static int evaluate(struct slice text, struct slice inner, const struct expr_context *c,
	struct expr_arena *values, struct expr **ret_expr, struct expr_value *ret, struct err *e)
{
	size_t at = 0;
	struct expr *x = expr_parse(inner.ptr, inner.len, &at, e);

	*ret_expr = x;
	if (!x)
		return at_place(e, text, inner.ptr + at);
	if (expr_is_blank(x)) {
		err_set(e, ERR_INPUT, "nothing between ${{ and }}, expected an expression");
		return at_place(e, text, inner.ptr);
	}
	if (expr_eval(x, c, values, ret, &at, e) < 0)
		return at_place(e, text, inner.ptr + at);
	return 0;
}

/* ---- texts ---- */

struct render {
	struct slice text;
	const struct expr_context *context;
	struct buf *out;
	/* Adds what stands for a value. */
	int (*put)(struct render *r, struct slice inner, const struct expr_value *v,
		struct slice value, struct err *e);
	struct render_inputs *inputs;
	struct quoting quoting; /* of a script, up to `followed` */
	size_t followed;
	unsigned flags;
};

static int put_expression(
	struct render *r, struct slice inner, struct expr_arena *values, struct err *e)
{
	CLEAN_EXPR struct expr *x = NULL;
	struct expr_value v;

	if (evaluate(r->text, inner, r->context, values, &x, &v, e) < 0)
		return -1;
	if (r->put(r, inner, &v, expr_text(values, &v), e) < 0)
		return at_place(e, r->text, inner.ptr);
	expr_arena_reset(values);
	return 0;
}

static int render(struct render *r, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *values = expr_arena_new();
	struct piece p;

	for (size_t at = 0; at < r->text.len; at = p.end) {
		if (next_piece(r->text, at, &p, e) < 0)
			return -1;
		buf_add(r->out, p.plain.ptr, p.plain.len);
		if (p.has_expression && put_expression(r, p.inner, values, e) < 0)
			return -1;
		if (!buf_ok(r->out))
			return err_set(e, ERR_LIMIT,
				"too long with its expressions filled in, expected at most %zu "
				"bytes",
				r->out->max);
	}
	return 0;
}

static int put_plain(struct render *r, UNUSED struct slice inner, const struct expr_value *v,
	struct slice value, UNUSED struct err *e)
{
	buf_add(r->out, value.ptr, value.len);
	r->flags |= v->flags;
	return 0;
}

int render_text(const char *text, size_t n, const struct expr_context *c, struct buf *out,
	unsigned *ret_flags, struct err *e)
{
	struct render r = { .text = { text, n }, .context = c, .out = out, .put = put_plain };

	if (render(&r, e) < 0)
		return -1;
	*ret_flags = r.flags;
	return 0;
}

/* ---- scripts ---- */

static int check_binding(
	const struct render_inputs *in, struct slice value, size_t total, struct err *e)
{
	if (value.len > LIMIT_EXPR_BINDING)
		return err_set(e, ERR_LIMIT,
			"a value of %zu bytes is too large for an environment variable, expected "
			"at most %zu",
			value.len, LIMIT_EXPR_BINDING);
	if (in->env.n >= LIMIT_ENV_COUNT || total > LIMIT_ENV_BYTES)
		return err_set(e, ERR_LIMIT,
			"too many values for environment variables, expected at most %d in %zu "
			"MiB",
			LIMIT_ENV_COUNT, LIMIT_ENV_BYTES >> 20);
	return 0;
}

/* The variable that holds the value of this expression. */
static int bind(struct render_inputs *in, const char *inner, struct slice value,
	const char **ret_name, struct err *e)
{
	char name[sizeof(INPUT_PREFIX) + 20];
	size_t total = in->bytes + value.len;

	*ret_name = pairs_get(&in->seen, inner);
	if (*ret_name)
		return 0;
	if (check_binding(in, value, total, e) < 0)
		return -1;
	in->bytes = total;
	snprintf(name, sizeof(name), INPUT_PREFIX "%zu", in->env.n);
	pairs_add(&in->env, name, value.ptr, value.len);
	pairs_add(&in->seen, inner, name, strlen(name));
	*ret_name = pairs_get(&in->seen, inner);
	return 0;
}

/* The reference as the shell reads it at this place. */
static int put_variable(struct render *r, const char *name, struct err *e)
{
	static const char no_variable[] =
		"a value from outside or a secret stands in %s, where the shell reads no "
		"variable; %s";

	quoting_feed(&r->quoting, r->out->data + r->followed, r->out->len - r->followed);
	r->followed = r->out->len;
	switch (quoting_now(&r->quoting)) {
	case QUOTING_DATA:
		buf_addf(r->out, "'\"${%s}\"'", name);
		return 0;
	case QUOTING_ANSI:
		buf_addf(r->out, "'\"${%s}\"$'", name);
		return 0;
	case QUOTING_LITERAL:
		return err_set(e, ERR_INPUT, no_variable, "single quotes",
			"use double quotes, or pass it through env");
	case QUOTING_DOCUMENT:
		return err_set(e, ERR_INPUT, no_variable,
			"a here-document whose end word is quoted",
			"leave the end word bare, or pass it through env");
	case QUOTING_READ:
	case QUOTING_LATER:
		break;
	}
	buf_addf(r->out, "${%s}", name);
	return 0;
}

static int put_script(struct render *r, struct slice inner, const struct expr_value *v,
	struct slice value, struct err *e)
{
	const char *name;

	if (!(v->flags & (EXPR_TAINTED | EXPR_SECRET)))
		return put_plain(r, inner, v, value, e);
	inner = piece_trim(inner);
	CLEAN_STR char *key = xmemdup0(inner.ptr, inner.len);
	if (r->inputs->shell)
		return err_set(e, ERR_INPUT,
			"${{ %s }} holds text from outside or a secret, which never becomes script "
			"text; with shell \"%s\" pass it through env and read the variable",
			key, r->inputs->shell);
	if (bind(r->inputs, key, value, &name, e) < 0)
		return -1;
	return put_variable(r, name, e);
}

int render_script(const char *text, size_t n, const struct expr_context *c,
	struct render_inputs *in, struct buf *out, struct err *e)
{
	struct render r = {
		.text = { text, n }, .context = c, .out = out, .put = put_script, .inputs = in
	};

	return render(&r, e);
}

void render_inputs_release(struct render_inputs *in)
{
	pairs_release(&in->env);
	pairs_release(&in->seen);
	*in = (struct render_inputs){ 0 };
}

/* ---- single values ---- */

/* Literals live in the expression, which does not outlive this: a copy does. */
static void keep(struct expr_arena *a, struct expr_value *v)
{
	if (v->kind == EXPR_STRING)
		*v = expr_string(a, v->text.ptr, v->flags);
}

int render_value(const char *text, size_t n, const struct expr_context *c, struct expr_arena *a,
	struct expr_value *ret, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT_SECRET(LIMIT_EXPR_STRING);
	struct slice inner;
	unsigned flags;

	if (piece_only((struct slice){ text, n }, &inner)) {
		CLEAN_EXPR struct expr *x = NULL;

		if (evaluate((struct slice){ text, n }, inner, c, a, &x, ret, e) < 0)
			return -1;
		keep(a, ret);
		return 0;
	}
	if (render_text(text, n, c, &out, &flags, e) < 0)
		return -1;
	*ret = expr_string(a, buf_cstr(&out), flags);
	return 0;
}

/* ---- conditions ---- */

static int condition_inner(struct slice text, struct slice *ret, struct err *e)
{
	size_t place = 0;

	return piece_condition(text, ret, &place, e) < 0 ? at_place(e, text, text.ptr + place) : 0;
}

int render_condition(const char *text, const struct expr_context *c, bool *ret, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *values = expr_arena_new();
	CLEAN_EXPR struct expr *x = NULL;
	struct slice all = slice_of(text ? text : ""), inner;
	struct expr_value v;
	size_t at = 0;

	if (condition_inner(all, &inner, e) < 0)
		return -1;
	x = expr_parse(inner.ptr, inner.len, &at, e);
	if (!x)
		return at_place(e, all, inner.ptr + at);
	*ret = c->status == EXPR_SUCCESS;
	if (expr_is_blank(x) || (!*ret && !expr_uses_status(x)))
		return 0;
	if (expr_eval(x, c, values, &v, &at, e) < 0)
		return at_place(e, all, inner.ptr + at);
	*ret = expr_truthy(&v);
	return 0;
}

bool render_condition_asks_status(const char *text)
{
	struct slice inner;
	size_t at = 0;

	if (!text || condition_inner(slice_of(text), &inner, NULL) < 0)
		return false;
	CLEAN_EXPR struct expr *x = expr_parse(inner.ptr, inner.len, &at, NULL);
	return x && expr_uses_status(x);
}

bool render_has_expression(const char *text, size_t n)
{
	return n && memmem(text, n, PIECE_OPEN, strlen(PIECE_OPEN)) != NULL;
}
