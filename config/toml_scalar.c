/*
 * Booleans, numbers, dates and times. A scalar is the longest run of bytes that can stand in one;
 * then its whole text must match one of the forms, so that `1979-05-27x` is one error and not a
 * date with something behind it.
 */
#include <errno.h>
#include <math.h>

#include "config/toml_parse.h"

enum { TOKEN_MAX = 400 };

/* A cursor over the text of one scalar. */
struct token {
	const char *text;
	size_t len, at;
};

static int token_peek(const struct token *t)
{
	return t->at < t->len ? (unsigned char)t->text[t->at] : -1;
}

static bool token_skip(struct token *t, const char *any)
{
	int c = token_peek(t);

	if (c <= 0 || !strchr(any, c))
		return false;
	t->at++;
	return true;
}

static bool is_scalar_byte(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || toml_is_digit(c) || c == '_' ||
	       c == '+' || c == '-' || c == '.' || c == ':';
}

static bool is_digit_of(int c, int base)
{
	if (base <= 10)
		return c >= '0' && c < '0' + base;
	return toml_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Digits with single underscores between them; appends them to out. Their count, 0 for none. */
static size_t take_digits(struct token *t, int base, struct buf *out)
{
	size_t n = 0;

	while (is_digit_of(token_peek(t), base)) {
		buf_addc(out, t->text[t->at++]);
		n++;
		if (token_peek(t) == '_') {
			t->at++;
			if (!is_digit_of(token_peek(t), base))
				return 0;
		}
	}
	return n;
}

/* dates */

/* Exactly n digits as a number in [min, max]; -1 if not. */
static int take_number(struct token *t, size_t n, int min, int max)
{
	int value = 0;

	for (size_t i = 0; i < n; i++) {
		if (!toml_is_digit(token_peek(t)))
			return -1;
		value = value * 10 + t->text[t->at++] - '0';
	}
	return value >= min && value <= max ? value : -1;
}

static bool take_date(struct token *t)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = take_number(t, 4, 0, 9999);

	if (year < 0 || !token_skip(t, "-"))
		return false;
	int month = take_number(t, 2, 1, 12);
	if (month < 0 || !token_skip(t, "-"))
		return false;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return take_number(t, 2, 1, days[month - 1] + (leap && month == 2)) > 0;
}

static bool take_time(struct token *t)
{
	if (take_number(t, 2, 0, 23) < 0 || !token_skip(t, ":") || take_number(t, 2, 0, 59) < 0)
		return false;
	/* 60 is a leap second of RFC 3339 */
	if (!token_skip(t, ":") || take_number(t, 2, 0, 60) < 0)
		return false;
	if (!token_skip(t, "."))
		return true;
	if (!toml_is_digit(token_peek(t)))
		return false;
	while (toml_is_digit(token_peek(t)))
		t->at++;
	return true;
}

static bool take_offset(struct token *t)
{
	if (t->at == t->len || token_skip(t, "Zz"))
		return true;
	return token_skip(t, "+-") && take_number(t, 2, 0, 23) >= 0 && token_skip(t, ":") &&
	       take_number(t, 2, 0, 59) >= 0;
}

static bool is_datetime(const char *text, size_t len)
{
	struct token t = { text, len, 0 };

	if (len > 2 && text[2] == ':')
		return take_time(&t) && t.at == len;
	if (!take_date(&t))
		return false;
	if (t.at == len)
		return true;
	return token_skip(&t, "Tt ") && take_time(&t) && take_offset(&t) && t.at == len;
}

static bool looks_like_datetime(const char *text, size_t len)
{
	return toml_is_digit((unsigned char)text[0]) &&
	       ((len > 2 && text[2] == ':') || (len > 4 && text[4] == '-'));
}

/* numbers */

static int read_prefixed(struct toml_parser *p, struct toml_value *v, struct token *t, int base)
{
	t->at = 2;
	if (take_digits(t, base, &p->scratch) == 0 || t->at != t->len)
		return toml_fail(p, p->at,
			"\"%.64s\" is not a number, expected digits of base %d, single '_' between "
			"digits",
			t->text, base);
	errno = 0;
	unsigned long long value = strtoull(buf_cstr(&p->scratch), NULL, base);
	if (errno == ERANGE || value > INT64_MAX)
		return toml_fail(
			p, p->at, "%.64s is too large, expected at most 64 bits signed", t->text);
	v->type = TOML_INTEGER;
	v->integer = (int64_t)value;
	v->raw = toml_copy(p, t->text, t->len);
	return 0;
}

