/* Patterns of an upload: text up to the first NUL is the list, the rest a path. */
#include "artifact/pattern.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, '\0', size);
	size_t n = nul ? (size_t)(nul - data) : size, rest = nul ? size - n - 1 : 0;
	struct pattern_list l = { 0 };
	struct err e = { 0 };

	if (n > LIMIT_ARTIFACT_PATHS || rest > LIMIT_NAME)
		return 0;
	CLEAN_STR char *text = xstrndup((const char *)data, n);
	CLEAN_STR char *path = nul ? xstrndup((const char *)nul + 1, rest) : xstrdup("a/b.c");
	if (pattern_list_parse(text, &l, &e) == 0) {
		CLEAN_STR char *root = pattern_list_root(&l);
		bool takes = pattern_list_takes(&l, path, true);

		if (takes && pattern_list_reach(&l, path) == PATTERN_OUT)
			abort();
		if (pattern_list_takes(&l, path, false) && !takes)
			abort(); /* without hidden names it takes less, never more */
	}
	pattern_list_release(&l);
	return 0;
}
