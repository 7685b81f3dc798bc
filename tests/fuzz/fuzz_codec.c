/* Base64 both ways, hex, percent-encoding, escaped text: what decodes encodes to the same bytes
 * again. */
#include "base/codec.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(const char *text, size_t n, bool url)
{
	CLEAN_BUF struct buf raw = BUF_INIT(SIZE_MAX / 4), again = BUF_INIT(SIZE_MAX / 4);
	int rc = url ? base64url_decode(&raw, text, n, NULL) : base64_decode(&raw, text, n, NULL);

	if (rc < 0)
		return;
	if ((url ? base64url_encode(&again, buf_cstr(&raw), raw.len)
		 : base64_encode(&again, buf_cstr(&raw), raw.len)) < 0)
		abort();
	if (again.len != n || memcmp(buf_cstr(&again), text, n) != 0)
		abort();
}

/* What was decoded comes back from its encoding. */
static void check_percent(const char *text, size_t n, bool plus)
{
	CLEAN_BUF struct buf raw = BUF_INIT(SIZE_MAX / 4), sent = BUF_INIT(SIZE_MAX / 4);
	CLEAN_BUF struct buf again = BUF_INIT(SIZE_MAX / 4);

	if (!percent_decode(text, n, plus, &raw))
		return;
	percent_encode(&sent, buf_cstr(&raw));
	if (!percent_decode(buf_cstr(&sent), sent.len, plus, &again) || again.len != raw.len ||
		memcmp(buf_cstr(&again), buf_cstr(&raw), raw.len) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	CLEAN_STR char *copy = xmemdup0(data, size);
	CLEAN_STR char *printable = text_printable(copy), *escaped = text_escaped(copy);
	unsigned char raw[64];
	size_t whole = utf8_whole_prefix(text, size);

	check_base64(text, size, false);
	check_base64(text, size, true);
	check_percent(text, size, false);
	check_percent(text, size, true);
	if (size % 2 == 0 && size / 2 <= sizeof(raw) && hex_decode(copy, raw, size / 2) == 0) {
		char hex[2 * sizeof(raw) + 1];

		hex_encode(raw, size / 2, hex);
		if (strcasecmp(hex, copy) != 0)
			abort();
	}
	if (!utf8_valid(printable, strlen(printable)) || !utf8_valid(escaped, strlen(escaped)))
		abort();
	if (whole > size || (utf8_valid(text, size) && whole != size))
		abort();
	return 0;
}
