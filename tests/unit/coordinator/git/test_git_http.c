/*
 * Real git against the real server on one loop: while a git child runs, its dispatching answers it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <cmocka.h>
#include "base/fs.h"
#include "base/http/http.h"
#include "base/log.h"
#include "coordinator/claim/claim.h"
#include "coordinator/git/child.h"
#include "coordinator/git/git_http.h"
#include "coordinator/git/private.h"
#include "coordinator/repo/repo.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/job.h"
#include "coordinator/rights/access.h"
#include "coordinator/rights/pat.h"
#include "coordinator/store/repo.h"
#include "coordinator/queue/report.h"
#include "coordinator/store/run.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/git_http_help.h"

#define ZERO "0000000000000000000000000000000000000000"

static void push_and_clone(void **state)
{
	struct git_http *f = *state;
	CLEAN_STR char *id = git_commit_all(f->g, f->work, "one");
	CLEAN_STR char *url = git_http_url(f, "open", NULL);
	CLEAN_STR char *copy = path_join(f->g->root, "copy");

	git_http_push(f, "open");
	free(git_run(f->g, f->g->root, "clone", "-q", url, copy, NULL));
	CLEAN_STR char *head = git_run(f->g, copy, "rev-parse", "HEAD", NULL);
	CLEAN_STR char *branch = git_run(f->g, copy, "symbolic-ref", "--short", "HEAD", NULL);
	assert_string_equal(head, id);
	assert_string_equal(branch, "trunk");
}

/* Version 0 and 2, and without the ".git" ending. */
static void protocols(void **state)
{
	static const char *const versions[] = { "protocol.version=0", "protocol.version=1",
		"protocol.version=2" };
	struct git_http *f = *state;
	CLEAN_STR char *id = git_commit_all(f->g, f->work, "one");
	CLEAN_STR char *url = git_http_url(f, "open", NULL);

	git_http_push(f, "open");
	url[strlen(url) - strlen(".git")] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		CLEAN_STR char *seen =
			git_run(f->g, f->work, "-c", versions[i], "ls-remote", url, "trunk", NULL);

		assert_int_equal(strncmp(seen, id, 40), 0);
	}
}

static void push_triggers_before_it_ends(void **state)
{
	struct git_http *f = *state;
	CLEANUP(run_list_release) struct run_list runs = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml",
		"name: A\non: {push: {branches: [trunk]}}\n"
		"jobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n");
	CLEAN_STR char *id = git_commit_all(f->g, f->work, "with a workflow");
	git_http_push(f, "open");
	assert_int_equal(git_http_runs(f, &runs), 1);
	assert_string_equal(runs.v[0].head_sha, id);
	assert_string_equal(runs.v[0].actor, "wanda");
	/* again without a change: nothing moved, nothing runs */
	git_http_push(f, "open");
	assert_int_equal(git_http_runs(f, &runs), 1);
}

static size_t lines_of(const char *text, const char *start)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, start)); at++)
		n++;
	return n;
}

static void who_pushes_hears_what_does_not_start(void **state)
{
	struct git_http *f = *state;
	CLEAN_STR char *url = git_http_url(f, "open", f->writer);
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));

	git_write(f->work, ".shithub/workflows/a.yml",
		"on: {push: {branches: [trunk]}}\n\"b\\e[2J\": 1\n"
		"jobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n");
	free(git_commit_all(f->g, f->work, "broken"));
	assert_int_equal(git_http_try(f, &out, "push", url, "HEAD:refs/heads/trunk"), 0);
	assert_non_null(strstr(buf_cstr(&out), "remote: run 1 failed before it started:"));
	assert_non_null(strstr(buf_cstr(&out), "remote:   .shithub/workflows/a.yml:2:1: "));
	assert_null(strchr(buf_cstr(&out), '\033'));
	assert_non_null(strstr(buf_cstr(&out), "-> trunk"));

	git_write(f->work, ".shithub/workflows/a.yml",
		"on: {push: {branches: [trunk]}}\n"
		"jobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n");
	free(git_commit_all(f->g, f->work, "mended"));
	assert_int_equal(git_http_try(f, &out, "push", url, "HEAD:refs/heads/trunk"), 0);
	assert_null(strstr(buf_cstr(&out), "remote:"));
}

/* However much is wrong, the answer stays short. */
static void what_a_push_hears_is_bounded(void **state)
{
	struct git_http *f = *state;
	CLEAN_STR char *url = git_http_url(f, "open", f->writer);
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));

	for (int i = 0; i < 60; i++) {
		CLEAN_STR char *name = xasprintf(".shithub/workflows/%d.yml", i);

		git_write(f->work, name, "on: nope\n");
	}
	free(git_commit_all(f->g, f->work, "broken"));
	assert_int_equal(git_http_try(f, &out, "push", url, "HEAD:refs/heads/trunk"), 0);
	assert_int_equal(lines_of(buf_cstr(&out), "remote: "), PUSH_NOTES_MAX + 1);
	assert_non_null(strstr(buf_cstr(&out), " lines more: see the runs"));
}

