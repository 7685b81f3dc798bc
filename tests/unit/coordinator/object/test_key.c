/* What is a key of ours, and what is none, whatever a bucket's list says. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/object/key.h"
#include "coordinator/object/object.h"
#include "coordinator/object/stored_log.h"

static void test_keys_that_we_make_are_ours(void **state UNUSED)
{
	CLEAN_STR char *artifact = object_key(7, "dist-1.2_x");
	CLEAN_STR char *numbered = xasprintf("%s/12", artifact);
	CLEAN_STR char *log = stored_log_key(7, 8, 9);
	CLEAN_STR char *run = xasprintf("actions/runs/%d", 7);
	const char *const all[] = { artifact, numbered, log, run, "actions/runs/1/artifacts/...",
		"actions/.x", "actions/x..y" };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_true(key_is_ours(all[i]));
}

static void test_others_are_not(void **state UNUSED)
{
	CLEAN_STR char *long_part = xasprintf("actions/%0256d", 1);
	CLEAN_STR char *long_key =
		xasprintf("actions/%0250d/%0250d/%0250d/%0250d/%050d", 1, 1, 1, 1, 1);
	const char *const all[] = { "", "x", "actions", "actions/", "/actions/x", "actions//x",
		"actions/x/", "actions/..", "actions/../x", "actions/x/../y", "actions/./x",
		"actions/x/.", "../actions/x", "objects/x", "actions/x y", "actions/x\ny",
		"actions/x%2e", "actions/\\..\\x", "actions/\xc3\xa4", long_part, long_key };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct err e = { 0 };

		assert_false(key_is_ours(all[i]));
		assert_int_equal(-1, key_check(all[i], &e));
		assert_true(err_is(&e, ERR_INPUT));
		assert_null(strchr(e.text, '\n'));
		assert_non_null(strstr(e.text, "is no key of ours: expected actions/"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_that_we_make_are_ours),
		cmocka_unit_test(test_others_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
