/* .gitmodules of a hostile tree, and every URL in it; what passes is on the same server. */
#include <strings.h>

#include "checkout/gitmodules.h"
#include "checkout/submodule.h"

#define BASE "https://h.example/o/r"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gitmodules list = { 0 };

	if (gitmodules_parse((const char *)data, size, &list, NULL) == 0) {
		for (size_t i = 0; i < list.n; i++) {
			CLEAN_STR char *url = NULL;

			if (submodule_url(BASE, list.v[i].url, &url, NULL) == 0 &&
				strncasecmp(url, BASE, strlen("https://h.example/")) != 0)
				abort();
		}
	}
	gitmodules_release(&list);
	return 0;
}
