/* Checkouts of a named ref, with tags, into a folder that is kept, with submodules. */
#include "tests/unit/help/checkout_help.h"
#include "checkout/submodule.h"

static void test_named_refs(void **state)
{
	static const struct {
		const char *ref, *sha, *made_ref, *made_sha;
		int64_t depth;
	} cases[] = {
		{ "trunk", "tip", "refs/remotes/origin/trunk", "tip", 1 },
		{ "side", "side", "refs/remotes/origin/side", "side", 1 },
		{ "refs/heads/side", "side", "refs/remotes/origin/side", "side", 0 },
		{ "v1", "second", "refs/tags/v1", "second", 1 },
		{ "refs/tags/v1", "second", "refs/tags/v1", "second", 1 },
		{ "v1a", "second", "refs/tags/v1a", "tagobject", 1 },
		{ "v1a", "second", "refs/tags/v1a", "tagobject", 0 },
		{ "both", "side", "refs/remotes/origin/both", "side", 1 }, /* a branch first */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run r;
		CLEAN_STR char *sha = sha_of(cases[i].sha), *url = url_of("main"),
			       *made = sha_of(cases[i].made_sha);
		CLEAN_STR char *ask = xasprintf("git rev-parse %s", cases[i].made_ref),
			       *want = xasprintf("%s\n", made);
		struct checkout_request q = {
			.url = url, .token = TOKEN, .ref = cases[i].ref, .depth = cases[i].depth
		};

		git_server_mode(checkout_server, GIT_SERVE);
		run_open(&r);
		run_checkout(&r, &q);
		assert_ok(&r);
		assert_clean(&r, sha);
		assert_string_equal(r.result.sha, sha);
		assert_out(&r, ask, want);
		run_close(&r);
	}
}

/* A push of a tag: the job's commit is known, and the tag stays the object that was pushed. */
static void test_pushed_tag(void **state)
{
	static const struct {
		const char *sha, *made;
	} cases[] = {
		{ "second", "tagobject" }, { "first", "first" }, /* the tag was moved meanwhile */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run r;
		CLEAN_STR char *sha = sha_of(cases[i].sha), *url = url_of("main"),
			       *made = sha_of(cases[i].made);
		CLEAN_STR char *want = xasprintf("%s\n", made);
		struct checkout_request q = {
			.url = url, .token = TOKEN, .sha = sha, .ref = "refs/tags/v1a", .depth = 1
		};

		git_server_mode(checkout_server, GIT_SERVE);
		run_open(&r);
		run_checkout(&r, &q);
		assert_ok(&r);
		assert_clean(&r, sha);
		assert_out(&r, "git rev-parse refs/tags/v1a", want);
		assert_out(&r, "git describe --tags --exact-match", "v1a\n");
		run_close(&r);
	}
}

static void test_unknown_ref(void **state)
{
	struct run r;
	CLEAN_STR char *url = url_of("main");
	struct checkout_request q = { .url = url, .token = TOKEN, .ref = "nowhere", .depth = 1 };

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	run_open(&r);
	run_checkout(&r, &q);
	assert_false(r.result.ok || r.result.retryable);
	assert_int_equal(r.result.error.class, ERR_NOT_FOUND);
	assert_non_null(strstr(r.result.error.text, "\"nowhere\""));
	git_server_mode(checkout_server, GIT_BROKEN);
	run_checkout(&r, &q);
	assert_false(r.result.ok);
	assert_true(r.result.retryable);
	run_close(&r);
}

static void test_tags(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");
	struct checkout_request q = { .url = url,
		.token = TOKEN,
		.sha = sha,
		.ref = "refs/heads/trunk",
		.depth = 1,
		.tags = true };

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_clean(&r, sha);
	assert_out(&r, "git tag", "both\nv1\nv1a\n");
	assert_out(&r, "git log --oneline | wc -l; git cat-file -t v1a", "1\ntag\n");
	assert_out(&r, "git branch -r", "  origin/trunk\n");
	run_close(&r);
}

