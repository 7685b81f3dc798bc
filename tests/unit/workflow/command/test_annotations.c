/* Annotations of a log that comes in chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "workflow/command/annotations.h"

/* The whole text in chunks of `step` bytes. */
static void read_log(const char *text, size_t step, struct annotations *ret)
{
	CLEANUP(annotation_reader_release) struct annotation_reader r = ANNOTATION_READER_INIT;
	size_t n = strlen(text);

	for (size_t at = 0; at < n; at += step)
		annotations_read(
			&r, (struct slice){ text + at, step < n - at ? step : n - at }, false, ret);
	annotations_read(&r, (struct slice){ "", 0 }, true, ret);
}

static void test_all_members(void **state UNUSED)
{
	CLEANUP(annotations_release) struct annotations l = { 0 };

	read_log("text\n"
		 "::error file=src/a.c,line=3,endLine=5,title=Tidy%2C please::one%0Atwo %25\n"
		 " ::Warning::bare\r\n"
		 "::notice file=b,line=2,col=4,endColumn=9::x",
		1000, &l);
	assert_int_equal(3, l.n);
	assert_int_equal(ANNOTATION_ERROR, l.v[0].level);
	assert_string_equal("one\ntwo %", l.v[0].message);
	assert_string_equal("Tidy, please", l.v[0].title);
	assert_string_equal("src/a.c", l.v[0].path);
	assert_int_equal(3, l.v[0].line);
	assert_int_equal(5, l.v[0].end_line);
	assert_int_equal(ANNOTATION_WARNING, l.v[1].level);
	assert_string_equal("bare", l.v[1].message);
	assert_null(l.v[1].title);
	assert_null(l.v[1].path);
	assert_int_equal(4, l.v[2].column);
	assert_int_equal(9, l.v[2].end_column);
	for (int64_t i = 0; i < 3; i++)
		assert_int_equal(i + 2, l.v[i].log_line);
}

static void test_cut_anywhere(void **state UNUSED)
{
	static const char log[] =
		"a::error::no\n::error file=x,line=1::yes\n  ::stop-commands::T%25\n"
		"::error::stopped\n::T%::\n::notice::again\n::warning::last";

	for (size_t step = 1; step < sizeof(log); step++) {
		CLEANUP(annotations_release) struct annotations l = { 0 };

		read_log(log, step, &l);
		assert_int_equal(3, l.n);
		assert_string_equal("yes", l.v[0].message);
		assert_string_equal("again", l.v[1].message);
		assert_int_equal(2, l.v[0].log_line);
		assert_int_equal(6, l.v[1].log_line);
		assert_int_equal(7, l.v[2].log_line);
		assert_string_equal("last", l.v[2].message);
	}
}

static const char *path_of(const char *file, char *out, size_t max)
{
	CLEANUP(annotations_release) struct annotations l = { 0 };
	CLEAN_STR char *log = xasprintf("::error file=%s,line=7::m\n", file);

	read_log(log, 1000, &l);
	assert_int_equal(1, l.n);
	/* A line of no file is no line. */
	assert_int_equal(l.v[0].path ? 7 : 0, l.v[0].line);
	if (!l.v[0].path)
		return "none";
	snprintf(out, max, "%s", l.v[0].path);
	return out;
}

static void test_paths(void **state UNUSED)
{
	static const char *const cases[][2] = {
		{ "a.c", "a.c" },
		{ "./a//b/../c.c", "a/c.c" },
		{ "/workspace/a.c", "a.c" },
		{ "/workspace/../etc/passwd", "none" },
		{ "/etc/passwd", "none" },
		{ "../a.c", "none" },
		{ "a/../..", "none" },
		{ ".", "none" },
		{ "a\xff.c", "a\xef\xbf\xbd.c" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char path[100] = "";

		assert_string_equal(cases[i][1], path_of(cases[i][0], path, sizeof(path)));
	}
}

static void test_caps(void **state UNUSED)
{
	CLEANUP(annotations_release) struct annotations l = { 0 };
	CLEAN_BUF struct buf log = BUF_INIT(MIB(4));

	for (int i = 0; i < 1000; i++)
		buf_addf(&log, "::error::%d\n::warning::%d\n", i, i);
	buf_adds(&log, "::notice title=");
	for (int i = 0; i < 500; i++)
		buf_adds(&log, "\xc3\xa4");
	buf_adds(&log, "::");
	for (int i = 0; i < 5000; i++)
		buf_adds(&log, "\xc3\xa4");
	read_log(buf_cstr(&log), 4000, &l);
	assert_int_equal(2 * ANNOTATIONS_STEP + 1, l.n);
	assert_int_equal(1000, l.found[ANNOTATION_ERROR]);
	assert_int_equal(1000, l.found[ANNOTATION_WARNING]);
	assert_int_equal(ANNOTATION_MESSAGE_MAX, strlen(l.v[20].message));
	assert_int_equal(ANNOTATION_TITLE_MAX - 1, strlen(l.v[20].title)); /* no half character */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_members),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
