/*
 * Where a byte of a scalar stands in the file. libyaml tells where a scalar begins; what is between
 * there and the byte is read again here, beside the value: quotes, escapes, folded line ends and
 * the indentation of blocks are in the file and not in the value. Only problems ask, so nothing of
 * it is kept while the file is read.
 */
#include "base/utf8.h"
#include "workflow/yaml_tree.h"

struct walk {
	const char *p, *end;  /* of the file */
	const char *v, *stop; /* of the value, the byte that is searched */
	struct yaml_where at;
	unsigned indent; /* of a block */
	bool block;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Bytes of the line end at p, as libyaml knows them; 0 when there is none. */
static size_t line_end(const char *p, const char *end)
{
	static const char *const ends[] = { "\r\n", "\n", "\r", "\xc2\x85", "\xe2\x80\xa8",
		"\xe2\x80\xa9" };

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t n = strlen(ends[i]);

		if ((size_t)(end - p) >= n && memcmp(p, ends[i], n) == 0)
			return n;
	}
	return 0;
}

static size_t char_bytes(const char *p, const char *end)
{
	size_t n = utf8_char(p, (size_t)(end - p));

	return n ? n : 1;
}

static void skip(struct walk *w, size_t bytes)
{
	while (bytes > 0 && w->p < w->end) {
		size_t n = char_bytes(w->p, w->end);

		w->p += n;
		w->at.column++;
		bytes -= n < bytes ? n : bytes;
	}
}

static void skip_line_end(struct walk *w)
{
	w->p += line_end(w->p, w->end);
	w->at.line++;
	w->at.column = 1;
}

/* Blanks that the value does not have: up to the block's indentation, else all of them. */
static void skip_blanks(struct walk *w)
{
	for (unsigned n = 0; w->p < w->end && is_blank(*w->p) && (!w->block || n < w->indent); n++)
		skip(w, 1);
}

/* The line ends at p, and the blank or line ends that stand for them in the value. */
static void fold(struct walk *w)
{
	skip_blanks(w);
	while (w->p < w->end && line_end(w->p, w->end)) {
		skip_line_end(w);
		skip_blanks(w);
	}
	if (w->v < w->stop && *w->v == ' ')
		w->v++;
	while (w->v < w->stop && *w->v == '\n')
		w->v++;
}

/* Whether blanks at p are followed by a line end, so that the value has none of them. */
static bool ends_line(const struct walk *w)
{
	const char *p = w->p;

	while (!w->block && p < w->end && is_blank(*p))
		p++;
	return p < w->end && line_end(p, w->end);
}

/* \n, \x41, \u263a, …: one character of the value. */
static void skip_escape(struct walk *w)
{
	static const char longer[] = "xuU";
	static const size_t digits[] = { 2, 4, 8 };
	const char *kind = w->end - w->p > 1 ? strchr(longer, w->p[1]) : NULL;
	size_t n = 2 + (kind && *kind ? digits[kind - longer] : 0), left = (size_t)(w->end - w->p);

	if (line_end(w->p + 1, w->end)) {
		skip(w, 1);
		skip_line_end(w);
		skip_blanks(w);
		return;
	}
	skip(w, left < n ? left : n);
	w->v += char_bytes(w->v, w->stop);
}

static void skip_characters(struct walk *w)
{
	size_t n = char_bytes(w->p, w->end);

	skip(w, n);
	w->v += n;
}

/* Anchor, tag and quote in front of the value. */
static void skip_properties(struct walk *w, enum yaml_style style)
{
	while (w->p < w->end && strchr("&!", *w->p)) {
		while (w->p < w->end && !is_blank(*w->p) && !line_end(w->p, w->end))
			skip(w, 1);
		fold(w);
	}
	if (style == YAML_QUOTED || style == YAML_DOUBLE_QUOTED)
		skip(w, 1);
}

/* Blanks in front of the first line that has something else; p is at the start of a line. */
static unsigned first_indent(const char *p, const char *end)
{
	unsigned blanks = 0;

	while (p < end) {
		size_t n = line_end(p, end);

		if (n == 0 && *p != ' ')
			break;
		blanks = n ? 0 : blanks + 1;
		p += n ? n : 1;
	}
	return blanks;
}

/* A block begins behind the line of its indicator; what its lines have in front of the value's is
 * its indentation. */
static void enter_block(struct walk *w, const struct yaml_node *n)
{
	unsigned own = first_indent(n->text, n->text + n->len), all;

	while (w->p < w->end && !line_end(w->p, w->end))
		skip(w, 1);
	skip_line_end(w);
	all = first_indent(w->p, w->end);
	w->indent = all > own ? all - own : 0;
	w->block = true;
	skip_blanks(w);
}

struct yaml_where yaml_place(const struct yaml_doc *d, const struct yaml_node *n, size_t offset)
{
	struct slice file = yaml_doc_source(d);
	struct walk w = { .p = file.ptr, .end = file.ptr + file.len, .v = n->text, .at = n->at };

	w.stop = n->text + (offset < n->len ? offset : n->len);
	for (size_t i = 0; i < n->start && w.p < w.end; i++)
		w.p += char_bytes(w.p, w.end);
	skip_properties(&w, n->style);
	if (n->style == YAML_BLOCK)
		enter_block(&w, n);
	while (w.v < w.stop && w.p < w.end) {
		if (ends_line(&w))
			fold(&w);
		else if (n->style == YAML_DOUBLE_QUOTED && *w.p == '\\')
			skip_escape(&w);
		else if (n->style == YAML_QUOTED && *w.p == '\'')
			skip(&w, 1), skip_characters(&w);
		else
			skip_characters(&w);
	}
	return w.at;
}
