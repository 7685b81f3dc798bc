/* A log on its way to a terminal that jobs share: what passes, what becomes text, whole lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "runner/report/terminal_lines.h"

/* In pieces of `piece` bytes. */
static void feed(
	struct terminal_lines *l, const char *text, size_t n, size_t piece, struct buf *out)
{
	for (size_t at = 0; at < n; at += piece)
		terminal_lines_feed(l, text + at, n - at < piece ? n - at : piece, out);
	terminal_lines_end(l, out);
}

static void test_text(void **state UNUSED)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n\t10%\r20%",
			"plain \xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\n\t10%\r20%" },
		{ "\033[1;31mred\033[0m \033[38:5:1m\033[K\033[m",
			"\033[1;31mred\033[0m \033[38:5:1m\033[K\033[m" },
		{ "\033]0;title\a", "\\x1b]0;title\\x07" },
		{ "\033[2J\033[1A\033[6n", "\\x1b[2J\\x1b[1A\\x1b[6n" },
		{ "\033c\033(0\x0e\b\x7f", "\\x1bc\\x1b(0\\x0e\\x08\\x7f" },
		{ "\xc2\x9b"
		  "2J",
			"\\xc2\\x9b2J" },
		{ "\x9b"
		  "2J \xff \xc3(",
			"\\x9b2J \\xff \\xc3(" },
		{ "\xe2\x82", "\\xe2\\x82" },
		{ "\033[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1m",
			"\\x1b[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1m" },
		{ "\033\033[1m", "\\x1b\033[1m" },
		{ "\033[1", "\\x1b[1" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t piece = 1; piece < 9; piece++) {
			struct terminal_lines l = TERMINAL_LINES_INIT;
			CLEAN_BUF struct buf out = BUF_INIT(KIB(4));

			l.clean = true;
			feed(&l, cases[i].in, strlen(cases[i].in), piece, &out);
			if (!str_eq(buf_cstr(&out), cases[i].out))
				fail_msg("%zu in pieces of %zu: %s", i, piece, buf_cstr(&out));
			terminal_lines_release(&l);
		}
}

static void test_lines(void **state UNUSED)
{
	static const char in[] = "one\n\ntwo\033[31m\nthree";

	for (size_t piece = 1; piece < sizeof(in); piece++) {
		struct terminal_lines l = TERMINAL_LINES_INIT;
		CLEAN_BUF struct buf out = BUF_INIT(KIB(4));

		l.prefix = "a | ";
		l.line_end = "$";
		feed(&l, in, sizeof(in) - 1, piece, &out);
		assert_string_equal(
			buf_cstr(&out), "a | one$\na | $\na | two\033[31m$\na | three$\n");
		terminal_lines_release(&l);
	}
}

/* Every line that leaves is one write, however long the step's was. */
static void test_long_lines(void **state UNUSED)
{
	struct terminal_lines l = TERMINAL_LINES_INIT;
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	char block[5000];

	memset(block, 'x', sizeof(block));
	l.prefix = "p|";
	feed(&l, block, sizeof(block), 700, &out);
	assert_int_equal(out.len, sizeof(block) + 3 * 3);
	assert_int_equal(terminal_lines_fit(out.data, out.len, 4096), TERMINAL_LINE_MAX + 3);
	assert_int_equal(terminal_lines_fit(out.data, 100, 4096), 100);
	assert_int_equal(terminal_lines_fit(block, sizeof(block), 4096), 4096);
	terminal_lines_release(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests_name("terminal_lines", tests, NULL, NULL);
}
