/* Branch and path patterns: what each matches, and that the order of negations decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "workflow/filter.h"

static void patterns(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} rows[] = {
		{ "main", "main", true },
		{ "main", "main2", false },
		{ "main", "mai", false },
		{ "main", "", false },
		{ "feature/*", "feature/my-branch", true },
		{ "feature/*", "feature/a/b", false },
		{ "feature/*", "feature/", true },
		{ "feature/**", "feature/beta-a/my-branch", true },
		{ "feature/**", "feature", false },
		{ "*", "releases", true },
		{ "*", "all/the/branches", false },
		{ "**", "all/the/branches", true },
		{ "*feature", "ver-10-feature", true },
		{ "*feature", "feature", true },
		{ "*feature", "a/feature", false },
		{ "v2*", "v2.9", true },
		{ "v[12].[0-9]+.[0-9]+", "v1.10.1", true },
		{ "v[12].[0-9]+.[0-9]+", "v3.10.1", false },
		{ "v[12].[0-9]+.[0-9]+", "v1..1", false },
		{ "*.jsx?", "page.js", true },
		{ "*.jsx?", "page.jsx", true },
		{ "*.jsx?", "page.jsxx", false },
		{ "**.js", "src/js/app.js", true },
		{ "*.js", "src/app.js", false },
		{ "docs/*", "docs/file.md", true },
		{ "docs/**/*.md", "docs/README.md", true },
		{ "docs/**/*.md", "docs/a/markdown/file.md", true },
		{ "docs/**/*.md", "docsx/a.md", false },
		{ "**/docs/**", "docs/hello.md", true },
		{ "**/docs/**", "dir/docs/my-file.txt", true },
		{ "**/docs/**", "mydocs/file.txt", false },
		{ "**/README.md", "README.md", true },
		{ "**/README.md", "js/README.md", true },
		{ "**/README.md", "js/XREADME.md", false },
		{ "**/*src/**", "a/src/app.js", true },
		{ "**/*src/**", "my-src/code/js/app.js", true },
		{ "**/*-post.md", "path/their-post.md", true },
		{ "a/**/b", "a/b", true },
		{ "a/**/b", "a/x/y/b", true },
		{ "a/**/b", "axb", false },
		{ "x**/b", "x/a/b", true },
		{ "x**/b", "xb", false },
		{ "a+", "aaa", true },
		{ "a+", "", false },
		{ "ab?c", "ac", true },
		{ "a.c", "abc", false },
		{ "\\*", "*", true },
		{ "\\*", "x", false },
		{ "[!]x", "!x", true },
		{ "[a-c-]", "-", true },
		{ "[abc", "a", false },
		{ "caf\xc3\xa9", "caf\xc3\xa9", true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (filter_match(rows[i].pattern, rows[i].text) != rows[i].match)
			fail_msg("%s against %s: expected %d", rows[i].pattern, rows[i].text,
				rows[i].match);
}

static void malformed_patterns(void **state)
{
	static const struct {
		const char *pattern, *reason;
	} rows[] = {
		{ "", "empty" },
		{ "!", "empty" },
		{ "[abc", "'[' without ']'" },
		{ "[]", "names no character" },
		{ "[z-a]", "range z-a runs backwards" },
		{ "?a", "'?' has no character before it" },
		{ "*+", "'+' has no character before it" },
		{ "a++", "'+' has no character before it" },
		{ "a\\", "'\\' at the end" },
	};
	char longest[FILTER_PATTERN_MAX + 2];
	struct err e = { 0 };
	(void)state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		err_clear(&e);
		assert_int_equal(filter_check(rows[i].pattern, &e), -1);
		if (!strstr(e.text, rows[i].reason))
			fail_msg("%s: %s", rows[i].pattern, e.text);
	}
	memset(longest, 'a', sizeof(longest));
	longest[FILTER_PATTERN_MAX + 1] = '\0';
	assert_int_equal(filter_check(longest, &e), -1);
	longest[FILTER_PATTERN_MAX] = '\0';
	assert_int_equal(filter_check(longest, NULL), 0);
	assert_true(filter_match(longest, longest));
	assert_int_equal(filter_check("!releases/**-alpha", NULL), 0);
}

static struct strv list(const char *comma)
{
	struct strv s = { 0 };

	strv_split(&s, comma, ',');
	return s;
}

static void order_of_negations_decides(void **state)
{
	static const struct {
		const char *patterns, *text;
		bool match;
	} rows[] = {
		{ "releases/**,!releases/**-alpha", "releases/10", true },
		{ "releases/**,!releases/**-alpha", "releases/10-alpha", false },
		{ "releases/**,!releases/**-alpha", "main", false },
		{ "!releases/**-alpha,releases/**", "releases/10-alpha", true },
		{ "*.md,!README.md,README*", "README.md", true },
		{ "trunk", "trunk", true },
		{ "trunk,main", "main", true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(strv_release) struct strv s = list(rows[i].patterns);

		if (filter_list_match(&s, rows[i].text) != rows[i].match)
			fail_msg("%s against %s", rows[i].patterns, rows[i].text);
	}
}

static void only_and_ignore(void **state)
{
	struct filter none = { { 0 }, { 0 } };
	struct filter only = { .only = list("trunk") };
	struct filter ignore = { .ignore = list("wip/**") };

	(void)state;

	assert_false(filter_given(&none));
	assert_true(filter_passes(&none, "anything"));
	assert_true(filter_passes(&only, "trunk"));
	assert_false(filter_passes(&only, "wip/x"));
	assert_true(filter_passes(&ignore, "trunk"));
	assert_false(filter_passes(&ignore, "wip/x"));
	filter_release(&only);
	filter_release(&ignore);
}

/* Backtracking matchers need exponential time for this; ours is pattern times text. */
static void hostile_pattern_is_linear(void **state)
{
	char pattern[301] = { 0 };
	CLEAN_STR char *text = xmalloc(4097);

	(void)state;

	for (size_t i = 0; i < 300; i += 3)
		memcpy(pattern + i, "*a*", 3);
	memset(text, 'a', 4096);
	text[4095] = '/';
	text[4096] = '\0';
	assert_false(filter_match(pattern, text));
	text[4095] = 'a';
	assert_true(filter_match(pattern, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns),
		cmocka_unit_test(malformed_patterns),
		cmocka_unit_test(order_of_negations_decides),
		cmocka_unit_test(only_and_ignore),
		cmocka_unit_test(hostile_pattern_is_linear),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
