/* Any bytes as a file of secrets: pairs of plain text, or an error with its line. */
#include "base/limits.h"
#include "runner/local/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(pairs_release) struct pairs p = { 0 };
	struct err e = { 0 };
	int rc = local_secrets_parse(&p, (const char *)data, size, &e);

	if ((rc < 0) != (e.class != ERR_NONE) || (rc < 0 && !str_starts(e.text, "line ")))
		abort();
	for (size_t i = 0; i < p.n; i++)
		if (!*p.v[i].key || strchr(p.v[i].key, '=') ||
			strlen(p.v[i].value) > LIMIT_MASK_VALUE)
			abort();
	return 0;
}