/* What git checkout --force leaves: others' files, unless the new tree has one of that name. */
static void test_keep(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("side"), *other = sha_of("tip"), *url = url_of("main");
	struct checkout_request q = {
		.url = url, .token = TOKEN, .sha = sha, .depth = 1, .keep = true
	};

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	run_open(&r);
	free(in_workspace(&r, "mkdir -p dir mine; echo m >mine/m; echo old >data; ln -s /tmp run; "
			      "chown -hR --reference=. dir mine data run"));
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "cat mine/m; head -1 data; stat -c %F run; git status --porcelain",
		"m\n1\nregular file\n?? mine/\n");
	/* the other commit lacks s; dir/sub became a link to elsewhere, data was changed */
	free(in_workspace(&r, "echo more >>data; mv dir/sub sub; mkdir o; echo x >o/x; ln -s ../o "
			      "dir/sub; chown -hR --reference=. data sub o dir"));
	q.sha = other;
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "ls -A",
		".git\n.gitattributes\ncrlf.txt\ndata\ndir\nlink\nmine\nn\303\244me "
		"with blank\no\noutside\nrun\nsub\n");
	assert_out(&r, "git status --porcelain; cat o/x; stat -c %F dir/sub; tail -1 data",
		"?? mine/\n?? o/\n?? sub/\nx\ndirectory\n3\n");
	/* a folder of others in the place of a file is theirs */
	free(in_workspace(&r, "rm data; mkdir data; touch data/mine; chown -R --reference=. data"));
	run_checkout(&r, &q);
	assert_false(r.result.ok);
	assert_non_null(strstr(r.result.error.text, "\"data\" already exists"));
	/* an index that is none */
	free(in_workspace(&r, "rm -rf data; echo junk >.git/index"));
	run_checkout(&r, &q);
	assert_false(r.result.ok);
	assert_non_null(strstr(r.result.error.text, "index of the last checkout"));
	/* clean: true takes all of it */
	q.keep = false;
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "ls -d mine o sub 2>/dev/null || git status --porcelain", "");
	run_close(&r);
}

static void test_hostile_index(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");
	struct checkout_request q = {
		.url = url, .token = TOKEN, .sha = sha, .depth = 1, .path = "in/it", .keep = true
	};

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	/* the index names a file that is now reached through a link out of the target */
	free(in_workspace(&r, "mkdir o; echo x >o/x; rm -r in/it/dir/sub; ln -s ../../../o "
			      "in/it/dir/sub; chown -hR --reference=. ."));
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "cat o/x; cat in/it/dir/sub/x", "x\nx\n");
	assert_out(&r, "stat -c %F in/it/dir/sub", "directory\n");
	/* .git itself may have become a link */
	free(in_workspace(&r, "mv in/it/.git o/git; ln -s ../../o/git in/it/.git; chown -h "
			      "--reference=. in/it/.git"));
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "test -d o/git && stat -c %F in/it/.git", "directory\n");
	run_close(&r);
}

static void test_submodules(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("super"), *url = url_of("super"), *lib = url_of("lib");
	struct checkout_request q = {
		.url = url, .token = TOKEN, .sha = sha, .depth = 1, .submodules = true
	};

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_int_equal(r.submodules.n, 1);
	CLEAN_STR char *start = xasprintf("my.lib libs/lib %s ", lib);
	assert_true(str_starts(r.submodules.v[0], start));
	CLEAN_STR char *lib_sha = xstrdup(r.submodules.v[0] + strlen(start));
	CLEAN_STR char *config = xasprintf("%s\n", lib);
	assert_out(&r, "git config submodule.my.lib.url", config);
	/* its own checkout goes into the folder that the tree made for it */
	struct checkout_request sub = { .url = lib,
		.token = TOKEN,
		.sha = lib_sha,
		.path = "libs/lib",
		.depth = 1,
		.submodules = true };
	run_checkout(&r, &sub);
	assert_ok(&r);
	CLEAN_STR char *leaf = url_of("leaf");
	leaf[strlen(leaf) - strlen(".git")] = '\0';
	CLEAN_STR char *leaf_start = xasprintf("leaf deep/leaf %s ", leaf);
	assert_int_equal(r.submodules.n, 1);
	assert_true(str_starts(r.submodules.v[0], leaf_start));
	assert_out(&r, "git status --porcelain; cat libs/lib/lib", "lib\n");
	/* git itself refuses to read on where an update is a command */
	assert_out(&r,
		"sed -i /update/d .gitmodules; git submodule status | cut -c1 | tr ' ' =", "=\n");
	assert_false(outside_written());
	run_close(&r);
}

static void test_refused_submodules(void **state)
{
	static const struct {
		const char *sha, *part;
	} cases[] = {
		{ "far", "same server" },
		{ "dash", "begins with \"-\"" },
		{ "none", "no entry in .gitmodules" },
	};

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run r;
		CLEAN_STR char *sha = sha_of(cases[i].sha), *url = url_of("super");
		struct checkout_request q = {
			.url = url, .token = TOKEN, .sha = sha, .depth = 1, .submodules = true
		};

		run_open(&r);
		run_checkout(&r, &q);
		if (r.result.ok || !strstr(r.result.error.text, cases[i].part) ||
			!strstr(r.result.error.text, "submodule \"libs/lib\""))
			fail_msg("%s: %s", cases[i].sha, r.result.error.text);
		assert_int_equal(r.submodules.n, 0);
		/* who did not ask for them does not mind */
		q.submodules = false;
		run_checkout(&r, &q);
		assert_ok(&r);
		run_close(&r);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_named_refs),
		cmocka_unit_test(test_pushed_tag),
		cmocka_unit_test(test_unknown_ref),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_hostile_index),
		cmocka_unit_test(test_submodules),
		cmocka_unit_test(test_refused_submodules),
	};

	if (str_eq(argv[0], "checkout"))
		return checkout_role_main(argc, argv);
	return cmocka_run_group_tests_name(
		"checkout_options", tests, checkout_setup, checkout_teardown);
}
