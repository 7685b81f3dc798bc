/* Which files the path input of an upload takes, and where the search for them begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "artifact/pattern.h"

static const struct {
	const char *patterns, *path;
	bool takes;
} cases[] = {
	{ "dist", "dist", true },
	{ "dist", "dist/a/b", true },
	{ "dist/", "dist/a", true },
	{ "./dist", "dist/a", true },
	{ "dist", "distance", false },
	{ "dist", "a/dist", false },
	{ ".", "any/thing", true },
	{ "*", "a", true },
	{ "*.txt", "a.txt", true },
	{ "*.txt", "a.txt.gz", false },
	{ "*.txt", "d/a.txt", false },
	{ "d/*", "d/a/b", true }, /* d/a is taken, and so what is in it */
	{ "**/*.txt", "a.txt", true },
	{ "**/*.txt", "x/y/a.txt", true },
	{ "**/*.txt", "x/y/a.md", false },
	{ "x/**/z", "x/z", true },
	{ "x/**/z", "x/y/y/z", true },
	{ "x/**/z", "y/z", false },
	{ "x/**", "x/y", true },
	{ "x/**", "x", true },
	{ "**", "a/b", true },
	{ "a/**/b/**/c", "a/1/b/2/3/c", true },
	{ "a/**/b/**/c", "a/1/2/3/c", false },
	{ "?", "a", true },
	{ "?", "\xc3\xa4", true }, /* one character, two bytes */
	{ "?", "ab", false },
	{ "a*b*c", "a1b2b3c", true },
	{ "a*b*c", "a1b2b3", false },
	{ "[a-c]x", "bx", true },
	{ "[a-c]x", "dx", false },
	{ "[!a-c]x", "dx", true },
	{ "[]a]x", "]x", true },
	{ "[a-", "[a-", true }, /* no class without its end */
	{ "[\xc3\xa0-\xc3\xb6]", "\xc3\xa4", true },
	{ "a\\*", "a*", true },
	{ "a\\*", "ab", false },
	{ "*\\?", "a?", true },
	{ "*\\?", "ab", false },
	{ "dist\n!dist/tmp", "dist/a", true },
	{ "dist\n!dist/tmp", "dist/tmp/a", false },
	{ "dist\n!dist/tmp\ndist/tmp/keep", "dist/tmp/keep", true },
	{ "dist\n!**/*.o", "dist/x/a.o", false },
	{ " a \r\n\n# b\nc", "a", true },
	{ " a \r\n\n# b\nc", "b", false },
	{ " a \r\n\n# b\nc", "c", true },
};

static void takes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(pattern_list_release) struct pattern_list l = { 0 };
		struct err e = { 0 };

		if (pattern_list_parse(cases[i].patterns, &l, &e) < 0)
			fail_msg("%s: %s", cases[i].patterns, e.text);
		if (pattern_list_takes(&l, cases[i].path, true) != cases[i].takes)
			fail_msg("\"%s\" and \"%s\": expected %d", cases[i].patterns, cases[i].path,
				cases[i].takes);
	}
}

static void hidden_names(void **state)
{
	static const struct {
		const char *patterns, *path;
		bool takes;
	} rows[] = {
		{ "*", ".env", false },
		{ "**", ".env", false },
		{ ".", ".env", false },
		{ "?env", ".env", false },
		{ "[.]env", ".env", false },
		{ ".env", ".env", true },
		{ ".*", ".env", true },
		{ "\\.*", ".env", true },
		{ "dist", "dist/.cache/x", false },
		{ "dist/**", "dist/.cache/x", false },
		{ "dist/*", "dist/x/.y", false },
		{ "dist/.cache", "dist/.cache/x", true },
		{ "dist/.cache", "dist/.cache/.x", false },
		{ "dist/.cache/**/.x", "dist/.cache/.x", true },
		{ ".hid/", ".hid/f", true },
		{ "**/.coverage", "a/b/.coverage", true },
		{ "**/.coverage", "a/.b/.coverage", false },
		{ "**/.coverage*", ".coverage.1", true },
		{ ".*/**", ".hid/f", true },
		{ "a/**/b", "a/.c/b", false },
		{ ".hid\n!**/.x", ".hid/.x", false },
		{ ".env\n!*", ".env", false }, /* what takes away takes hidden ones, too */
		{ "*", "a.b", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(pattern_list_release) struct pattern_list l = { 0 };

		assert_int_equal(pattern_list_parse(rows[i].patterns, &l, NULL), 0);
		if (pattern_list_takes(&l, rows[i].path, false) != rows[i].takes)
			fail_msg("\"%s\" and \"%s\": expected %d", rows[i].patterns, rows[i].path,
				rows[i].takes);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *patterns, *want;
	} bad[] = {
		{ "", "at least one line" },
		{ "\n \n", "at least one line" },
		{ "!a", "at least one line" },
		{ "/etc", "line 1: \"/etc\" is absolute" },
		{ "a\n../b", "line 2: \"../b\" leads out" },
		{ "a/../b", "leads out" },
		{ "a\\./\\.\\.", "leads out" },
		{ "a\n!/b", "line 2" },
		{ "a\x01", "control character" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(pattern_list_release) struct pattern_list l = { 0 };
		struct err e = { 0 };
		int rc = pattern_list_parse(bad[i].patterns, &l, &e);

		if (rc == 0 || !strstr(e.text, bad[i].want))
			fail_msg("\"%s\": %d \"%s\"", bad[i].patterns, rc, e.text);
	}
}

static void begins_where_the_patterns_do(void **state)
{
	static const struct {
		const char *patterns, *root;
	} roots[] = {
		{ ".", "" },
		{ "*", "" },
		{ "dist", "dist" },
		{ "dist/*.js", "dist" },
		{ "a/b/c\na/b/d/*", "a/b" },
		{ "a/b\na/b/c", "a/b" },
		{ "a\nb", "" },
		{ "a/x\n!b/y", "a/x" },
		{ "!b\na/x", "a/x" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		CLEANUP(pattern_list_release) struct pattern_list l = { 0 };
		struct err e = { 0 };

		assert_int_equal(pattern_list_parse(roots[i].patterns, &l, &e), 0);
		CLEAN_STR char *root = pattern_list_root(&l);
		assert_string_equal(root, roots[i].root);
	}
}

static void says_how_far(void **state)
{
	CLEANUP(pattern_list_release) struct pattern_list l = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(pattern_list_parse("a/b/*.x\nc\n!d", &l, &e), 0);
	assert_int_equal(pattern_list_reach(&l, "a"), PATTERN_ON_THE_WAY);
	assert_int_equal(pattern_list_reach(&l, "a/b"), PATTERN_INSIDE);
	assert_int_equal(pattern_list_reach(&l, "a/b/q"), PATTERN_INSIDE);
	assert_int_equal(pattern_list_reach(&l, "a/c"), PATTERN_OUT);
	assert_int_equal(pattern_list_reach(&l, "c"), PATTERN_INSIDE);
	assert_int_equal(pattern_list_reach(&l, "d"), PATTERN_OUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes),
		cmocka_unit_test(hidden_names),
		cmocka_unit_test(refuses),
		cmocka_unit_test(begins_where_the_patterns_do),
		cmocka_unit_test(says_how_far),
	};

	return cmocka_run_group_tests_name("artifact_pattern", tests, NULL, NULL);
}
