/* An operator's seccomp profile: read, checked rule by rule, compiled and probed. */
#include "sandbox/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STR char *beyond = NULL;
	struct err e = { 0 };

	if (seccomp_profile_check((const char *)data, size, &beyond, &e) == 0 && size < 100)
		abort(); /* nothing that short allows what a step needs */
	return 0;
}
