/* First line a pattern, the rest the text: a refused pattern must match nothing. */
#include "workflow/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STR char *pattern = xmemdup0(data, size);
	char *text = strchr(pattern, '\n');
	struct err e = { 0 };

	if (!text)
		return 0;
	*text++ = '\0';
	bool refused = filter_check(pattern, &e) < 0;
	if (filter_match(pattern + (*pattern == '!'), text) && refused)
		abort();
	return 0;
}
