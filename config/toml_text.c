/* The ground of the TOML parser: the document's memory, positions and errors, UTF-8. */
#include <stdarg.h>
#include <stdio.h>

#include "base/codec.h"
#include "config/toml_parse.h"

enum { CHUNK_BYTES = 8192 };

struct toml_chunk {
	struct toml_chunk *next;
	size_t used, size;
	_Alignas(16) char bytes[];
};

void *toml_alloc(struct toml_parser *p, size_t n)
{
	size_t need = (n + 15) & ~(size_t)15;
	struct toml_chunk *c = p->doc->chunks;

	if (!c || c->size - c->used < need) {
		size_t size = need > CHUNK_BYTES ? need : CHUNK_BYTES;
		c = xcalloc(1, sizeof(*c) + size);
		c->size = size;
		c->next = p->doc->chunks;
		p->doc->chunks = c;
	}
	void *r = c->bytes + c->used;
	c->used += need;
	return r;
}

char *toml_copy(struct toml_parser *p, const char *text, size_t n)
{
	char *r = toml_alloc(p, n + 1);

	if (n)
		memcpy(r, text, n);
	r[n] = '\0';
	return r;
}

void toml_free(struct toml_doc *d)
{
	if (!d)
		return;
	while (d->chunks) {
		struct toml_chunk *c = d->chunks;
		d->chunks = c->next;
		wipe(c->bytes, c->used);
		free(c);
	}
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
