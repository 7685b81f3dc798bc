/* The `shell:` of a step. */
#include "base/limits.h"
#include "runner/step/shell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	const char *file = NULL;
	struct err e = { 0 };

	if (size > LIMIT_NAME)
		return 0;
	CLEAN_STR char *text = xmemdup0(data, size);
	if (shell_read(text, &argv, &file, &e) == 0 ? argv.n == 0 || !file : argv.n != 0)
		abort();
	return 0;
}
