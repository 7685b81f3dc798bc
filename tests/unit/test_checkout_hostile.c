/* Servers that misbehave and trees that no git would make. */
#include "checkout_help.h"
#include "checkout/tree_judge.h"

static void expect_failure(const char *repo, const char *sha, const char *ref, const char *token,
	enum err_class class, const char *part, bool retryable)
{
	struct run r;
	CLEAN_STR char *url = url_of(repo);
	struct checkout_request q = {
		.url = url, .token = token, .sha = sha, .ref = ref, .depth = 1
	};

	run_open(&r);
	run_checkout(&r, &q);
	if (r.result.ok || r.result.error.class != class || !strstr(r.result.error.text, part) ||
		r.result.retryable != retryable)
		fail_msg("%s %.8s: ok %d class %s retryable %d \"%s\", expected \"%s\"", repo, sha,
			r.result.ok, err_class_name(r.result.error.class), r.result.retryable,
			r.result.error.text, part);
	/* a refused checkout leaves no file of the tree behind */
	/* libgit2 probes what the file system can with a file of its own, which stays when the
	 * writer is ended just then; the next checkout empties the folder */
	assert_out(&r, "ls -A | grep -vE '^(.git|_git2_[0-9a-f]+)$' || :", "");
	run_close(&r);
}

static void test_failures(void **state)
{
	CLEAN_STR char *tip = sha_of("tip"), *tree = sha_of("tree"), *tag = sha_of("tagobject");

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	expect_failure(
		"main", UNKNOWN, "refs/heads/trunk", TOKEN, ERR_NOT_FOUND, "not our ref", false);
	expect_failure("main", tree, NULL, TOKEN, ERR_INPUT, "is a tree, expected a commit", false);
	expect_failure("main", tag, NULL, TOKEN, ERR_INPUT, "is a tag, expected a commit", false);
	expect_failure("main", tip, NULL, "wrong-token", ERR_AUTH, "401", false);
	expect_failure("main", tip, NULL, NULL, ERR_AUTH, "401", false);
	git_server_mode(checkout_server, GIT_REFUSE_IDS);
	expect_failure("main", UNKNOWN, "refs/heads/trunk", TOKEN, ERR_NOT_FOUND,
		"is not in what the server sent", false);
	expect_failure("main", UNKNOWN, "refs/heads/nowhere", TOKEN, ERR_PROTO, "empty", false);
	git_server_mode(checkout_server, GIT_CUT);
	expect_failure("main", tip, NULL, TOKEN, ERR_NET, "cut off", true);
	git_server_mode(checkout_server, GIT_FLIP);
	expect_failure("main", tip, NULL, TOKEN, ERR_PROTO, "", false);
	git_server_mode(checkout_server, GIT_GARBAGE);
	expect_failure("main", tip, NULL, TOKEN, ERR_PROTO, "text/html", false);
	git_server_mode(checkout_server, GIT_REDIRECT);
	expect_failure("main", tip, NULL, TOKEN, ERR_PROTO, "redirects are not followed", false);
	git_server_mode(checkout_server, GIT_BROKEN);
	expect_failure("main", tip, NULL, TOKEN, ERR_PROTO, "503", true);
}

static void test_hostile_trees(void **state)
{
	static const struct {
		const char *name;
		enum err_class class;
		const char *part;
	} cases[] = {
		{ "setuid", ERR_INPUT, "mode 104755" },
		{ "fifo", ERR_INPUT, "mode 10644" },
		{ "newline", ERR_INPUT, "\"a?b\": reserved name or control" },
		{ "escape", ERR_INPUT, "control character" },
		{ "dotgit", ERR_INPUT, "\".git\": reserved" },
		{ "bigdotgit", ERR_INPUT, "\".GIT\": reserved" },
		{ "shortname", ERR_INPUT, "\"git~1\": reserved" },
		{ "dotdot", ERR_INPUT, "\"..\": reserved" },
		{ "slash", ERR_INPUT, "reserved name" },
		{ "absolute", ERR_INPUT, "reserved name" },
		{ "modules", ERR_INPUT, "link in place of .gitmodules" },
		{ "hfs", ERR_INPUT, "reserved" },
		{ "stream", ERR_INPUT, "reserved" },
		{ "twice", ERR_INPUT, "in the tree twice" },
		{ "linkdir", ERR_INPUT, "in the tree twice" },
		{ "deep", ERR_LIMIT, "nested too deeply" },
		{ "bomb", ERR_LIMIT, "too many entries" },
	};
	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *sha = sha_of(cases[i].name);
		expect_failure("evil", sha, NULL, TOKEN, cases[i].class, cases[i].part, false);
	}
	assert_false(outside_written());
	/* the control: the same way of making trees, an ordinary one */
	struct run r;
	CLEAN_STR char *sha = sha_of("good"), *url = url_of("evil");
	struct checkout_request q = { .url = url, .token = TOKEN, .sha = sha, .depth = 1 };
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "cat f", "evil\n");
	run_close(&r);
}

static void test_dot_git_names(void **state)
{
	static const struct {
		const char *name;
		bool dot_git;
	} cases[] = {
		{ ".git", true },
		{ ".GiT", true },
		{ ".git.", true },
		{ ".git. . ..", true },
		{ ".git   ", true },
		{ "git~1", true },
		{ "GIT~1. ", true },
		{ ".git::$INDEX_ALLOCATION", true },
		{ ".git:stream", true },
		{ "\xef\xbb\xbf.g\xe2\x80\x8ci\xe2\x81\xaft", true },
		{ ".github", false },
		{ ".gitignore", false },
		{ ".gitt", false },
		{ ".gi", false },
		{ "git", false },
		{ "git~12", false },
		{ ".git .x", false },
		{ "..git", false },
		{ "\xe2\x80", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (name_is_dot_git(cases[i].name) != cases[i].dot_git)
			fail_msg("\"%s\": expected %d", cases[i].name, cases[i].dot_git);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_hostile_trees),
		cmocka_unit_test(test_dot_git_names),
	};

	if (str_eq(argv[0], "checkout"))
		return checkout_role_main(argc, argv);
	return cmocka_run_group_tests_name(
		"checkout_hostile", tests, checkout_setup, checkout_teardown);
}
