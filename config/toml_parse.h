/* What the three files of the TOML parser share; nobody else includes this. */
#ifndef CONFIG_TOML_PARSE_H
#define CONFIG_TOML_PARSE_H

#include "base/arena.h"
#include "base/buf.h"
#include "config/toml.h"

struct toml_doc {
	struct toml_value root;
	struct arena memory; /* every key, value and text */
};

struct toml_parser {
	const char *text;
	size_t n, at;
	struct toml_doc *doc;
	struct toml_error *error;
	struct buf scratch; /* the string being read */
	/* position of a known offset: positions are asked for in rising order, so each byte is
	 * counted once */
	size_t mark;
	unsigned mark_line, mark_column;
	unsigned depth, section, sections;
	size_t nodes;
};

static inline int toml_peek_at(const struct toml_parser *p, size_t ahead)
{
	return p->n - p->at > ahead ? (unsigned char)p->text[p->at + ahead] : -1;
}
static inline int toml_peek(const struct toml_parser *p)
{
	return toml_peek_at(p, 0);
}
static inline bool toml_at(const struct toml_parser *p, const char *word)
{
	size_t n = strlen(word);

	return p->n - p->at >= n && memcmp(p->text + p->at, word, n) == 0;
}
static inline bool toml_is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Line and column of an offset. */
void toml_locate(struct toml_parser *p, size_t at, unsigned *line, unsigned *column);
/* Sets the error at an offset; returns -1. */
int toml_fail(struct toml_parser *p, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same at the current byte, naming what stands there: `found 'x', expected …`. */
int toml_expected(struct toml_parser *p, const char *what);
/* The whole text is UTF-8 without a byte order mark. */
int toml_check_encoding(struct toml_parser *p);
/* True for bytes that may stand in comments and strings (tab, printable, UTF-8). */
bool toml_is_text(int c);
int toml_newline(const struct toml_parser *p); /* 0, 1 (LF) or 2 (CRLF) bytes */

/* Owned by the document. */
void *toml_alloc(struct toml_parser *p, size_t n) CHECK_RESULT;
char *toml_copy(struct toml_parser *p, const char *text, size_t n) CHECK_RESULT;

/* At a quote: any of the four string forms; `single`: only the two on one line (keys). */
int toml_string(struct toml_parser *p, bool single, const char **ret, size_t *ret_len);
/* At anything else: booleans, numbers, dates. */
int toml_scalar(struct toml_parser *p, struct toml_value *v);

#endif
