/* A log of any bytes as a page: the first byte says in which pieces, the second where the window
 * begins. What leaves is UTF-8 with balanced tags of ours and nothing else. */
#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/pages/log_view.h"

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
	return 0;
}
