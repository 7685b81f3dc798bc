/*
 * The ground of the TOML parser: the document's memory, positions and errors, UTF-8. Positions
 * count characters, not bytes, so that they agree with an editor.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "config/toml_parse.h"

void *toml_alloc(struct toml_parser *p, size_t n)
{
	return arena_take(&p->doc->memory, n);
}

char *toml_copy(struct toml_parser *p, const char *text, size_t n)
{
	return arena_copy(&p->doc->memory, text, n);
}

void toml_free(struct toml_doc *d)
{
	if (d)
		arena_release(&d->memory);
	free(d);
}

/* positions and errors */

void toml_locate(struct toml_parser *p, size_t at, unsigned *line, unsigned *column)
{
	if (at < p->mark) { /* only on the way to an error */
		p->mark = 0;
		p->mark_line = p->mark_column = 1;
	}
	for (; p->mark < at; p->mark++) {
		unsigned char c = (unsigned char)p->text[p->mark];

		if (c == '\n') {
			p->mark_line++;
			p->mark_column = 1;
		} else if ((c & 0xc0) != 0x80) {
			p->mark_column++;
		}
	}
	*line = p->mark_line;
	*column = p->mark_column;
}

int toml_fail(struct toml_parser *p, size_t at, const char *fmt, ...)
{
	va_list ap;

	toml_locate(p, at, &p->error->line, &p->error->column);
	va_start(ap, fmt);
	vsnprintf(p->error->reason, sizeof(p->error->reason), fmt, ap);
	va_end(ap);
	return -1;
}

int toml_expected(struct toml_parser *p, const char *what)
{
	int c = toml_peek(p);

	if (c < 0)
		return toml_fail(p, p->at, "found the end of the file, expected %s", what);
	if (toml_newline(p))
		return toml_fail(p, p->at, "found the end of the line, expected %s", what);
	if (c == '\r')
		return toml_fail(p, p->at, "bare carriage return, expected %s", what);
	if (c < 0x20 || c >= 0x7f)
		return toml_fail(p, p->at, "found byte 0x%02x, expected %s", (unsigned)c, what);
	return toml_fail(p, p->at, "found '%c', expected %s", c, what);
}

bool toml_is_text(int c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

int toml_newline(const struct toml_parser *p)
{
	if (toml_peek(p) == '\n')
		return 1;
	return toml_peek(p) == '\r' && toml_peek_at(p, 1) == '\n' ? 2 : 0;
}

int toml_check_encoding(struct toml_parser *p)
{
	if (toml_at(p, "\xef\xbb\xbf"))
		return toml_fail(p, 0, "byte order mark, expected plain UTF-8 without one");
	for (size_t at = 0; at < p->n;) {
		size_t len = utf8_char(p->text + at, p->n - at);

		if (len == 0)
			return toml_fail(p, at,
				"byte 0x%02x is not valid UTF-8, expected UTF-8 text",
				(unsigned)(unsigned char)p->text[at]);
		at += len;
	}
	return 0;
}
