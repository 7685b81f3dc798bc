/* Any bytes as Markdown: what leaves is UTF-8 with balanced tags of ours and nothing else, and
 * links lead to http and https alone. */
#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/pages/markdown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const tags[] = { "a", "blockquote", "br", "code", "del", "div", "em", "h4", "hr",
	"li", "ol", "p", "pre", "span", "strong", "table", "tbody", "td", "th", "thead", "tr",
	"ul" };

static size_t tag_at(const char *name)
{
	size_t n = strcspn(name, " >"), i = 0;

	while (i < ARRAY_LEN(tags) && (strlen(tags[i]) != n || strncmp(tags[i], name, n) != 0))
		i++;
	if (i == ARRAY_LEN(tags))
		BUG("tag %.20s", name);
	return i;
}

static void check(const char *p, size_t n)
{
	size_t stack[4 * MARKDOWN_DEPTH + 600], depth = 0;

	if (!utf8_valid(p, n) || strlen(p) != n)
		BUG("no text");
	for (const char *at = p; (at = strchr(at, '<')); at++) {
		size_t tag = tag_at(at + 1 + (at[1] == '/'));

		if (at[1] == '/' && (!depth || stack[--depth] != tag))
			BUG("</%s> closes another", tags[tag]);
		if (at[1] == '/' || str_eq(tags[tag], "br") || str_eq(tags[tag], "hr"))
			continue;
		if (str_eq(tags[tag], "a") && !str_starts(at, "<a href=\"http://") &&
			!str_starts(at, "<a href=\"https://"))
			BUG("a link to %.40s", at);
		if (depth < ARRAY_LEN(stack))
			stack[depth] = tag;
		if (++depth > ARRAY_LEN(stack))
			return; /* spans nest as their author likes; only their balance is lost here
				 */
	}
	if (depth)
		BUG("%zu tags are open", depth);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_HTML struct html h;

	if (size > KIB(64))
		return 0;
	html_init(&h, MIB(4));
	html_markdown(&h, (struct slice){ (const char *)data, size });
	if (!buf_ok(&h.out))
		BUG("larger than its limit");
	check(buf_cstr(&h.out), h.out.len);
	return 0;
}
