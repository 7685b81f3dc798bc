/*
 * One walk for two readers: rendering evaluates each expression, checking a file only parses it.
 * They must agree on where an expression ends, or a file that was checked fails when it runs.
 */
#include "workflow/expr/piece.h"

static const char CLOSE[] = "}}";

struct slice piece_trim(struct slice s)
{
	while (s.len && memchr(" \t\r\n\v\f", s.ptr[0], 6))
		s.ptr++, s.len--;
	while (s.len && memchr(" \t\r\n\v\f", s.ptr[s.len - 1], 6))
		s.len--;
	return s;
}

/* Offset of the }} that ends the expression which begins at `at`, or the text's length. A doubled
 * quote closes and opens, which comes to the same. */
static size_t find_close(struct slice text, size_t at)
{
	bool quoted = false;

	for (; at < text.len; at++) {
		if (text.ptr[at] == '\'')
			quoted = !quoted;
		else if (!quoted && text.len - at >= 2 && memcmp(text.ptr + at, CLOSE, 2) == 0)
			return at;
	}
	return text.len;
}

int piece_next(struct slice text, size_t at, struct piece *ret, size_t *ret_place, struct err *e)
{
	const char *open =
		at < text.len ? memmem(text.ptr + at, text.len - at, PIECE_OPEN, 3) : NULL;
	size_t start = open ? (size_t)(open - text.ptr) : text.len, close;

	*ret = (struct piece){ .plain = { text.ptr + at, start - at }, .end = text.len };
	if (!open)
		return 0;
	close = find_close(text, start + 3);
	if (close == text.len) {
		*ret_place = start;
		return err_set(
			e, ERR_INPUT, "`${{` is not closed, expected }} after the expression");
	}
	ret->has_expression = true;
	ret->inner = (struct slice){ text.ptr + start + 3, close - start - 3 };
	ret->end = close + 2;
	return 0;
}

/* Whether the piece, found at the start of the trimmed text, is all of it. */
static bool is_whole(const struct piece *p, struct slice whole)
{
	return p->has_expression && p->plain.len == 0 && p->end == whole.len;
}

bool piece_only(struct slice text, struct slice *ret_inner)
{
	struct slice whole = piece_trim(text);
	struct piece p;
	size_t place;

	if (piece_next(whole, 0, &p, &place, NULL) < 0 || !is_whole(&p, whole))
		return false;
	*ret_inner = p.inner;
	return true;
}

int piece_condition(struct slice text, struct slice *ret, size_t *ret_place, struct err *e)
{
	struct slice whole = piece_trim(text);
	size_t skipped = (size_t)(whole.ptr - text.ptr);
	struct piece p;

	*ret = whole;
	if (piece_next(whole, 0, &p, ret_place, e) < 0) {
		*ret_place += skipped;
		return -1;
	}
	if (!p.has_expression)
		return 0;
	*ret = p.inner;
	if (is_whole(&p, whole))
		return 0;
	*ret_place = (size_t)(p.inner.ptr - text.ptr) - strlen(PIECE_OPEN);
	return err_set(e, ERR_INPUT,
		"text beside ${{ }} would make the condition always true, expected one "
		"expression with all of it inside");
}
