/* Progress of a pull: any bytes, fed whole and in the pieces their own bytes say, tell the same. */
#include "engine/pull_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pull_stream a, b;
	struct pull_progress pa, pb;
	size_t at = 0;
	int rc_a, rc_b = 0;

	pull_stream_init(&a);
	pull_stream_init(&b);
	rc_a = pull_stream_feed(&a, (const char *)data, size, NULL);
	while (at < size && rc_b == 0) {
		size_t n = 1 + data[at] % 7u;

		n = n < size - at ? n : size - at;
		rc_b = pull_stream_feed(&b, (const char *)data + at, n, NULL);
		at += n;
	}
	pa = pull_stream_progress(&a);
	pb = pull_stream_progress(&b);
	if (rc_a != rc_b || memcmp(&pa, &pb, sizeof(pa)) != 0 ||
		(rc_a == 0 && pull_stream_end(&a, NULL) != pull_stream_end(&b, NULL)))
		abort();
	pull_stream_release(&a);
	pull_stream_release(&b);
	return 0;
}
