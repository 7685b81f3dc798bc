/* A path, then the rules of two folders, each ended by NUL, then content: what the rules say is the
 * same each time, and what they make of the content is bounded. */
#include "base/limits.h"
#include "checkout/attributes.h"
#include "checkout/convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slice next_text(struct slice *rest)
{
	size_t n = strnlen(rest->ptr, rest->len);
	struct slice text = { rest->ptr, n };

	n += n < rest->len ? 1 : 0;
	*rest = (struct slice){ rest->ptr + n, rest->len - n };
	return text;
}

static void convert(const char *const *attributes, struct slice content)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(16));
	struct conversion c;
	struct err e = { 0 };
	bool unencoded;

	if (conversion_of(attributes, &c, &e) < 0)
		return;
	int rc = convert_content(
		&c, "0123456789012345678901234567890123456789", content, &out, &unencoded, &e);
	if (rc > 0 && !c.encoding && out.len < content.len / 64)
		BUG("most of the content is gone");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size }, path = next_text(&rest);
	struct slice upper = next_text(&rest), lower = next_text(&rest);
	CLEAN_STR char *name = xmemdup0(path.ptr, path.len);
	CLEAN_STR char *dir = strchr(name, '/')
				      ? xmemdup0(name, (size_t)(strchr(name, '/') - name) + 1)
				      : xstrdup("");
	CLEANUP(attributes_freep) struct attributes *a = attributes_new();
	const char *first[ATTRIBUTES], *second[ATTRIBUTES];

	attributes_add(a, "", upper.ptr, upper.len);
	attributes_add(a, dir, lower.ptr, lower.len);
	attributes_of(a, name, first);
	attributes_of(a, name, second);
	if (memcmp(first, second, sizeof(first)) != 0)
		BUG("not the same twice");
	convert(first, rest);
	return 0;
}
