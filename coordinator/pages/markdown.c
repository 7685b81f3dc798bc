/*
 * Links are looked for from each bracket on, over the lines of its paragraph: the library's time is
 * their product at worst, and it cannot be interrupted there. So a text with very many of both is
 * not given to it. All else it does in linear time.
 */
#include "coordinator/pages/markdown.h"

#include <md4c.h>

#include "base/utf8.h"
#include "coordinator/pages/markup.h"

#define BRACKETS_BY_LINES_MAX ((size_t)2 << 20)

enum { SPANS_MAX = 64 };

struct span {
	MD_SPANTYPE type;
	bool tagged; /* it is in the page */
};
struct writing {
	struct html *h;
	unsigned depth;               /* of blocks that nest */
	struct span spans[SPANS_MAX]; /* that are open */
	size_t n_spans;
	bool too_many;
};

/* ---- characters ---- */

static const struct {
	const char *name, *text;
} entities[] = {
	{ "&amp;", "&" },
	{ "&lt;", "<" },
	{ "&gt;", ">" },
	{ "&quot;", "\"" },
	{ "&apos;", "'" },
	{ "&nbsp;", "\xc2\xa0" },
	{ "&copy;", "\xc2\xa9" },
	{ "&times;", "\xc3\x97" },
	{ "&hellip;", "\xe2\x80\xa6" },
	{ "&ndash;", "\xe2\x80\x93" },
	{ "&mdash;", "\xe2\x80\x94" },
	{ "&larr;", "\xe2\x86\x90" },
	{ "&rarr;", "\xe2\x86\x92" },
};

static void code_point_add(struct buf *out, unsigned long c)
{
	char p[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = n; i-- > 1; c >>= 6)
		p[i] = (char)(0x80 | (c & 0x3f));
	p[0] = (char)(first[n] | c);
	if (utf8_char(p, n) == n && p[0])
		buf_add(out, p, n);
	else
		buf_adds(out, "\xef\xbf\xbd");
}

/* "&#65;", "&#x41;" or a name; one that is not known stays as it is. */
static void entity_add(struct buf *out, const char *p, size_t n)
{
	CLEAN_STR char *text = xmemdup0(p, n);

	if (text[1] == '#') {
		bool hex = text[2] == 'x' || text[2] == 'X';

		code_point_add(out, strtoul(text + (hex ? 3 : 2), NULL, hex ? 16 : 10));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(entities); i++)
		if (str_eq(entities[i].name, text)) {
			buf_adds(out, entities[i].text);
			return;
		}
	buf_add(out, p, n);
}

static void write_entity(struct html *h, const char *p, size_t n)
{
	CLEAN_BUF struct buf text = BUF_INIT(n + 8);

	entity_add(&text, p, n);
	html_text_n(h, buf_cstr(&text), text.len);
}

/* ---- links ---- */

static char *attribute_text(const MD_ATTRIBUTE *a)
{
	struct buf out = BUF_INIT(MARKDOWN_MAX);

	for (size_t i = 0; a->text && a->substr_offsets[i] < a->size; i++) {
		const char *p = a->text + a->substr_offsets[i];
		size_t n = a->substr_offsets[i + 1] - a->substr_offsets[i];

		if (a->substr_types[i] == MD_TEXT_ENTITY)
			entity_add(&out, p, n);
		else
			buf_add(&out, p, n);
	}
	return buf_take(&out);
}

static bool is_link(MD_SPANTYPE type)
{
	return type == MD_SPAN_A || type == MD_SPAN_IMG;
}

/* A link in a link would not be one, so the outermost counts. */
static bool link_begin(struct writing *w, const MD_ATTRIBUTE *href)
{
	CLEAN_STR char *url = attribute_text(href);

	for (size_t i = 0; i < w->n_spans; i++)
		if (is_link(w->spans[i].type))
			return false;
	if (!str_starts(url, "https://") && !str_starts(url, "http://"))
		return false;
	html_markup(w->h, "<a href=\"");
	html_url(w->h, url);
	html_markup(w->h, "\" rel=\"nofollow noopener noreferrer\">");
	return true;
}

