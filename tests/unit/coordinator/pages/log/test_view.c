/*
 * A log as a page shows it: the same lines however its bytes are cut, colours that end, groups that
 * close, a window that is bounded, and the first error where people find it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "coordinator/pages/log/view.h"

struct shown {
	char *text;
	int64_t first, last, number;
	bool full, error;
};

static void shown_release(struct shown *s)
{
	free(s->text);
}

static struct shown show(const char *log, size_t n, int64_t from, size_t piece)
{
	CLEAN_HTML struct html h;
	struct log_view v;

	html_init(&h, MIB(16));
	log_view_init(&v, &h, 3, from);
	for (size_t at = 0; at < n; at += piece)
		log_view_feed(&v, log + at, n - at < piece ? n - at : piece);
	log_view_end(&v);
	assert_true(buf_ok(&h.out));
	struct shown s = { .text = xstrdup(buf_cstr(&h.out)),
		.first = v.first,
		.last = v.last,
		.number = v.lines.number,
		.full = v.full,
		.error = v.errors_before };
	log_view_release(&v);
	return s;
}

#define CLEAN_SHOWN CLEANUP(shown_release)
#define NUMBER(n) "<a class=\"n\" href=\"#L3-" n "\">" n "</a>"

static void test_lines(void **state UNUSED)
{
	static const char log[] = "one\r\n<two>\n\x1b[1;31mred\nstill\x1b[0m \x1b]0;t\x07\n"
				  "50%\r100%\nend";
	static const char want[] = "<p id=\"L3-1\">" NUMBER(
		"1") "<span>one</span></p>\n"
		     "<p id=\"L3-2\">" NUMBER(
			     "2") "<span>&lt;two&gt;</span></p>\n"
				  "<p id=\"L3-3\">" NUMBER(
					  "3") "<span><span class=\"f1 bold "
					       "\">red</span></span></p>\n"
					       "<p id=\"L3-4\">" NUMBER(
						       "4") "<span><span class=\"f1 bold "
							    "\">still</span> "
							    "<span "
							    "class=\"esc\">\\x1b</span>]0;t<span "
							    "class=\"esc\">\\x07</span></span></"
							    "p>\n"
							    "<p id=\"L3-5\">" NUMBER(
								    "5") "<span>100%</span></p>\n"
									 "<p id=\"L3-6\">" NUMBER(
										 "6") "<span>end</"
										      "span></p>\n";

	for (size_t piece = 1; piece <= sizeof(log); piece++) {
		CLEAN_SHOWN struct shown s = show(log, sizeof(log) - 1, 1, piece);

		assert_string_equal(want, s.text);
		assert_int_equal(6, s.number);
	}
}

static void test_groups_and_commands(void **state UNUSED)
{
	static const char log[] =
		"::group::A <b>\nin\n::group::B\n::endgroup::\n"
		"::warning file=a.c,line=7,title=T::w%0Ax\n"
		"::stop-commands::tok\n::error::no\n::tok::\n::error::yes\n::group::C\n";
	CLEAN_SHOWN struct shown s = show(log, sizeof(log) - 1, 1, 7);
	size_t opened = 0, closed = 0;

	for (const char *p = s.text; (p = strstr(p, "<details")); p++)
		opened++;
	for (const char *p = s.text; (p = strstr(p, "</details>")); p++)
		closed++;
	assert_int_equal(3, opened);
	assert_int_equal(3, closed);
	assert_non_null(strstr(s.text, "<span>A &lt;b&gt;</span></summary>"));
	assert_non_null(strstr(s.text, "<b>Warning</b> a.c:7: T: w\nx</span>"));
	assert_non_null(strstr(s.text, "<span>::error::no</span>"));
	assert_non_null(strstr(s.text, "<b>Error</b> yes"));
	/* the first that says it, not the one that was only text */
	assert_non_null(strstr(s.text, "<p class=\"e\" id=\"L3-9\"><a id=\"first-error\"></a>"));
}

