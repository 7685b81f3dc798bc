/* Two values ended by NUL, then the text: chunks and dense rows must not matter. */
#include "runner/mask.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

static void run(const char *p, size_t n, size_t dense, size_t step, struct buf *out)
{
	CLEAN_MASK struct mask *m = mask_new();
	mask_set_dense(m, dense);
	for (size_t i = 0, len; i < 2 && (len = strnlen(p, n)) < n; i++, p += len + 1, n -= len + 1)
		(void)!mask_add(m, p, len, NULL, NULL);
	for (size_t at = 0; at < n; at += step)
		mask_feed(m, p + at, step < n - at ? step : n - at, collect, out);
	mask_end(m, collect, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_BUF struct buf whole = BUF_INIT(GIB(1)), bytes = BUF_INIT(GIB(1));
	run((const char *)data, size, MASK_DENSE_BYTES, size + 1, &whole);
	run((const char *)data, size, size % 2 * 4096, 1 + size % 3, &bytes);
	if (whole.len != bytes.len || memcmp(buf_cstr(&whole), buf_cstr(&bytes), whole.len) != 0)
		BUG("chunks matter");
	return 0;
}
