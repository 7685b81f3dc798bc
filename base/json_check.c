/*
 * yajl lets some texts pass that other readers refuse or read differently: weak UTF-8, \u0000,
 * unpaired surrogates. This walk refuses them first. It knows strings and brackets only; the
 * grammar stays with yajl.
 */
#include "base/json_check.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/utf8.h"

struct scan {
	const char *text;
	size_t n;
	struct err *e;
};

int json_error_at(struct err *e, enum err_class class, const char *text, size_t n, size_t at,
	const char *fmt, va_list ap)
{
	size_t line = 1, column = 1;
	char reason[256];

	vsnprintf(reason, sizeof(reason), fmt, ap);
	if (at > n)
		at = n;
	for (size_t i = 0; i < at; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	return err_set(
		e, class, "JSON offset %zu (line %zu, column %zu): %s", at, line, column, reason);
}

PRINTF_LIKE(4, 5)
static int refuse_text(const struct scan *p, enum err_class class, size_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	json_error_at(p->e, class, p->text, p->n, at, fmt, ap);
	va_end(ap);
	return -1;
}

static bool scan_hex4(const struct scan *p, size_t at, unsigned *ret)
{
	char digits[5] = { 0 };
	unsigned char raw[2];

	if (p->n - at < 4)
		return false;
	memcpy(digits, p->text + at, 4);
	if (hex_decode(digits, raw, 2) < 0)
		return false;
	*ret = (unsigned)raw[0] << 8 | raw[1];
	return true;
}

static bool is_surrogate(unsigned code, unsigned first)
{
	return code >= first && code < first + 0x400;
}

/* *at is behind "\u". Digits that are none are left to yajl. */
static int scan_escape(struct scan *p, size_t *at)
{
	unsigned code, low;
	size_t start = *at - 2;

	if (!scan_hex4(p, *at, &code))
		return 0;
	*at += 4;
	if (code == 0)
		return refuse_text(p, ERR_INPUT, start, "NUL in a string");
	if (is_surrogate(code, 0xd800)) {
		if (p->n - *at < 6 || memcmp(p->text + *at, "\\u", 2) != 0 ||
			!scan_hex4(p, *at + 2, &low) || !is_surrogate(low, 0xdc00))
			return refuse_text(p, ERR_INPUT, start, "unpaired surrogate in a string");
		*at += 6;
	} else if (is_surrogate(code, 0xdc00)) {
		return refuse_text(p, ERR_INPUT, start, "unpaired surrogate in a string");
	}
	return 0;
}

/* *at is behind the opening quote, afterwards behind the closing one or at the end. */
static int scan_string(struct scan *p, size_t *at)
{
	while (*at < p->n) {
		unsigned char c = (unsigned char)p->text[*at];

		if (c == '"') {
			++*at;
			return 0;
		}
		if (c == '\\') {
			*at += p->n - *at < 2 ? 1 : 2;
			if (p->text[*at - 1] == 'u' && scan_escape(p, at) < 0)
				return -1;
		} else if (c < 0x80) {
			++*at;
		} else {
			size_t len = utf8_char(p->text + *at, p->n - *at);

			if (len == 0)
				return refuse_text(p, ERR_INPUT, *at, "invalid UTF-8 in a string");
			*at += len;
		}
	}
	return 0;
}

int json_check(const char *text, size_t n, size_t depth, struct err *e)
{
	struct scan scan = { text, n, e }, *p = &scan;
	size_t open = 0;

	for (size_t i = 0; i < n;) {
		switch (text[i++]) {
		case '"':
			if (scan_string(p, &i) < 0)
				return -1;
			break;
		case '[':
		case '{':
			if (++open > depth)
				return refuse_text(
					p, ERR_LIMIT, i - 1, "nested deeper than %zu", depth);
			break;
		case ']':
		case '}':
			open -= open > 0; /* yajl refuses the surplus one */
			break;
		}
	}
	return 0;
}
