/* Attach framing: any bytes, fed whole and in the pieces their own bytes say, give the same end. */
#include "base/util.h"
#include "engine/demux.h"

static void count(void *data, enum demux_stream stream UNUSED, const char *p UNUSED, size_t n)
{
	*(size_t *)data += n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole = 0, pieces = 0, at = 0;
	struct demux a, b;
	int rc_a, rc_b = 0;

	demux_init(&a, count, &whole);
	demux_init(&b, count, &pieces);
	rc_a = demux_feed(&a, (const char *)data, size, NULL);
	while (at < size && rc_b == 0) {
		size_t n = 1 + data[at] % 5u;

		n = n < size - at ? n : size - at;
		rc_b = demux_feed(&b, (const char *)data + at, n, NULL);
		at += n;
	}
	if (rc_a != rc_b || whole != pieces ||
		(rc_a == 0 && demux_end(&a, NULL) != demux_end(&b, NULL)))
		abort();
	return 0;
}
