/* A log in chunks: its summary is the same however it is cut. */
#include "base/limits.h"
#include "workflow/command/summary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const char *p, size_t n, size_t step, struct buf *out)
{
	struct summary_reader r = SUMMARY_READER_INIT;

	for (size_t at = 0; at < n; at += step)
		summary_read(&r, (struct slice){ p + at, step < n - at ? step : n - at }, out);
	if (!buf_ok(&r.state) || !buf_ok(out))
		BUG("larger than its limit");
	buf_add(out, buf_cstr(&r.state), r.state.len);
	buf_release(&r.state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_BUF struct buf whole = BUF_INIT(MIB(8)), cut = BUF_INIT(MIB(8));

	if (size > MIB(1))
		return 0;
	run((const char *)data, size, size + 1, &whole);
	run((const char *)data, size, 1 + size % 5, &cut);
	if (whole.len != cut.len || memcmp(buf_cstr(&whole), buf_cstr(&cut), cut.len) != 0)
		BUG("chunks matter");
	return 0;
}