/* ---- spans ---- */

#define TAGS(name)                                        \
	{                                                 \
		if (enter)                                \
			html_markup(w->h, "<" name ">");  \
		else                                      \
			html_markup(w->h, "</" name ">"); \
	}

/* Those that have a tag without more. */
static bool write_span(struct writing *w, MD_SPANTYPE type, bool enter)
{
	switch (type) {
	case MD_SPAN_EM:
	case MD_SPAN_U:
		TAGS("em");
		return true;
	case MD_SPAN_STRONG:
		TAGS("strong");
		return true;
	case MD_SPAN_CODE:
		TAGS("code");
		return true;
	case MD_SPAN_DEL:
		TAGS("del");
		return true;
	case MD_SPAN_A:
	case MD_SPAN_IMG:
		if (!enter)
			html_markup(w->h, "</a>");
		return true;
	case MD_SPAN_LATEXMATH: /* not asked for, these three */
	case MD_SPAN_LATEXMATH_DISPLAY:
	case MD_SPAN_WIKILINK:
		break;
	}
	return false;
}

static void spans_close(struct writing *w, size_t until)
{
	while (w->n_spans > until)
		if (w->spans[--w->n_spans].tagged)
			write_span(w, w->spans[w->n_spans].type, false);
}

static bool span_begin(struct writing *w, MD_SPANTYPE type, void *detail)
{
	if (type == MD_SPAN_A)
		return link_begin(w, &((MD_SPAN_A_DETAIL *)detail)->href);
	if (type == MD_SPAN_IMG)
		return link_begin(w, &((MD_SPAN_IMG_DETAIL *)detail)->src);
	return write_span(w, type, true);
}

static int go_on(const struct writing *w)
{
	return buf_ok(&w->h->out) && w->depth <= MARKDOWN_DEPTH && !w->too_many ? 0 : -1;
}

static int on_span(MD_SPANTYPE type, void *detail, void *data)
{
	struct writing *w = data;

	if (w->n_spans == SPANS_MAX) {
		w->too_many = true;
		return -1;
	}
	const bool tagged = span_begin(w, type, detail);
	w->spans[w->n_spans++] = (struct span){ type, tagged };
	return go_on(w);
}

/* The library may end what it has not begun, or ended before. Here an end ends what was begun
 * behind its begin as well, and one without a begin is none. */
static int on_span_end(MD_SPANTYPE type, void *detail UNUSED, void *data)
{
	struct writing *w = data;

	for (size_t i = w->n_spans; i-- > 0;)
		if (w->spans[i].type == type) {
			spans_close(w, i);
			break;
		}
	return go_on(w);
}

/* ---- blocks ---- */

static void write_list_item(struct writing *w, const MD_BLOCK_LI_DETAIL *d, bool enter)
{
	TAGS("li");
	if (enter && d->is_task)
		html_text(w->h, d->task_mark == ' ' ? "\xe2\x98\x90 " : "\xe2\x98\x91 ");
}

static void write_table(struct writing *w, bool enter)
{
	if (enter)
		html_markup(w->h, "<div class=\"wide\" role=\"group\" aria-label=\"Table\""
				  " tabindex=\"0\"><table>");
	else
		html_markup(w->h, "</table></div>");
}

static void write_cell(struct writing *w, const MD_BLOCK_TD_DETAIL *d, bool head, bool enter)
{
	const bool right = d->align == MD_ALIGN_RIGHT, center = d->align == MD_ALIGN_CENTER;

	if (!enter && head)
		html_markup(w->h, "</th>");
	else if (!enter)
		html_markup(w->h, "</td>");
	else if (head)
		html_markup(w->h, "<th");
	else
		html_markup(w->h, "<td");
	if (enter && right)
		html_markup(w->h, " class=\"right\"");
	if (enter && center)
		html_markup(w->h, " class=\"center\"");
	if (enter)
		html_markup(w->h, ">");
}