static void large_push_and_clone(void **state)
{
	struct git_http *f = *state;
	CLEAN_STR char *big = xmalloc(MIB(24) + 1);
	CLEAN_STR char *url = git_http_url(f, "open", NULL), *copy = path_join(f->g->root, "copy");
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < MIB(24); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		big[i] = (char)('!' + x % 90);
	}
	big[MIB(24)] = '\0';
	git_write(f->work, "big", big);
	free(git_commit_all(f->g, f->work, "big"));
	git_http_push(f, "open");
	free(git_run(f->g, f->g->root, "clone", "-q", url, copy, NULL));
	CLEAN_STR char *path = path_join(copy, "big");
	CLEAN_BUF struct buf got = BUF_INIT(MIB(32));
	assert_int_equal(file_read(path, &got, NULL), 0);
	assert_int_equal(got.len, MIB(24));
	assert_memory_equal(got.data, big, got.len);
}

/* Many haves make git compress its request body. */
static void gzipped_negotiation(void **state)
{
	struct git_http *f = *state;
	CLEAN_STR char *url = git_http_url(f, "open", NULL);

	for (int i = 0; i < 30; i++)
		free(git_commit_all(f->g, f->work, "c"));
	git_http_push(f, "open");
	CLEAN_STR char *other = git_work_tree(f->g, "other");
	for (int i = 0; i < 30; i++)
		free(git_run(f->g, other, "commit", "-q", "--allow-empty", "-m", "mine", NULL));
	CLEAN_STR char *trace =
		git_run(f->g, other, "-c", "http.postBuffer=100000", "fetch", url, "trunk", NULL);
	CLEAN_STR char *type = git_run(f->g, other, "cat-file", "-t", "FETCH_HEAD", NULL);
	assert_string_equal(type, "commit");
}

static void shallow_fetch_of_an_exact_id(void **state)
{
	struct git_http *f = *state;
	CLEAN_STR char *url = git_http_url(f, "open", NULL);
	CLEAN_STR char *old = git_commit_all(f->g, f->work, "old");

	git_http_push(f, "open");
	/* the branch moves on to a history without it */
	free(git_run(f->g, f->work, "checkout", "-q", "--orphan", "fresh", NULL));
	free(git_commit_all(f->g, f->work, "fresh"));
	CLEAN_STR char *writer = git_http_url(f, "open", f->writer);
	free(git_run(f->g, f->work, "push", "-q", "-f", writer, "HEAD:refs/heads/trunk", NULL));
	CLEAN_STR char *other = git_work_tree(f->g, "other");
	free(git_run(f->g, other, "fetch", "-q", "--depth=1", url, old, NULL));
	CLEAN_STR char *got = git_run(f->g, other, "rev-parse", "FETCH_HEAD", NULL);
	assert_string_equal(got, old);
}

struct attempt {
	const char *verb, *repo, *token;
	const char *said; /* NULL: allowed */
};

static void who_may(void **state)
{
	struct git_http *f = *state;
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	const char *wrong =
		PAT_PREFIX "0000000000000000000000000000000000000000000000000000000000000000";
	char carl[PAT_TEXT_MAX], stella[PAT_TEXT_MAX];
	const unsigned all = SCOPE_REPO_READ | SCOPE_REPO_WRITE;
	CLEANUP(repo_row_release) struct repo_row closed = { 0 };
	struct err e = { 0 };

	git_http_check(store_repo_find(f->app.store, "octo", "closed", &closed, &e), &e);
	git_http_check(store_collaborator_set(f->app.store, closed.id,
			       git_http_user(f, "carl", all, carl), ROLE_READ, &e),
		&e);
	git_http_user(f, "stella", all, stella);
	const struct attempt rows[] = {
		{ "fetch", "open", NULL, NULL },
		{ "fetch", "open", f->reader, NULL },
		{ "fetch", "closed", NULL, "could not read Username" },
		{ "fetch", "closed", wrong, "Authentication failed" },
		{ "fetch", "closed", f->reader, NULL },
		{ "fetch", "closed", f->writer, NULL },
		{ "fetch", "none", NULL, "could not read Username" },
		{ "fetch", "none", f->reader, "not found" },
		{ "push", "open", NULL, "could not read Username" },
		{ "push", "open", f->reader, "403" },
		{ "push", "closed", f->reader, "403" },
		{ "push", "none", f->writer, "not found" },
		{ "push", "closed", f->writer, NULL },
		/* reads one repository */
		{ "fetch", "closed", carl, NULL },
		{ "push", "closed", carl, "403" },
		{ "fetch", "vault", carl, "not found" },
		{ "fetch", "open", carl, NULL },
		{ "push", "open", carl, "403" },
		/* has no role at all */
		{ "fetch", "closed", stella, "not found" },
		{ "push", "closed", stella, "not found" },
		{ "fetch", "open", stella, NULL },
		{ "push", "open", stella, "403" },
	};

	free(git_commit_all(f->g, f->work, "x"));
	git_http_push(f, "open");
	git_http_push(f, "closed");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_STR char *url = git_http_url(f, rows[i].repo, rows[i].token);
		int rc = git_http_try(f, &out, rows[i].verb, url, "HEAD:refs/heads/x");

		if (rows[i].verb[0] == 'f')
			rc = git_http_try(f, &out, "fetch", url, "trunk");
		if ((rc == 0) != (rows[i].said == NULL) ||
			(rows[i].said && !strstr(buf_cstr(&out), rows[i].said)))
			fail_msg("row %zu: exit %d: %s", i, rc, buf_cstr(&out));
	}
}

