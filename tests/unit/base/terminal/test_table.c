/* Tables: what a reader and a terminal see of any text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/terminal/table.h"

static const struct table_column columns[] = {
	{ "ID", TABLE_NUMBER },
	{ "NAME" },
	{ "STATE", TABLE_STATE },
};

/* The table of one cell a word after the columns', as text; the caller's. */
static char *printed(const char *const *cells, struct terminal_style style)
{
	CLEAN_TABLE struct table t = TABLE(columns);
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	assert_non_null(to);
	for (; *cells; cells++)
		table_text(&t, *cells);
	table_print(&t, to, style);
	fclose(to);
	return text;
}

#define PRINTED(style, ...) printed((const char *const[]){ __VA_ARGS__, NULL }, style)
#define PLAIN ((struct terminal_style){ 0 })

static void test_aligns(void **state UNUSED)
{
	CLEAN_STR char *empty = printed((const char *const[]){ NULL }, PLAIN);
	CLEAN_STR char *two = PRINTED(PLAIN, "7", "a", "success", "110", "long name", "");

	assert_string_equal(empty, "ID  NAME  STATE\n");
	assert_string_equal(two, " ID  NAME       STATE\n"
				 "  7  a          success\n"
				 "110  long name  -\n");
}

static void test_wide_characters_count_two(void **state UNUSED)
{
	CLEAN_STR char *text =
		PRINTED(PLAIN, "1", "日本", "a", "2", "e\xcc\x81", "b", "3", "äöüß", "c");

	assert_string_equal(text, "ID  NAME  STATE\n"
				  " 1  日本  a\n"
				  " 2  e\xcc\x81     b\n" /* a combining accent takes no room */
				  " 3  äöüß  c\n");
	assert_int_equal(text_columns("日本"), 4);
	assert_int_equal(text_columns(""), 0);
}

/* Whatever the bytes, a row is one line, and nothing in it steers the terminal. */
static void test_hostile_bytes_are_inert(void **state UNUSED)
{
	static const char *const names[] = { "\x1b]0;owned\a", "\x1b[2J", "a\nb", "a\tb", "a\rb",
		"\xc2\x9b\x33\x31m", "\xe2\x80\xaegnp.exe", "\xff\xfe", "\x7f", "\xf0\x9f\x92",
		"\xe2\x80\xa8" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_STR char *text = PRINTED(PLAIN, "1", names[i], "success");
		CLEAN_STR char *colored =
			PRINTED(((struct terminal_style){ .color = true }), "1", "x", names[i]);
		size_t lines = 0;

		for (const char *p = text; *p; p++) {
			lines += *p == '\n';
			assert_true((unsigned char)*p >= ' ' || *p == '\n');
			assert_int_not_equal((unsigned char)*p, 0x7f);
		}
		assert_int_equal(lines, 2);
		assert_null(strstr(text, "\xc2\x9b"));
		assert_null(strstr(text, "\xe2\x80"));
		assert_null(strstr(strchr(colored, '\n'), "\x1b"));
	}
}

static void test_only_known_states_are_coloured(void **state UNUSED)
{
	CLEAN_STR char *text = PRINTED(((struct terminal_style){ .color = true }), "1", "success",
		"success", "2", "b", "odd");

	assert_string_equal(text, "\033[1mID\033[0m  \033[1mNAME\033[0m     \033[1mSTATE\033[0m\n"
				  " 1  success  \033[32msuccess\033[0m\n"
				  " 2  b        odd\n");
}

static void test_fits_a_terminal(void **state UNUSED)
{
	static const char *const long_name =
		"日本日本日本日本日本日本日本日本日本日本"; /* 40 columns */

	for (size_t width = 1; width < 60; width++) {
		CLEAN_STR char *text = PRINTED(
			((struct terminal_style){ .width = width }), "1", long_name, "running");
		CLEAN_STR char *row =
			xstrndup(strchr(text, '\n') + 1, strcspn(strchr(text, '\n') + 1, "\n"));
		bool cut = strstr(row, "…") != NULL;

		assert_int_equal(cut, width < 2 + 2 + 40 + 2 + 7);
		if (width >= 2 + 2 + 12 + 2 + 7)
			assert_true(text_columns(row) <= width);
		assert_non_null(strstr(row, "running"));
	}
}

static void test_kinds_of_cells(void **state UNUSED)
{
	static const struct table_column kinds[] = { { "A", TABLE_NUMBER }, { "B" }, { "C" },
		{ "D" } };
	CLEAN_TABLE struct table t = TABLE(kinds);
	struct strv labels = { 0 };

	strv_split(&labels, "x,y", ',');
	table_int(&t, -5);
	table_time(&t, (struct wall){ 1700000000 * USEC_PER_SEC + 999 });
	table_span(&t, (struct wall){ USEC_PER_SEC }, (struct wall){ 66 * USEC_PER_SEC + 1 });
	table_strv(&t, &labels);
	table_int(&t, INT64_MAX);
	table_time(&t, (struct wall){ 0 });
	table_span(&t, (struct wall){ 5 }, (struct wall){ 0 });
	table_text(&t, NULL);
	assert_int_equal(table_rows(&t), 2);
	assert_string_equal(t.cells.v[1], "2023-11-14T22:13:20Z");
	assert_string_equal(t.cells.v[2], "1m5s");
	assert_string_equal(t.cells.v[3], "x,y");
	for (size_t i = 5; i < 8; i++)
		assert_string_equal(t.cells.v[i], "-");
	strv_release(&labels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligns),
		cmocka_unit_test(test_wide_characters_count_two),
		cmocka_unit_test(test_hostile_bytes_are_inert),
		cmocka_unit_test(test_only_known_states_are_coloured),
		cmocka_unit_test(test_fits_a_terminal),
		cmocka_unit_test(test_kinds_of_cells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
