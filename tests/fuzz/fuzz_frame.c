/* Length-capped messages from a child, cut anywhere: nothing longer than the cap comes out. */
#include "base/message/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(frame_reader_release) struct frame_reader r = { 0 };
	size_t piece = size ? data[0] % 32 + 1 : 1, taken = 0;
	struct slice text;
	int rc = 0;

	frame_reader_init(&r, MOST);
	for (size_t at = 0; at < size && rc >= 0; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		if (buf_add(&r.in, data + at, n) < 0)
			break;
		while ((rc = frame_peek(&r, &text, NULL)) == 1) {
			if (text.len > MOST)
				abort();
			taken += text.len;
			frame_drop(&r);
		}
	}
	if (taken > size)
		abort();
	return 0;
}
