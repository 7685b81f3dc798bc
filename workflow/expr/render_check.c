/*
 * The expressions of a text as rendering would meet them, each only parsed: what it names goes to
 * the caller, and so does every error. One bad expression does not hide the next one.
 */
#include "workflow/expr/piece.h"
#include "workflow/expr/render.h"

struct place {
	const struct render_check *check;
	size_t start; /* of the expression in the text */
};

static void tell_use(void *data, const struct expr_use *u)
{
	const struct place *p = data;

	p->check->use(p->check->data, u, p->start + u->offset);
}

static void check_inner(
	struct slice text, struct slice inner, bool may_be_blank, const struct render_check *check)
{
	struct place place = { check, (size_t)(inner.ptr - text.ptr) };
	struct err e = { 0 };
	size_t at = 0;
	CLEAN_EXPR struct expr *x = expr_parse_names(inner.ptr, inner.len, &at, &e);

	if (!x)
		check->wrong(check->data, e.text, place.start + at);
	else if (expr_is_blank(x) && !may_be_blank)
		check->wrong(check->data, "nothing between ${{ and }}, expected an expression",
			place.start);
	else
		expr_each_use(x, tell_use, &place);
}

/* False when an expression does not end. */
static bool check_texts(struct slice text, const struct render_check *check)
{
	struct piece p;

	for (size_t at = 0, place = 0; at < text.len; at = p.end) {
		struct err e = { 0 };

		if (piece_next(text, at, &p, &place, &e) < 0) {
			check->wrong(check->data, e.text, place);
			return false;
		}
		if (p.has_expression)
			check_inner(text, p.inner, false, check);
	}
	return true;
}

static void check_condition(struct slice text, const struct render_check *check)
{
	struct slice inner;
	struct err e = { 0 };
	size_t place = 0;

	if (piece_condition(text, &inner, &place, &e) < 0)
		check->wrong(check->data, e.text, place);
	else
		check_inner(text, inner, true, check);
}

void render_check(
	const char *text, size_t n, enum render_form form, const struct render_check *check)
{
	struct slice all = { text, n }, inner;

	if (form == RENDER_CONDITION) {
		check_condition(all, check);
		return;
	}
	if (check_texts(all, check) && form == RENDER_VALUE && render_has_expression(text, n) &&
		!piece_only(all, &inner))
		check->wrong(check->data,
			"text beside ${{ }}, expected one expression and nothing else", 0);
}

struct search {
	const char *context;
	bool found;
};

static void compare_use(void *data, const struct expr_use *u, UNUSED size_t place)
{
	struct search *s = data;

	s->found |= !u->call && expr_same_name(u->name, slice_of(s->context));
}

static void ignore_wrong(UNUSED void *data, UNUSED const char *message, UNUSED size_t place)
{
}

bool render_names_context(const char *text, const char *context)
{
	struct search s = { .context = context };
	const struct render_check check = { compare_use, ignore_wrong, &s };

	if (text)
		render_check(text, strlen(text), RENDER_TEXT, &check);
	return s.found;
}