static bool read_special(struct toml_value *v, struct token *t)
{
	size_t sign = token_skip(t, "+-") ? 1 : 0;
	const char *word = t->text + sign;
	double value = str_eq(word, "inf") ? INFINITY : str_eq(word, "nan") ? NAN : 0;

	if (value == 0)
		return false;
	v->type = TOML_FLOAT;
	v->number = t->text[0] == '-' ? -value : value;
	return true;
}

/* Consumes [sign] digits [. digits] [e [sign] digits] into scratch; what is wrong, or NULL. */
static const char *read_decimal(struct toml_parser *p, struct token *t, bool *ret_float)
{
	struct buf *out = &p->scratch;

	if (token_skip(t, "+-"))
		buf_addc(out, t->text[0]);
	size_t first = t->at, digits = take_digits(t, 10, out);
	if (digits == 0)
		return "digits, with single '_' only between digits";
	if (digits > 1 && t->text[first] == '0')
		return "a number without leading zeros";
	if (token_skip(t, ".")) {
		*ret_float = true;
		buf_addc(out, '.');
		if (take_digits(t, 10, out) == 0)
			return "digits after the decimal point";
	}
	if (token_skip(t, "eE")) {
		*ret_float = true;
		buf_addc(out, 'e');
		if (token_skip(t, "+-"))
			buf_addc(out, t->text[t->at - 1]);
		if (take_digits(t, 10, out) == 0)
			return "digits in the exponent";
	}
	return t->at == t->len
		       ? NULL
		       : "a string in quotes, a number, true, false, a date, an array or a table";
}

static int read_number(struct toml_parser *p, struct toml_value *v, struct token *t)
{
	bool is_float = false;

	if (read_special(v, t)) {
		v->raw = toml_copy(p, t->text, t->len);
		return 0;
	}
	t->at = 0;
	const char *wrong = read_decimal(p, t, &is_float);
	if (wrong)
		return toml_fail(p, p->at, "\"%.64s\" is not a value, expected %s", t->text, wrong);
	v->raw = toml_copy(p, buf_cstr(&p->scratch), p->scratch.len);
	errno = 0;
	if (is_float) {
		v->type = TOML_FLOAT;
		v->number = strtod(v->raw, NULL);
		return 0;
	}
	v->type = TOML_INTEGER;
	v->integer = strtoll(v->raw, NULL, 10);
	if (errno == ERANGE)
		return toml_fail(
			p, p->at, "%.64s is too large, expected at most 64 bits signed", t->text);
	return 0;
}

static int read_token(struct toml_parser *p, struct toml_value *v, struct token *t)
{
	static const int bases[] = { ['x'] = 16, ['o'] = 8, ['b'] = 2 };

	buf_clear(&p->scratch);
	if (str_eq(t->text, "true") || str_eq(t->text, "false")) {
		v->type = TOML_BOOL;
		v->boolean = t->text[0] == 't';
		return 0;
	}
	if (is_datetime(t->text, t->len)) {
		v->type = TOML_DATETIME;
		v->string = toml_copy(p, t->text, t->len);
		v->len = t->len;
		return 0;
	}
	if (looks_like_datetime(t->text, t->len))
		return toml_fail(p, p->at,
			"\"%.64s\" is not a date or time, expected the form 2026-01-31T12:00:00Z",
			t->text);
	if (t->text[0] == '0' && t->len > 1 && strchr("xob", t->text[1]))
		return read_prefixed(p, v, t, bases[(unsigned char)t->text[1]]);
	return read_number(p, v, t);
}

int toml_scalar(struct toml_parser *p, struct toml_value *v)
{
	char text[TOKEN_MAX + 1];
	size_t n = 0;

	while (is_scalar_byte(toml_peek_at(p, n)))
		n++;
	if (n == 0)
		return toml_expected(p, "a value");
	/* `1979-05-27 07:32:00`: a blank may replace the T */
	if (n == 10 && p->text[p->at + 4] == '-' && toml_peek_at(p, n) == ' ' &&
		toml_is_digit(toml_peek_at(p, n + 1))) {
		for (n++; is_scalar_byte(toml_peek_at(p, n));)
			n++;
	}
	if (n > TOKEN_MAX)
		return toml_fail(
			p, p->at, "value is too long, expected at most %d characters", TOKEN_MAX);
	memcpy(text, p->text + p->at, n);
	text[n] = '\0';
	struct token t = { text, n, 0 };
	if (read_token(p, v, &t) < 0)
		return -1;
	p->at += n;
	return 0;
}
