/* Servers that misbehave and trees that no git would make. */
#include "tests/unit/help/checkout_help.h"

#include <sys/resource.h>

#include "base/fs.h"
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
		{ "steers", ERR_INPUT, "\"a\\nb/..\": reserved name" },
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
		{ "deep", ERR_LIMIT, "path too long" },
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

/* git writes them, so they are written; git status is clean behind it. */
static void test_control_characters(void **state)
{
	static const char *const cases[][2] = {
		{ "newline", "./a|b0" },
		{ "escape", "./a^[310" },
	};

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *sha = sha_of(cases[i][0]), *url = url_of("evil");
		struct checkout_request q = { .url = url, .token = TOKEN, .sha = sha, .depth = 1 };
		struct run r;

		run_open(&r);
		run_checkout(&r, &q);
		assert_ok(&r);
		assert_out(&r,
			"find . -name .git -prune -o -type f -print0 | tr '\\000\\n\\033' '0|^' |"
			" tr -d m",
			cases[i][1]);
		assert_out(&r, "git status --porcelain", "");
		run_close(&r);
	}
}

/* Names that steer a terminal, and a path as long as one can be. */
static void test_unusual_trees(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("names"), *url = url_of("evil");
	struct checkout_request q = { .url = url, .token = TOKEN, .sha = sha, .depth = 1 };

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "git status --porcelain; git ls-files | wc -l", "6\n");
	assert_out(&r, "cat $'Icon\\r' $'a\\nb' $'\\001x' $'x\\177' $'e\\033[31m' | sort -u",
		"evil\n");
	assert_out(&r, "find d -name f | wc -c", "3860\n");
	run_close(&r);
}

/* ---- memory ---- */

static const char make_bombs[] =
	"set -eu; cd \"$0/repos/evil.git\"\n"
	"export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A "
	"GIT_COMMITTER_EMAIL=a@b\n"
	"hex() { echo $1 | sed 's/../\\\\x&/g'; }\n"
	"tree() { git hash-object -t tree -w --literally --stdin; }\n"
	"commit() { git update-ref refs/heads/$1 $(echo m | git commit-tree $2)\n"
	"  git rev-parse refs/heads/$1 >../../sha/$1; }\n"
	/* 99^3 files below folders whose names are 3.7 KB together: 3.6 GB of paths */
	"blob=$(hex $(echo evil | git hash-object -w --stdin)); raw=\n"
	"for j in $(seq 10 108); do raw=\"${raw}100644 f$j\\\\0$blob\"; done\n"
	"sub=$(printf \"$raw\" | tree)\n"
	"for i in 1 2; do raw=; for j in $(seq 10 108); do raw=\"${raw}40000 d$j\\\\0$(hex "
	"$sub)\"; done\n"
	"  sub=$(printf \"$raw\" | tree); done\n"
	"long=$(printf '%0240d' 0)\n"
	"for i in $(seq 15); do sub=$(printf \"40000 $long\\\\0$(hex $sub)\" | tree); done\n"
	"commit paths $sub\n"
	/* 320 MiB in 320 KB */
	"blob=$(head -c 320M /dev/zero | git hash-object -w --stdin)\n"
	"commit zeros $(printf \"100644 zeros\\\\0$(hex $blob)\" | tree)\n"
	/* the same where rules are read from, and as the target of a link */
	"commit rules $(printf \"100644 .gitattributes\\\\0$(hex $blob)\" | tree)\n"
	"commit target $(printf \"120000 l\\\\0$(hex $blob)\" | tree)\n";

/* Less than any of the trees above would take if it were held. Only the child has it: it finds the
 * number in a file beside the workspaces. */
static void limit_space(const char *workspace)
{
	CLEAN_STR char *path = xasprintf("%s/../../space", workspace);
	CLEAN_BUF struct buf text = BUF_INIT(64);
	struct rlimit most;

	if (file_read(path, &text, NULL) < 0)
		return;
	most.rlim_cur = most.rlim_max = strtoul(buf_cstr(&text), NULL, 10);
#ifndef __SANITIZE_ADDRESS__ /* its shadow memory alone is more */
	if (setrlimit(RLIMIT_AS, &most) < 0)
		BUG("no limit");
#endif
}

static void test_small_packs_of_large_trees(void **state)
{
	CLEAN_STR char *paths = NULL, *zeros = NULL, *rules = NULL, *target = NULL, *url = NULL;
	struct run r;

	(void)state;
	checkout_prepare(make_bombs);
	paths = sha_of("paths");
	zeros = sha_of("zeros");
	rules = sha_of("rules");
	target = sha_of("target");
	url = url_of("evil");
	git_server_mode(checkout_server, GIT_SERVE);
	checkout_prepare("echo 335544320 >\"$0/space\"");
	expect_failure(
		"evil", paths, NULL, TOKEN, ERR_LIMIT, "the paths are too long together", false);
	expect_failure("evil", rules, NULL, TOKEN, ERR_LIMIT, "file of rules too large", false);
	expect_failure("evil", target, NULL, TOKEN, ERR_INPUT, "malformed target", false);
	struct checkout_request q = { .url = url, .token = TOKEN, .sha = zeros, .depth = 1 };
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r,
		"stat -c %s zeros; head -c 320M /dev/zero | cmp - zeros && git status --short",
		"335544320\n");
	run_close(&r);
	checkout_prepare("rm \"$0/space\"");
}

static void test_is_the_first_to_be_killed(void **state)
{
	CLEAN_BUF struct buf score = BUF_INIT(64);
	CLEAN_STR char *path = NULL;
	struct proc p = PROC_INIT;
	struct err e = { 0 };
	struct run r;

	(void)state;
	run_open(&r);
	int fd = start_child(&p, r.workspace, 2);
	struct checkout_request q = {
		.url = "http://127.0.0.1:1/x.git", .sha = UNKNOWN, .depth = 1
	};
	struct checkout *c = checkout_start(r.loop, fd, &q, on_line, on_done, &r, &e);
	assert_non_null(c);
	assert_int_equal(
		loop_wait(r.loop, &r.done, mono_add(mono_now(), 20 * USEC_PER_SEC), &e), 0);
	path = xasprintf("/proc/%d/oom_score_adj", (int)p.pid);
	assert_int_equal(file_read(path, &score, &e), 0);
	assert_string_equal(buf_cstr(&score), "1000\n");
	checkout_free(c);
	proc_destroy(&p);
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
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_unusual_trees),
		cmocka_unit_test(test_dot_git_names),
		cmocka_unit_test(test_small_packs_of_large_trees),
		cmocka_unit_test(test_is_the_first_to_be_killed),
	};

	if (str_eq(argv[0], "checkout")) {
		limit_space(argv[argc - 1]);
		return checkout_role_main(argc, argv);
	}
	return cmocka_run_group_tests_name(
		"checkout_hostile", tests, checkout_setup, checkout_teardown);
}
