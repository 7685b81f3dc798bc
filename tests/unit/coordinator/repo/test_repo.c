/*
 * Repositories on disk: names, reading at a commit, differences, and what a hostile tree may not
 * do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fs.h"
#include "coordinator/repo/repo.h"
#include "tests/unit/help/git_tool.h"

static int setup(void **state)
{
	repo_library_init();
	*state = git_tool_new();
	return 0;
}

static int teardown(void **state)
{
	git_tool_free(*state);
	repo_library_shutdown();
	return 0;
}

static void names(void **state)
{
	static const struct {
		const char *full;
		bool fine;
	} rows[] = {
		{ "mfwolffe/scratch", true },
		{ "a/b", true },
		{ "A-1/x.y_z-1", true },
		{ "a/.git", false },
		{ "a/x.git", false },
		{ "a/x.lock", false },
		{ "a/..", false },
		{ "a/.hidden", false },
		{ "a/-x", false },
		{ "-a/x", false },
		{ "a-/x", false },
		{ "a.b/x", false },
		{ "../x", false },
		{ "a/b/c", false },
		{ "a/", false },
		{ "/b", false },
		{ "ab", false },
		{ "a/x y", false },
		{ "a/x\n", false },
		{ "api/x", false },
		{ "Login/x", false },
		{ "caf\xc3\xa9/x", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_STR char *owner = NULL, *name = NULL;
		struct err e = { 0 };
		bool fine = repo_name_split(rows[i].full, &owner, &name, &e) == 0;

		if (fine != rows[i].fine)
			fail_msg("%s: %s", rows[i].full, e.text);
	}
}

static void branches(void **state)
{
	static const char *const bad[] = { "", "-x", "a..b", "a b", "a~1", "a.lock", "/a", "a/" };

	(void)state;

	assert_int_equal(repo_branch_check("trunk", NULL), 0);
	assert_int_equal(repo_branch_check("feature/x", NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (repo_branch_check(bad[i], NULL) == 0)
			fail_msg("accepted \"%s\"", bad[i]);
}

static void expect_config(struct git_tool *g, const char *dir, const char *key, const char *value)
{
	CLEAN_STR char *got = git_run(g, dir, "config", key, NULL);

	assert_string_equal(got, value);
}

static void create_is_a_bare_repository_of_git(void **state)
{
	struct git_tool *g = *state;
	CLEAN_STR char *path = xasprintf("%s/repos/o/n.git", g->root);
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	struct err e = { 0 };

	assert_int_equal(repo_create(path, "trunk", &e), 0);
	CLEAN_STR char *head = git_run(g, path, "symbolic-ref", "HEAD", NULL);
	assert_string_equal(head, "refs/heads/trunk");
	expect_config(g, path, "core.bare", "true");
	expect_config(g, path, "uploadpack.allowAnySHA1InWant", "true");
	expect_config(g, path, "receive.fsckObjects", "true");
	expect_config(g, path, "core.hooksPath", "/dev/null");
	assert_int_equal(git_try(g, path, &out, "fsck", NULL), 0);
	assert_int_equal(repo_create(path, "trunk", &e), -1);
	assert_int_equal(e.class, ERR_CONFLICT);
}

static void discard_removes_it(void **state)
{
	struct git_tool *g = *state;
	CLEAN_STR char *path = xasprintf("%s/repos/o/gone.git", g->root);
	struct stat st;

	assert_int_equal(repo_create(path, "trunk", NULL), 0);
	repo_discard(path);
	assert_int_equal(lstat(path, &st), -1);
}

static struct repo *open_git(const char *work)
{
	CLEAN_STR char *dir = path_join(work, ".git");
	struct err e = { 0 };
	struct repo *r = repo_open(dir, &e);

	if (!r)
		fail_msg("%s", e.text);
	return r;
}

static void reads_commits_and_refs(void **state)
{
	struct git_tool *g = *state;
	CLEAN_STR char *work = git_work_tree(g, "commits");

	git_write(work, "a", "1");
	CLEAN_STR char *id = git_commit_all(g, work, "First\n\nwith a body");
	free(git_run(g, work, "tag", "-a", "v1", "-m", "one", NULL));
	free(git_run(g, work, "tag", "tree", "HEAD^{tree}", NULL));
	CLEAN_REPO struct repo *r = open_git(work);
	CLEANUP(commit_info_release) struct commit_info c = { 0 };
	char oid[OID_TEXT_MAX];
	struct err e = { 0 };

	assert_int_equal(repo_ref(r, "refs/tags/v1", oid, &e), 0);
	assert_string_not_equal(oid, id);
	assert_int_equal(repo_commit(r, oid, &c, &e), 0);
	assert_string_equal(c.oid, id);
	assert_string_equal(c.message, "First\n\nwith a body\n");
	assert_string_equal(c.author_name, "Ada");
	assert_string_equal(c.author_email, "ada@example.org");
	assert_string_equal(c.timestamp, "2026-01-31T12:00:00+01:00");
	struct commit_info none = { 0 };
	assert_int_equal(repo_ref(r, "refs/tags/tree", oid, &e), 0);
	assert_int_equal(repo_commit(r, oid, &none, &e), -1);
	assert_int_equal(repo_commit(r, "nonsense", &none, &e), -1);
	assert_int_equal(repo_ref(r, "refs/heads/none", oid, &e), -1);
	assert_int_equal(e.class, ERR_NOT_FOUND);
}

static void resolves_short_names(void **state)
{
	struct git_tool *g = *state;
	CLEAN_STR char *work = git_work_tree(g, "resolve");

	free(git_commit_all(g, work, "x"));
	free(git_run(g, work, "tag", "v1", NULL));
	free(git_run(g, work, "tag", "trunk", NULL));
	CLEAN_REPO struct repo *r = open_git(work);
	static const struct {
		const char *name, *ref;
	} rows[] = {
		{ "trunk", "refs/heads/trunk" },
		{ "v1", "refs/tags/v1" },
		{ "refs/tags/trunk", "refs/tags/trunk" },
		{ "HEAD", NULL },
		{ "nope", NULL },
		{ "a..b", NULL },
		{ "refs/heads/nope", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_STR char *ref = NULL;
		struct err e = { 0 };
		int rc = repo_ref_resolve(r, rows[i].name, &ref, &e);

		assert_int_equal(rc, rows[i].ref ? 0 : -1);
		if (rows[i].ref)
			assert_string_equal(ref, rows[i].ref);
		else
			assert_int_equal(e.class, ERR_NOT_FOUND);
	}
}

static void finds_workflow_files(void **state)
{
	struct git_tool *g = *state;
	CLEAN_STR char *work = git_work_tree(g, "files");
	CLEAN_STR char *huge = xmalloc(LIMIT_WORKFLOW_FILE + 2);
	struct err e = { 0 };

	memset(huge, '#', LIMIT_WORKFLOW_FILE + 1);
	huge[LIMIT_WORKFLOW_FILE + 1] = '\0';
	git_write(work, ".shithub/workflows/a.yml", "on: push\n");
	git_write(work, ".shithub/workflows/b.yaml", huge);
	git_write(work, ".shithub/workflows/c.txt", "no");
	git_write(work, ".shithub/workflows/sub/d.yml", "no");
	git_write(work, ".shithub/workflows/e\033.yml", "no");
	CLEAN_STR char *link = path_join(work, ".shithub/workflows/link.yml");
	assert_int_equal(symlink("a.yml", link), 0);
	CLEAN_STR char *id = git_commit_all(g, work, "files");
	CLEAN_REPO struct repo *r = open_git(work);
	CLEANUP(repo_files_release) struct repo_files f = { 0 };

	assert_int_equal(repo_workflows(r, id, &f, &e), 0);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.skipped, 1);
	assert_string_equal(f.v[0].path, ".shithub/workflows/a.yml");
	assert_string_equal(f.v[0].data, "on: push\n");
	assert_string_equal(f.v[1].path, ".shithub/workflows/b.yaml");
	assert_null(f.v[1].data);
	assert_int_equal(f.v[1].len, LIMIT_WORKFLOW_FILE + 1);
}

static void no_workflow_folder_is_fine(void **state)
{
	struct git_tool *g = *state;
	CLEAN_STR char *work = git_work_tree(g, "nofolder");

	git_write(work, ".shithub/workflows", "a file");
	CLEAN_STR char *id = git_commit_all(g, work, "x");
	CLEAN_REPO struct repo *r = open_git(work);
	CLEANUP(repo_files_release) struct repo_files f = { 0 };

	assert_int_equal(repo_workflows(r, id, &f, NULL), 0);
	assert_int_equal(f.n, 0);
}

static size_t changed_since(struct repo *r, const char *before, const char *after,
	const char *against, struct strv *ret)
{
	struct err e = { 0 };
	bool all = true;

	strv_release(ret);
	if (repo_changed(r, before, after, against, ret, &all, &e) < 0)
		fail_msg("%s", e.text);
	assert_false(all);
	return ret->n;
}

static size_t changed(struct repo *r, const char *before, const char *after, struct strv *ret)
{
	return changed_since(r, before, after, "refs/heads/trunk", ret);
}

static void tells_changed_files(void **state)
{
	struct git_tool *g = *state;
	CLEAN_STR char *work = git_work_tree(g, "changed");
	CLEANUP(strv_release) struct strv names = { 0 };

	git_write(work, "a", "1");
	git_write(work, "d/b", "1");
	CLEAN_STR char *one = git_commit_all(g, work, "one");
	git_write(work, "d/b", "2");
	CLEAN_STR char *two = git_commit_all(g, work, "two");
	free(git_run(g, work, "checkout", "-q", "-b", "side", NULL));
	free(git_run(g, work, "rm", "-q", "a", NULL));
	CLEAN_STR char *three = git_commit_all(g, work, "three");
	CLEAN_REPO struct repo *r = open_git(work);

	assert_int_equal(changed(r, one, two, &names), 1);
	assert_string_equal(names.v[0], "d/b");
	/* the default branch itself is new */
	assert_int_equal(changed_since(r, NULL, two, NULL, &names), 2);
	assert_int_equal(changed_since(r, NULL, two, "refs/heads/none", &names), 2);
	/* a new branch: since it left trunk */
	assert_int_equal(changed(r, NULL, three, &names), 1);
	assert_string_equal(names.v[0], "a");
	/* one that is where trunk is or was */
	assert_int_equal(changed(r, NULL, two, &names), 0);
	assert_int_equal(changed(r, NULL, one, &names), 0);
	assert_int_equal(changed(r, two, two, &names), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(branches),
		cmocka_unit_test(create_is_a_bare_repository_of_git),
		cmocka_unit_test(discard_removes_it),
		cmocka_unit_test(reads_commits_and_refs),
		cmocka_unit_test(resolves_short_names),
		cmocka_unit_test(finds_workflow_files),
		cmocka_unit_test(no_workflow_folder_is_fine),
		cmocka_unit_test(tells_changed_files),
	};

	return cmocka_run_group_tests_name("repo", tests, setup, teardown);
}
