/* A step's summary out of its log, however the log is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "workflow/command/summary.h"

#define BEGIN "::group::Step summary\n"
#define END "::endgroup::\n"

static const struct {
	const char *log, *summary;
} cases[] = {
	{ "", "" },
	{ "make\n" BEGIN "# A\n\ntext\n" END "rest\n", "# A\n\ntext\n" },
	{ BEGIN "a" END, "a::endgroup::\n" },
	{ BEGIN "a\n::endgroup::", "a\n" },
	{ BEGIN "a\n::endgroup::x\nb\n" END "c\n", "a\n::endgroup::x\nb\n" },
	{ BEGIN "a\r\n::endgroup::\r\nb\n", "a\r\n" },
	{ BEGIN "a\n" END BEGIN "b\n" END, "a\nb\n" },
	{ "x" BEGIN "a\n" END, "" },
	{ "::group::Step summary of it\na\n" END, "" },
	{ "::group::Step\n" BEGIN "a\n" END, "a\n" },
	{ BEGIN "::error::x\n:\n::\n\n" END, "::error::x\n:\n::\n\n" },
	{ BEGIN "cut off", "cut off" },
};

static void read_cut(const char *log, size_t piece, struct buf *ret)
{
	struct summary_reader r = SUMMARY_READER_INIT;
	size_t n = strlen(log);

	for (size_t at = 0; at < n; at += piece) {
		summary_read(&r, (struct slice){ log + at, piece < n - at ? piece : n - at }, ret);
		assert_true(buf_ok(&r.state));
	}
	buf_release(&r.state);
}

static void test_every_cut(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t piece = 1; piece < 60; piece++) {
			CLEAN_BUF struct buf got = BUF_INIT(KIB(4));

			read_cut(cases[i].log, piece, &got);
			assert_string_equal(cases[i].summary, buf_cstr(&got));
		}
}

static void test_room(void **state UNUSED)
{
	CLEAN_BUF struct buf got = BUF_INIT(5);

	read_cut(BEGIN "abcdefgh\n" END, 100, &got);
	assert_true(buf_ok(&got));
	assert_string_equal("abcde", buf_cstr(&got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
