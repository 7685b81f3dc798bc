/*
 * The four string forms of TOML: basic and literal, each on one line or on several. A control
 * character is refused even where an editor would show it as a blank.
 */
#include "config/toml_parse.h"

static int hex_value(int c)
{
	if (toml_is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_utf8(struct buf *b, unsigned code)
{
	unsigned tails = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0x00, 0xc0, 0xe0, 0xf0 };

	buf_addc(b, (char)(lead[tails] | code >> (6 * tails)));
	while (tails-- > 0)
		buf_addc(b, (char)(0x80 | ((code >> (6 * tails)) & 0x3f)));
}

static int add_unicode(struct toml_parser *p, size_t backslash, int digits)
{
	unsigned code = 0;

	for (int i = 0; i < digits; i++) {
		int h = hex_value(toml_peek(p));

		if (h < 0)
			return toml_expected(p,
				digits == 4 ? "4 hex digits after \\u" : "8 hex digits after \\U");
		code = code << 4 | (unsigned)h;
		p->at++;
	}
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return toml_fail(p, backslash,
			"escape is not a character, expected U+0000 to U+10FFFF without "
			"surrogates");
	add_utf8(&p->scratch, code);
	return 0;
}

static int add_escape(struct toml_parser *p)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	size_t backslash = p->at++;
	int c = toml_peek(p);
	const char *hit = c > 0 ? strchr(from, c) : NULL;

	if (!hit && c != 'u' && c != 'U')
		return toml_expected(p, "b t n f r \" \\ u or U after the backslash");
	p->at++;
	if (!hit)
		return add_unicode(p, backslash, c == 'u' ? 4 : 8);
	buf_addc(&p->scratch, to[hit - from]);
	return 0;
}

/* At a backslash: skips it with all blanks and line ends if only blanks stand between it and the
 * end of its line. */
static bool skip_continuation(struct toml_parser *p)
{
	size_t start = p->at++;

	while (toml_peek(p) == ' ' || toml_peek(p) == '\t')
		p->at++;
	if (!toml_newline(p)) {
		p->at = start;
		return false;
	}
	for (int len;;) {
		if ((len = toml_newline(p)) != 0)
			p->at += (size_t)len;
		else if (toml_peek(p) == ' ' || toml_peek(p) == '\t')
			p->at++;
		else
			return true;
	}
}

/* One character, escape or line end of the string; not its closing quotes. */
static int add_piece(struct toml_parser *p, char quote, bool multi)
{
	int c = toml_peek(p), newline = toml_newline(p);

	if (newline && multi) {
		buf_addc(&p->scratch, '\n');
		p->at += (size_t)newline;
		return 0;
	}
	if (c < 0 || newline || !toml_is_text(c)) {
		if (c >= 0 && !newline && c != '\r')
			return toml_fail(p, p->at, "control character 0x%02x, expected an escape",
				(unsigned)c);
		return toml_expected(p, quote == '"' ? "the closing \" of the string"
						     : "the closing ' of the string");
	}
	if (c == '\\' && quote == '"')
		return multi && skip_continuation(p) ? 0 : add_escape(p);
	buf_addc(&p->scratch, (char)c);
	p->at++;
	return 0;
}

static int read_single(struct toml_parser *p, char quote)
{
	p->at++;
	while (toml_peek(p) != quote) {
		if (add_piece(p, quote, false) < 0)
			return -1;
	}
	p->at++;
	return 0;
}

/* Up to two quotes may stand directly before the closing three. */
static int read_multi(struct toml_parser *p, char quote)
{
	p->at += 3;
	p->at += (size_t)toml_newline(p);
	for (;;) {
		size_t quotes = 0;

		while (quotes < 5 && toml_peek_at(p, quotes) == quote)
			quotes++;
		p->at += quotes;
		for (size_t i = quotes >= 3 ? 3 : 0; i < quotes; i++)
			buf_addc(&p->scratch, quote);
		if (quotes >= 3)
			return 0;
		if (add_piece(p, quote, true) < 0)
			return -1;
	}
}

int toml_string(struct toml_parser *p, bool single, const char **ret, size_t *ret_len)
{
	char quote = p->text[p->at];
	bool multi = toml_peek_at(p, 1) == quote && toml_peek_at(p, 2) == quote;

	if (multi && single)
		return toml_fail(
			p, p->at, "multi-line string as a key, expected a key on one line");
	buf_clear(&p->scratch);
	if ((multi ? read_multi(p, quote) : read_single(p, quote)) < 0)
		return -1;
	*ret_len = p->scratch.len;
	*ret = toml_copy(p, buf_cstr(&p->scratch), p->scratch.len);
	return 0;
}