static void write_block(struct writing *w, MD_BLOCKTYPE type, void *detail, bool enter)
{
	switch (type) {
	case MD_BLOCK_DOC:
		break;
	case MD_BLOCK_HTML: /* not asked for */
	case MD_BLOCK_P:
		TAGS("p");
		break;
	case MD_BLOCK_QUOTE:
		TAGS("blockquote");
		break;
	case MD_BLOCK_UL:
		TAGS("ul");
		break;
	case MD_BLOCK_OL:
		TAGS("ol");
		break;
	case MD_BLOCK_LI:
		write_list_item(w, detail, enter);
		break;
	case MD_BLOCK_HR:
		if (enter)
			html_markup(w->h, "<hr>");
		break;
	case MD_BLOCK_H:
		TAGS("h4");
		break;
	case MD_BLOCK_CODE:
		TAGS("pre");
		break;
	case MD_BLOCK_TABLE:
		write_table(w, enter);
		break;
	case MD_BLOCK_THEAD:
		TAGS("thead");
		break;
	case MD_BLOCK_TBODY:
		TAGS("tbody");
		break;
	case MD_BLOCK_TR:
		TAGS("tr");
		break;
	case MD_BLOCK_TH:
		write_cell(w, detail, true, enter);
		break;
	case MD_BLOCK_TD:
		write_cell(w, detail, false, enter);
		break;
	}
}

static bool nests(MD_BLOCKTYPE type)
{
	return type == MD_BLOCK_QUOTE || type == MD_BLOCK_UL || type == MD_BLOCK_OL ||
	       type == MD_BLOCK_LI;
}

static int on_block(MD_BLOCKTYPE type, void *detail, void *data)
{
	struct writing *w = data;

	w->depth += nests(type);
	write_block(w, type, detail, true);
	return go_on(w);
}

static int on_block_end(MD_BLOCKTYPE type, void *detail, void *data)
{
	struct writing *w = data;

	spans_close(w, 0);
	write_block(w, type, detail, false);
	w->depth -= nests(type);
	return go_on(w);
}

/* ---- text ---- */

static int on_text(MD_TEXTTYPE type, const MD_CHAR *p, MD_SIZE n, void *data)
{
	struct writing *w = data;

	if (type == MD_TEXT_BR)
		html_markup(w->h, "<br>");
	else if (type == MD_TEXT_SOFTBR)
		html_markup(w->h, "\n");
	else if (type == MD_TEXT_ENTITY)
		write_entity(w->h, p, n);
	else
		html_text_n(w->h, p, n);
	return go_on(w);
}

/* ---- all of it ---- */

static bool keeps_busy(struct slice text)
{
	size_t brackets = 0, lines = 1;

	for (size_t i = 0; i < text.len; i++) {
		brackets += text.ptr[i] == '[';
		lines += text.ptr[i] == '\n';
	}
	return brackets * lines > BRACKETS_BY_LINES_MAX;
}

static void write_plain(struct html *h, struct slice text)
{
	html_markup(h, "<pre>");
	html_text_n(h, text.ptr, text.len);
	html_markup(h, "</pre>");
}

void html_markdown(struct html *h, struct slice text)
{
	static const MD_PARSER parser = {
		.flags = MD_FLAG_NOHTML | MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH |
			 MD_FLAG_TASKLISTS | MD_FLAG_PERMISSIVEURLAUTOLINKS,
		.enter_block = on_block,
		.leave_block = on_block_end,
		.enter_span = on_span,
		.leave_span = on_span_end,
		.text = on_text,
	};
	CLEAN_HTML struct html part;
	struct writing w = { .h = &part };

	if (text.len > MARKDOWN_MAX)
		text.len = utf8_whole_prefix(text.ptr, MARKDOWN_MAX);
	html_init(&part, MARKDOWN_HTML_MAX);
	if (!keeps_busy(text) && md_parse(text.ptr, (MD_SIZE)text.len, &parser, &w) == 0 &&
		buf_ok(&part.out))
		html_add(h, &part);
	else
		write_plain(h, text);
}