/* A claimed job of the repository; its checkout token in out. */
static int64_t running_job(struct git_http *f, const char *repo, struct buf *out)
{
	CLEANUP(repo_row_release) struct repo_row row = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEANUP(strv_release) struct strv labels = { 0 };
	struct err e = { 0 };
	struct run_created created;

	strv_add(&labels, "linux");
	git_http_check(store_repo_find(f->app.store, "octo", repo, &row, &e), &e);
	struct run_step_spec step = { .run = "true" };
	struct run_job_spec spec = { .key = "a", .runs_on = &labels, .steps = &step, .n_steps = 1 };
	struct run_spec run = { .repo_id = row.id,
		.workflow_file = "f",
		.event = "push",
		.event_payload = "{}",
		.head_sha = ZERO,
		.head_ref = "refs/heads/trunk",
		.jobs = &spec,
		.n_jobs = 1 };
	git_http_check(store_run_create(f->app.store, &run, wall_now(), &created, &e), &e);
	assert_int_equal(
		store_job_claim(f->app.store, f->runner_id, &labels, wall_now(), &job, &e), 1);
	struct jwt_claims c = { .runner_id = f->runner_id,
		.job_id = job.id,
		.run_id = job.run_id,
		.repo_id = row.id,
		.purpose = PURPOSE_CHECKOUT };
	git_http_check(jwt_mint(&f->app.keys, &c, wall_now(), out, &e), &e);
	return job.id;
}

static void checkout_token_reads_while_its_job_runs(void **state)
{
	struct git_http *f = *state;
	CLEAN_BUF struct buf token = BUF_INIT(4096), out = BUF_INIT(MIB(1));
	struct state_report done = { .state = { STATUS_COMPLETED, CONCLUSION_SUCCESS } };
	struct state job, run;
	struct err e = { 0 };

	free(git_commit_all(f->g, f->work, "x"));
	git_http_push(f, "open");
	git_http_push(f, "closed");
	git_http_push(f, "vault");
	int64_t id = running_job(f, "closed", &token);
	CLEAN_STR char *mine = git_http_url(f, "closed", buf_cstr(&token));
	CLEAN_STR char *other = git_http_url(f, "vault", buf_cstr(&token));
	assert_int_equal(git_http_try(f, &out, "fetch", mine, "trunk"), 0);
	assert_int_not_equal(git_http_try(f, &out, "fetch", other, "trunk"), 0);
	assert_int_not_equal(git_http_try(f, &out, "push", mine, "HEAD:refs/heads/x"), 0);
	assert_non_null(strstr(buf_cstr(&out), "403"));
	git_http_check(store_job_report(f->app.store, id, &done, wall_now(), &job, &run, &e), &e);
	assert_int_not_equal(git_http_try(f, &out, "fetch", mine, "trunk"), 0);
	assert_non_null(strstr(buf_cstr(&out), "Authentication failed"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, git_http_setup, git_http_teardown)

int main(int argc, char **argv)
{
	if (argc > 1 && str_eq(argv[1], GIT_CHILD_VERB))
		return git_child_main(argc - 1, argv + 1);

	const struct CMUnitTest tests[] = {
		CASE(push_and_clone),
		CASE(protocols),
		CASE(push_triggers_before_it_ends),
		CASE(who_pushes_hears_what_does_not_start),
		CASE(what_a_push_hears_is_bounded),
		CASE(large_push_and_clone),
		CASE(gzipped_negotiation),
		CASE(shallow_fetch_of_an_exact_id),
		CASE(who_may),
		CASE(checkout_token_reads_while_its_job_runs),
	};

	log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
	return cmocka_run_group_tests_name("git_http", tests, NULL, NULL);
}
