#include "sandbox/seccomp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = { 0 };

	if (seccomp_profile_check((const char *)data, size, &e) == 0 && size < 100)
		abort(); /* nothing that short allows what a step needs */
	return 0;
}
