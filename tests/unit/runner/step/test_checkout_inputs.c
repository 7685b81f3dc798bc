/* What `with` of actions/checkout may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "runner/step/action_inputs.h"
#include "runner/step/checkout_inputs.h"

#define URL "https://git.example:8443/demo/Sample.git"
#define SHA "0123456789abcdef0123456789abcdef01234567"

struct one {
	const char *key, *value, *refused; /* refused NULL: taken */
};

static int read_one(const struct one *c, struct checkout_inputs *ret, struct err *e)
{
	CLEANUP(pairs_release) struct pairs with = { 0 };

	if (c->key)
		pairs_set(&with, c->key, c->value);
	return checkout_inputs_read(&with, URL, ret, e);
}

static void test_each(void **state)
{
	static const struct one cases[] = {
		{ "fetch-depth", "0", NULL },
		{ "Fetch-Depth", " 100000\n", NULL },
		{ "fetch-depth", "100001", "from 0 to 100000" },
		{ "fetch-depth", "-1", "from 0 to 100000" },
		{ "fetch-depth", "all", "fetch-depth: \"all\"" },
		{ "repository", "demo/Sample", NULL },
		{ "repository", "Demo/sample", NULL },
		{ "repository", "", NULL },
		{ "repository", "demo/other", "expected the job's own: demo/Sample" },
		{ "repository", "demo/Sample2", "expected the job's own" },
		{ "repository", "demo", "expected the job's own" },
		{ "github-server-url", "https://git.example:8443/", NULL },
		{ "github-server-url", "https://git.example", "https://git.example:8443" },
		{ "clean", "True", NULL },
		{ "clean", "off", NULL },
		{ "clean", "maybe", "clean: \"maybe\" is not a boolean, expected true or false" },
		{ "clean", "1", "not a boolean" },
		{ "fetch-tags", "yes", NULL },
		{ "submodules", "false", NULL },
		{ "submodules", "Recursive", NULL },
		{ "submodules", "all", "expected true, false or recursive" },
		{ "lfs", "false", NULL },
		{ "lfs", "true", "Git LFS" },
		{ "persist-credentials", "false", NULL },
		{ "persist-credentials", "TRUE", "the token is kept out of the workspace" },
		{ "show-progress", "true", NULL },
		{ "show-progress", "loud", "not a boolean" },
		{ "set-safe-directory", "true", NULL },
		{ "sparse-checkout-cone-mode", "true", NULL },
		{ "sparse-checkout", "src", "the whole tree is written" },
		{ "sparse-checkout", "", NULL },
		{ "filter", "blob:none", "the whole tree" },
		{ "token", "abc", "own checkout token" },
		{ "token", "  ", NULL },
		{ "ssh-key", "k", "over HTTP" },
		{ "depth", "1",
			"input \"depth\" is not supported, expected one of repository, ref, path, "
			"fetch-depth, " },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(checkout_inputs_release) struct checkout_inputs in = { 0 };
		struct err e = { 0 };
		int rc = read_one(&cases[i], &in, &e);

		if (cases[i].refused ? rc == 0 || !strstr(e.text, cases[i].refused) : rc < 0)
			fail_msg("%s: \"%s\": %s", cases[i].key, cases[i].value,
				rc < 0 ? e.text : "taken");
		if (rc < 0)
			assert_true(str_starts(e.text, "actions/checkout: "));
	}
}

static void test_values(void **state)
{
	CLEANUP(pairs_release) struct pairs with = { 0 };
	CLEANUP(checkout_inputs_release) struct checkout_inputs in = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(checkout_inputs_read(&with, URL, &in, &e), 0);
	assert_true(in.depth == 1 && in.clean && !in.tags && in.modules == MODULES_NONE);
	assert_true(!in.ref && !in.sha && !in.path);
	pairs_set(&with, "ref", " v1 ");
	pairs_set(&with, "path", "a/b");
	pairs_set(&with, "clean", "No");
	pairs_set(&with, "fetch-tags", "On");
	pairs_set(&with, "submodules", "true");
	pairs_set(&with, "fetch-depth", "7");
	checkout_inputs_release(&in);
	assert_int_equal(checkout_inputs_read(&with, URL, &in, &e), 0);
	assert_true(in.depth == 7 && !in.clean && in.tags && in.modules == MODULES_DIRECT);
	assert_string_equal(in.ref, "v1");
	assert_string_equal(in.path, "a/b");
}

static void test_refs(void **state)
{
	static const struct {
		const char *value, *ref, *sha;
	} cases[] = {
		{ SHA, NULL, SHA },
		{ "0123456789ABCDEF0123456789abcdef01234567", NULL, SHA },
		{ "0123456789abcdef0123456789abcdef0123456",
			"0123456789abcdef0123456789abcdef0123456", NULL },
		{ "trunk", "trunk", NULL },
		{ "refs/pull/7/merge", "refs/pull/7/merge", NULL },
		{ "", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(checkout_inputs_release) struct checkout_inputs in = { 0 };
		struct err e = { 0 };

		assert_int_equal(
			read_one(&(struct one){ "ref", cases[i].value, NULL }, &in, &e), 0);
		assert_true(str_eq(in.ref, cases[i].ref) && str_eq(in.sha, cases[i].sha));
	}
}

static void test_repeated_input(void **state)
{
	CLEANUP(pairs_release) struct pairs with = { 0 };
	CLEANUP(checkout_inputs_release) struct checkout_inputs in = { 0 };
	struct err e = { 0 };

	(void)state;
	pairs_set(&with, "path", "a"); /* other case: another key, the same input */
	pairs_set(&with, "PATH", "b");
	assert_int_equal(checkout_inputs_read(&with, URL, &in, &e), 0);
	assert_string_equal(in.path, "b");
}

/* What the job has anyway is no wish; any other value still is. */
static void test_own_values(void **state)
{
	static const struct one cases[] = {
		{ "token", "own", NULL },
		{ "Token", "own", NULL },
		{ "token", "other", "the job's own checkout token is used" },
		{ "ssh-key", "own", "with the job's own token" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(pairs_release) struct pairs with = { 0 }, own = { 0 };
		CLEANUP(checkout_inputs_release) struct checkout_inputs in = { 0 };
		struct err e = { 0 };

		pairs_set(&own, "token", "own");
		pairs_set(&with, cases[i].key, cases[i].value);
		action_inputs_drop_own(&with, &own);
		int rc = checkout_inputs_read(&with, URL, &in, &e);
		assert_int_equal(rc, cases[i].refused ? -1 : 0);
		if (rc < 0 && !strstr(e.text, cases[i].refused))
			fail_msg("%s", e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_values),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_repeated_input),
	};

	return cmocka_run_group_tests_name("checkout_inputs", tests, NULL, NULL);
}