static void test_colours(void **state UNUSED)
{
	static const struct {
		const char *in, *classes;
	} cases[] = {
		{ "\x1b[91mx", "f9 " },
		{ "\x1b[44;97mx", "b4 " },
		{ "\x1b[38;5;196mx", "f9 " },
		{ "\x1b[38;2;0;0;255mx", "f12 " },
		{ "\x1b[38:5:2mx", "f2 " },
		{ "\x1b[2;3;4mx", "dim italic under " },
		{ "\x1b[1m\x1b[32mx", "f2 bold " },
		{ "\x1b[99999999999999999999;32mx", "f2 " },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_SHOWN struct shown s = show(cases[i].in, strlen(cases[i].in), 1, 100);
		CLEAN_STR char *want = xasprintf("<span class=\"%s\">x</span>", cases[i].classes);

		if (!strstr(s.text, want))
			fail_msg("%zu: %s", i, s.text);
	}
	static const char off[] = "\x1b[31;1m\x1b[mx\x1b[K";
	CLEAN_SHOWN struct shown reset = show(off, strlen(off), 1, 100);
	assert_non_null(strstr(reset.text, "<span>x</span>"));
}

static char *many_lines(size_t n, size_t error_at, size_t *ret_len)
{
	struct buf log = BUF_INIT(MIB(16));

	for (size_t i = 1; i <= n; i++)
		buf_addf(&log, i == error_at ? "\x1b[31mFAIL\x1b[0m line %zu\n" : "line %zu\n", i);
	*ret_len = log.len;
	return buf_take(&log);
}

static void test_windows(void **state UNUSED)
{
	size_t n;
	CLEAN_STR char *log = many_lines(10000, 7000, &n);
	CLEAN_SHOWN struct shown head = show(log, n, 1, 4096), middle = show(log, n, 5000, 4096);
	CLEAN_SHOWN struct shown error = show(log, n, 0, 4096);
	CLEAN_SHOWN struct shown beyond = show(log, n, 20000, 4096);

	assert_int_equal(1, head.first);
	assert_int_equal(LOG_WINDOW, head.last);
	assert_true(head.full);
	assert_int_equal(5000, middle.first);
	assert_int_equal(7000 - LOG_CONTEXT, error.first);
	assert_int_equal(7000 - LOG_CONTEXT + LOG_WINDOW - 1, error.last);
	assert_non_null(
		strstr(error.text, "<a id=\"first-error\"></a><a class=\"n\" href=\"#L3-7000\">"));
	assert_int_equal(0, beyond.first);
}

/* Without an error its end is what people want. */
static void test_no_error(void **state UNUSED)
{
	size_t n;
	CLEAN_STR char *log = many_lines(1000, 0, &n);
	CLEAN_SHOWN struct shown s = show(log, n, 0, 1000);

	assert_int_equal(1000 - LOG_CONTEXT + 1, s.first);
	assert_int_equal(1000, s.last);
	assert_false(s.error);
}

static void test_long_line(void **state UNUSED)
{
	size_t n = MIB(4);
	CLEAN_STR char *log = xmalloc(n);

	memset(log, '<', n);
	CLEAN_SHOWN struct shown s = show(log, n, 1, KIB(32));
	assert_true(strlen(s.text) < 5 * LOG_LINE_SHOWN);
	assert_non_null(strstr(s.text, "4.2 MB more of this line"));
}

static void test_errors(void **state UNUSED)
{
	static const char *const errors[] = { "a.c:1:2: error: x", "  Error: x",
		"FAILED tests/a.py", "make: *** [all] Error 2", "make[2]: *** [x] Error 1",
		"fatal: not a repository", "\x1b[31mFAIL\x1b[0m x",
		"Traceback (most recent call last):", "--- FAIL: TestX", "[shithub] exit code 1",
		"sh: 1: foo: command not found", "not ok 3 - x" };
	static const char *const others[] = { "0 errors", "no error: fine", "PASS", "",
		"errors are good", "make[2]: Entering directory" };

	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (!log_text_is_error(errors[i], strlen(errors[i])))
			fail_msg("no error: %s", errors[i]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (log_text_is_error(others[i], strlen(others[i])))
			fail_msg("an error: %s", others[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_groups_and_commands),
		cmocka_unit_test(test_colours),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_no_error),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
