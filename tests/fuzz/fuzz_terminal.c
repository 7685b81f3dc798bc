/* Output of a step for a terminal: the first byte says in which pieces, the rest is the output. */
#include "base/limits.h"
#include "base/utf8.h"
#include "runner/report/terminal_lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left steers nothing: ESC only before [ and parameters that end in m or K. */
static void check(const char *p, size_t n)
{
	if (!utf8_valid(p, n))
		abort();
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == 033) {
			i += 2 + strspn(p + i + 2, "0123456789;:");
			if (p[i] != 'm' && p[i] != 'K')
				abort();
		} else if (c == 0x7f || (c < ' ' && !strchr("\n\r\t", c)) || c == 0) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct terminal_lines l = TERMINAL_LINES_INIT;
	CLEAN_BUF struct buf out = BUF_INIT(MIB(4));
	size_t piece = size ? data[0] % 40 + 1 : 1;

	if (size > KIB(64))
		return 0;
	l.clean = true;
	l.prefix = size && data[0] & 0x80 ? "job | " : NULL;
	for (size_t at = 1; at < size; at += piece)
		terminal_lines_feed(
			&l, (const char *)data + at, size - at < piece ? size - at : piece, &out);
	terminal_lines_end(&l, &out);
	check(buf_cstr(&out), out.len);
	terminal_lines_release(&l);
	return 0;
}
