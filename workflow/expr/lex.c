/*
 * Characters → tokens, one at a time. A word (name, keyword, number) reaches to the next blank or
 * punctuation and is judged as a whole, so that a message quotes what the author wrote.
 * What a token may follow decides two things: a point begins a number or a property, and a word
 * behind a point is a property even if it reads `true`.
 */
#include <math.h>

#include "workflow/expr/parts.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool ends_word(char c)
{
	return is_space(c) || strchr("()[],.!<>=&|", c);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether a point behind this one belongs to a number. */
static bool starts_number(enum expr_token_kind before)
{
	switch (before) {
	case TOKEN_NUMBER:
	case TOKEN_STRING:
	case TOKEN_WORD:
	case TOKEN_DOT:
	case TOKEN_STAR:
	case TOKEN_CLOSE:
	case TOKEN_INDEX_CLOSE:
		return false;
	default:
		return true;
	}
}

static int unexpected(const struct expr_token *t, const char *expected, struct err *e)
{
	struct slice s = expr_quote(t->text);

	return err_set(e, ERR_INPUT, "unexpected `%.*s`, expected %s", (int)s.len, s.ptr, expected);
}

/* ---- kinds of tokens ---- */

static const struct {
	const char *text;
	enum expr_token_kind kind;
	enum expr_operator op;
} marks[] = {
	/* the longer one first */
	{ "==", TOKEN_OPERATOR, OP_EQ },
	{ "!=", TOKEN_OPERATOR, OP_NE },
	{ "<=", TOKEN_OPERATOR, OP_LE },
	{ ">=", TOKEN_OPERATOR, OP_GE },
	{ "&&", TOKEN_OPERATOR, OP_AND },
	{ "||", TOKEN_OPERATOR, OP_OR },
	{ "<", TOKEN_OPERATOR, OP_LT },
	{ ">", TOKEN_OPERATOR, OP_GT },
	{ "!", TOKEN_NOT, OP_NONE },
	{ "(", TOKEN_OPEN, OP_NONE },
	{ ")", TOKEN_CLOSE, OP_NONE },
	{ "[", TOKEN_INDEX_OPEN, OP_NONE },
	{ "]", TOKEN_INDEX_CLOSE, OP_NONE },
	{ ",", TOKEN_COMMA, OP_NONE },
	{ ".", TOKEN_DOT, OP_NONE },
	{ "*", TOKEN_STAR, OP_NONE },
};

static int lex_mark(struct slice rest, struct expr_token *t, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		size_t n = strlen(marks[i].text);

		if (rest.len < n || memcmp(rest.ptr, marks[i].text, n) != 0)
			continue;
		t->kind = marks[i].kind;
		t->op = marks[i].op;
		t->text = (struct slice){ rest.ptr, n };
		return 0;
	}
	t->text = (struct slice){ rest.ptr, 1 };
	return unexpected(t, "an operator (== != < <= > >= && ||)", e);
}

/* 'it''s' */
static int lex_string(struct slice rest, struct expr_token *t, struct err *e)
{
	size_t n = 1;

	while (n < rest.len) {
		if (rest.ptr[n++] != '\'')
			continue;
		if (n == rest.len || rest.ptr[n] != '\'') {
			t->kind = TOKEN_STRING;
			t->text = (struct slice){ rest.ptr, n };
			return 0;
		}
		n++;
	}
	return err_set(e, ERR_INPUT, "the text is not closed, expected '");
}

static int lex_number(struct slice rest, struct expr_token *t, struct err *e)
{
	size_t n = 1;

	while (n < rest.len && (rest.ptr[n] == '.' || !ends_word(rest.ptr[n])))
		n++;
	t->kind = TOKEN_NUMBER;
	t->text = (struct slice){ rest.ptr, n };
	t->number = expr_parse_number(t->text);
	return isnan(t->number) ? unexpected(t, "a number", e) : 0;
}

static int lex_word(struct slice rest, bool property, struct expr_token *t, struct err *e)
{
	bool good = is_letter(rest.ptr[0]);
	size_t n = 0;

	for (; n < rest.len && !ends_word(rest.ptr[n]); n++)
		good = good &&
		       (is_letter(rest.ptr[n]) || is_digit(rest.ptr[n]) || rest.ptr[n] == '-');
	t->kind = TOKEN_WORD;
	t->text = (struct slice){ rest.ptr, n };
	if (good)
		return 0;
	if (rest.ptr[0] == '"')
		return unexpected(t, "a text in single quotes", e);
	if (rest.ptr[0] == '$')
		return unexpected(t, "an expression without ${{ }} around or in it", e);
	return unexpected(t,
		property ? "a property name (letters, digits, _ and -) or *"
			 : "a context, a function, a number or a text in single quotes",
		e);
}

int expr_lex(struct slice text, size_t at, enum expr_token_kind before, struct expr_token *t,
	struct err *e)
{
	struct slice rest;
	char c;

	while (at < text.len && is_space(text.ptr[at]))
		at++;
	*t = (struct expr_token){ .offset = at };
	if (at == text.len)
		return 0;
	rest = (struct slice){ text.ptr + at, text.len - at };
	c = rest.ptr[0];
	if (c == '\'')
		return lex_string(rest, t, e);
	if (before == TOKEN_DOT && c != '*' && !ends_word(c))
		return lex_word(rest, true, t, e);
	if (is_digit(c) || c == '-' || c == '+' || (c == '.' && starts_number(before)))
		return lex_number(rest, t, e);
	if (strchr("()[],.!<>=&|*", c))
		return lex_mark(rest, t, e);
	return lex_word(rest, false, t, e);
}
