/* Arguments of hashFiles(): what they mean below the workspace, and what matches nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "runner/context/hash_patterns.h"

static void test_patterns(void **state UNUSED)
{
	static const struct {
		const char *arguments[4];
		const char *patterns; /* NULL: nothing can match */
	} cases[] = {
		{ { "a.txt" }, "./a.txt\n" },
		{ { "b", "a" }, "./b\n./a\n" },
		{ { "**/*.lock\n !x \r\n\n# no\n" }, "./**/*.lock\n!./x\n" },
		{ { "./a//b/./c/" }, "./a/b/c\n" },
		{ { "/workspace" }, ".\n" },
		{ { "/workspace/" }, ".\n" },
		{ { "/workspace/a/*.c" }, "./a/*.c\n" },
		{ { ".", "!/workspace/a" }, ".\n!./a\n" },
		{ { "a/../b" }, "./b\n" },
		{ { "a/.." }, ".\n" },
		{ { "./#a", "!./!b", "./!c" }, "./#a\n!./!b\n./!c\n" },
		{ { "" }, NULL },
		{ { " \n#x" }, NULL },
		{ { "!a" }, NULL },
		{ { "/etc/passwd" }, NULL },
		{ { "/workspaces/a" }, NULL },
		{ { "../a" }, NULL },
		{ { "a/../../b" }, NULL },
		{ { "/workspace/../etc" }, NULL },
		{ { "/etc", "a", "" }, "./a\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strv_release) struct strv arguments = { 0 };
		CLEAN_STR char *got = NULL;
		struct err e = { 0 };

		for (size_t k = 0; cases[i].arguments[k]; k++)
			strv_add(&arguments, cases[i].arguments[k]);
		if (hash_patterns(&arguments, &got, &e) < 0)
			fail_msg("%s: %s", cases[i].arguments[0], e.text);
		if (!str_eq(got, cases[i].patterns))
			fail_msg("%s: %s", cases[i].arguments[0], got ? got : "nothing");
	}
}

static void test_refusals(void **state UNUSED)
{
	CLEAN_STR char *large = xcalloc(1, LIMIT_ARTIFACT_PATHS + 1);
	CLEANUP(strv_release) struct strv arguments = { 0 };
	CLEAN_STR char *got = NULL;
	struct err e = { 0 };

	memset(large, 'a', LIMIT_ARTIFACT_PATHS);
	strv_add(&arguments, "--follow-symbolic-links");
	assert_int_equal(hash_patterns(&arguments, &got, &e), -1);
	assert_string_equal(e.text, "\"--follow-symbolic-links\": options are not supported");
	strv_release(&arguments);
	strv_add(&arguments, "a\x01z");
	assert_int_equal(hash_patterns(&arguments, &got, &e), -1);
	assert_string_equal(e.text, "\"a\": a control character follows, expected none");
	strv_release(&arguments);
	strv_add(&arguments, large);
	assert_int_equal(hash_patterns(&arguments, &got, &e), -1);
	assert_string_equal(e.text, "the patterns have more than 32768 bytes");
	assert_null(got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("hash_patterns", tests, NULL, NULL);
}
