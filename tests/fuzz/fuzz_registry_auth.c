/* Credential files and helpers' answers: any bytes; what is found makes a header or nothing. */
#include "engine/registry_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const images[] = { "bash", "ghcr.io/team/x", "r.example:5000/a/b/c" };

	for (size_t i = 0; i < ARRAY_LEN(images); i++) {
		struct registry_auth_entry x = { 0 };
		struct registry_auth answer = { 0 };
		struct image_ref ref = { 0 };

		if (image_ref_parse(images[i], &ref, NULL) < 0)
			abort();
		if (registry_auth_parse((const char *)data, size, &ref, &x, NULL) == 0)
			wipe_free(registry_auth_header(&x.auth, &ref));
		if (registry_auth_answer((const char *)data, size, &answer, NULL) == 0)
			wipe_free(registry_auth_header(&answer, &ref));
		registry_auth_release(&answer);
		registry_auth_entry_release(&x);
		image_ref_release(&ref);
	}
	return 0;
}
