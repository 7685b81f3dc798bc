/* A response header line, its value as Retry-After, and the line as text for an error message. */
#include "base/http/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct wall now = { INT64_C(1700000000) * USEC_PER_SEC };

	char *line CLEAN_STR = http_header_normalize((const char *)data, size);
	char *text CLEAN_STR = xmemdup0(data, size);
	char out[64];

	if (line && (!strchr(line, ':') || strlen(line) > size + 1))
		abort();
	int64_t after = http_retry_after(text, now);
	if (after < -1 || after > INT64_C(366) * 86400 * USEC_PER_SEC)
		abort();
	http_one_line(out, sizeof(out), (const char *)data, size);
	if (strlen(out) >= sizeof(out) || !http_is_clean(out))
		abort();
	if (http_is_token(text) && !http_is_clean(text))
		abort();
	return 0;
}
