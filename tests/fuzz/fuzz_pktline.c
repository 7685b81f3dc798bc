/* An upload-pack answer, in one portion and byte by byte: both must end the same. */
#include "checkout/pktline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_pack(void *data, const char *p, size_t n, struct err *e)
{
	(void)e;
	return buf_add(data, p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf pack[2] = { BUF_INIT(1 << 20), BUF_INIT(1 << 20) };
	int rc[2] = { 0, 0 };

	for (int way = 0; way < 2; way++) {
		struct answer_sink sink = { on_pack, NULL, &pack[way] };
		struct answer a;

		answer_init(&a, &sink, 1000);
		for (size_t at = 0; rc[way] == 0 && at < size; at += way ? 1 : size)
			rc[way] = answer_feed(&a, data + at, way ? 1 : size, NULL);
		rc[way] = rc[way] == 0 ? answer_end(&a, NULL) : -1;
		answer_release(&a);
	}
	if (rc[0] != rc[1] || (rc[0] == 0 && pack[0].len != pack[1].len))
		abort();
	buf_release(&pack[0]);
	buf_release(&pack[1]);
	return 0;
}
