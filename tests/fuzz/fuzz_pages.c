/* A log of any bytes as a page: the first byte says in which pieces, the second where the window
 * begins. What leaves is UTF-8 with balanced tags of ours and nothing else. */
#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/pages/log/line_html.h"
#include "coordinator/pages/log/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const tags[] = { "<p", "<a", "<span", "<b>", "<details", "<summary" };
static const char *const ends[] = { "</p>", "</a>", "</span>", "</b>", "</details>", "</summary>" };

static size_t tag_at(const char *p, const char *const *list)
{
	size_t i = 0;

	while (i < ARRAY_LEN(tags) && !str_starts(p, list[i]))
		i++;
	return i;
}

/* Quotes stand in tags alone, and no tag is but one of ours. */
static void check(const char *p, size_t n)
{
	size_t stack[16], depth = 0;

	if (!utf8_valid(p, n) || strlen(p) != n)
		abort();
	for (const char *at = p; (at = strchr(at, '<')); at++) {
		size_t tag = tag_at(at, tags);

		if (at[1] == '/') {
			if (!depth || tag_at(at, ends) != stack[--depth])
				abort();
		} else if (tag == ARRAY_LEN(tags) || depth == ARRAY_LEN(stack)) {
			abort();
		} else {
			stack[depth++] = tag;
		}
	}
	if (depth)
		abort();
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)p[i] < ' ' && p[i] != '\n' && p[i] != '\t') || p[i] == '\'')
			abort();
}

/* Reading that begins at a line's end in the middle shows what is behind it as reading of all did.
 */
struct flat {
	struct log_lines lines;
	struct html html;
	struct log_spot spot;
	size_t at; /* of html, where the spot's line ended */
	int left;  /* lines until there */
};

static void on_line(void *data, const struct log_line *l)
{
	struct flat *f = data;

	line_html_flat(&f->html, 1, l, false, &(struct wall){ 0 });
}

static void on_spot(void *data)
{
	struct flat *f = data;

	if (f->left-- != 0)
		return;
	f->spot = log_lines_spot(&f->lines);
	f->at = f->html.out.len;
}

static void flat_read(
	struct flat *f, const struct log_spot *from, const char *p, size_t n, size_t piece)
{
	html_init(&f->html, MIB(32));
	log_lines_init(&f->lines, from);
	f->lines.on_line = on_line;
	f->lines.on_spot = from ? NULL : on_spot;
	f->lines.data = f;
	for (size_t at = 0; at < n; at += piece)
		log_lines_feed(&f->lines, p + at, n - at < piece ? n - at : piece);
	log_lines_end(&f->lines);
	log_lines_release(&f->lines);
}

static void spots(const char *p, size_t n, size_t piece)
{
	struct flat whole = { .left = n ? p[0] % 8 : 0 }, rest = { 0 };

	flat_read(&whole, NULL, p, n, piece);
	if (whole.spot.byte) {
		flat_read(&rest, &whole.spot, p + whole.spot.byte, n - (size_t)whole.spot.byte, 7);
		if (whole.html.out.len - whole.at != rest.html.out.len ||
			strcmp(buf_cstr(&whole.html.out) + whole.at, buf_cstr(&rest.html.out)) != 0)
			abort();
	}
	log_spot_release(&whole.spot);
	html_release(&whole.html);
	html_release(&rest.html);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_HTML struct html h;
	struct log_view v;
	size_t piece = size ? data[0] % 40 + 1 : 1;

	if (size < 2 || size > KIB(64))
		return 0;
	html_init(&h, MIB(32));
	log_view_init(&v, &h, 1, data[1] % 4);
	for (size_t at = 2; at < size; at += piece)
		log_view_feed(&v, (const char *)data + at, size - at < piece ? size - at : piece);
	log_view_end(&v);
	check(buf_cstr(&h.out), h.out.len);
	log_view_release(&v);
	spots((const char *)data + 2, size - 2, piece);
	return 0;
}
