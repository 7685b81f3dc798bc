/* The whole checkout of ordinary repositories, and how it ends early. */
#include <inttypes.h>
#include <poll.h>

#include "tests/unit/help/checkout_help.h"

/* On its branch, which follows the remote's; else detached. */
static void assert_head(struct run *r, const char *ref)
{
	bool branch = ref && str_starts(ref, "refs/heads/");
	CLEAN_STR char *head = xasprintf("%s\n", branch ? ref : "detached");
	CLEAN_STR char *follows =
		xasprintf("origin/%s\n", branch ? ref + strlen("refs/heads/") : "");

	assert_out(r, "git symbolic-ref -q HEAD || echo detached", head);
	if (branch)
		assert_out(r, "git rev-parse --abbrev-ref @{upstream}", follows);
}

static void test_commits(void **state)
{
	static const struct {
		const char *sha, *ref;
		int64_t depth;
		const char *commits; /* in git log */
		const char *made_ref;
		enum git_server_mode mode;
		unsigned requests;
	} cases[] = {
		{ "tip", "refs/heads/trunk", 1, "1\n", "refs/remotes/origin/trunk", GIT_SERVE, 1 },
		{ "tip", "refs/heads/trunk", 1, "1\n", "refs/remotes/origin/trunk", GIT_SERVE_V0,
			1 },
		{ "first", "refs/heads/trunk", 1, "1\n", "refs/remotes/origin/trunk", GIT_SERVE,
			1 },
		{ "second", "refs/tags/v1", 1, "1\n", "refs/tags/v1", GIT_SERVE, 2 },
		{ "side", "refs/pull/7/merge", 1, "1\n", "refs/remotes/pull/7/merge", GIT_SERVE,
			1 },
		{ "tip", NULL, 2, "2\n", NULL, GIT_SERVE, 1 },
		{ "tip", "refs/heads/trunk", 50, "3\n", "refs/remotes/origin/trunk", GIT_SERVE, 1 },
		{ "first", "refs/heads/trunk", 1, "1\n", "refs/remotes/origin/trunk",
			GIT_REFUSE_IDS, 4 },
		{ "side", "refs/heads/trunk", 0, "3\n", "refs/remotes/origin/side", GIT_SERVE, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run r;
		CLEAN_STR char *sha = sha_of(cases[i].sha), *url = url_of("main");
		struct checkout_request q = { .url = url,
			.token = TOKEN,
			.sha = sha,
			.ref = cases[i].ref,
			.depth = cases[i].depth };

		run_open(&r);
		git_server_mode(checkout_server, cases[i].mode);
		run_checkout(&r, &q);
		assert_ok(&r);
		assert_clean(&r, sha);
		assert_int_equal(git_server_requests(checkout_server), cases[i].requests);
		assert_out(&r, "git log --oneline | wc -l", cases[i].commits);
		assert_head(&r, cases[i].ref);
		if (cases[i].made_ref) {
			CLEAN_STR char *ask = xasprintf("git rev-parse %s", cases[i].made_ref);
			CLEAN_STR char *want = xasprintf("%s\n", sha);

			assert_out(&r, ask, want);
		}
		CLEAN_STR char *fetching = xasprintf("Fetching %s at %s (", url, sha);
		CLEAN_STR char *now = xasprintf("HEAD is now at %s", sha);
		assert_line(&r, fetching);
		assert_line(&r, "Received ");
		assert_line(&r, now);
		assert_true(r.result.objects > 0 && r.result.files > 0 && r.result.pack_bytes > 0);
		run_close(&r);
	}
}

static void test_content(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");
	struct checkout_request q = {
		.url = url, .token = TOKEN, .sha = sha, .ref = "refs/heads/trunk", .depth = 1
	};

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "stat -c '%a %n' run data dir dir/sub .git",
		"755 run\n644 data\n755 dir\n755 dir/sub\n755 .git\n");
	assert_out(&r, "readlink link outside", "run\n/etc/passwd\n");
	assert_out(&r, "tail -1 data; cat 'n\303\244me with blank'", "3\nu\n");
	assert_out(&r, "od -An -c crlf.txt | tr -d ' '", "line\\r\\n\n");
	assert_out(&r, "git rev-parse --is-shallow-repository", "true\n");
	CLEAN_STR char *remote = in_workspace(&r, "git remote get-url origin");
	assert_int_equal(strncmp(remote, url, strlen(url)), 0);
	assert_out(&r, "git config remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*\n");
	assert_int_equal(r.result.files, 8);
	/* the shallow clone can be deepened by an ordinary git with a credential */
	CLEAN_STR char *deepen = xasprintf(
		"git -c http.extraHeader=\"Authorization: Basic $(printf x-access-token:" TOKEN
		" | base64)\" fetch -q --unshallow && git log --oneline | wc -l");
	assert_out(&r, deepen, "3\n");
	run_close(&r);
}

static void test_again_and_path(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("tip"), *old = sha_of("first"), *url = url_of("main");
	struct checkout_request q = {
		.url = url, .token = TOKEN, .sha = sha, .depth = 1, .path = "a/b"
	};

	(void)state;
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "ls -A; git -C a/b status --porcelain; tail -1 a/b/data", "a\n3\n");
	/* again into the same place: what was there is gone */
	free(in_workspace(&r, "echo left >a/b/left; mkdir -p a/b/x/y; chmod 500 a/b/x; "
			      "chown -R --reference=. a/b/left a/b/x"));
	q.sha = old;
	r.done = false;
	r.calls = 0;
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_out(&r, "ls a/b/left a/b/x 2>/dev/null || tail -1 a/b/data", "2000\n");
	/* a link in the path is not followed */
	free(in_workspace(&r, "ln -s /tmp evil"));
	q.path = "evil/x";
	r.done = false;
	r.calls = 0;
	run_checkout(&r, &q);
	assert_false(r.result.ok);
	assert_non_null(strstr(r.result.error.text, "checkout path"));
	run_close(&r);
}

static void test_many_files(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("many"), *url = url_of("many");
	struct checkout_request q = { .url = url, .token = TOKEN, .sha = sha, .depth = 1 };

	(void)state;
	git_server_mode(checkout_server, GIT_SERVE);
	run_open(&r);
	run_checkout(&r, &q);
	assert_ok(&r);
	assert_clean(&r, sha);
	assert_int_equal(r.result.files, 5000);
	CLEAN_STR char *received = xasprintf("Received %" PRIu64 " objects, %.1f KiB",
		r.result.objects, (double)r.result.pack_bytes / KIB(1));
	assert_line(&r, received);
	assert_out(&r, "find . -path ./.git -prune -o -type f -print | wc -l; cat d50/f100",
		"5000\n50 100\n");
	run_close(&r);
}

static void test_timeout(void **state)
{
	struct run r;
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");
	struct checkout_request q = { .url = url,
		.token = TOKEN,
		.sha = sha,
		.depth = 1,
		.timeout_us = 200 * USEC_PER_MSEC };

	(void)state;
	git_server_mode(checkout_server, GIT_HANG);
	run_open(&r);
	run_checkout(&r, &q);
	assert_false(r.result.ok);
	assert_true(r.result.retryable);
	run_close(&r);
}

static bool lines_seen(struct run *r)
{
	return r->lines.n > 0;
}

static void on_line_flag(void *data, const char *line)
{
	struct run *r = data;

	on_line(data, line);
	r->done = lines_seen(r);
}

/* The checkout_server hangs, so the child is alive until we act. */
static struct checkout *start_hanging(
	struct run *r, struct proc *p, int stderr_fd, const char *url, const char *sha)
{
	struct checkout_request q = {
		.url = url, .token = TOKEN, .sha = sha, .depth = 1, .any_address = true
	};
	struct err e = { 0 };

	git_server_mode(checkout_server, GIT_HANG);
	struct checkout *c = checkout_start(
		r->loop, start_child(p, r->workspace, stderr_fd), &q, on_line_flag, on_done, r, &e);
	assert_non_null(c);
	assert_int_equal(
		loop_wait(r->loop, &r->done, mono_add(mono_now(), 60 * USEC_PER_SEC), &e), 0);
	assert_int_equal(r->calls, 0);
	r->done = false;
	return c;
}

/* Both halves of the child hold the writing end as their stderr; it closes with the last of them.
 */
static void assert_nobody_left(int alive[2])
{
	struct pollfd end = { .fd = alive[0], .events = POLLIN };
	char c;

	close(alive[1]);
	assert_int_equal(poll(&end, 1, 30000), 1);
	assert_int_equal(read(alive[0], &c, 1), 0);
	close(alive[0]);
}

static void test_child_dies(void **state)
{
	struct run r;
	struct proc p = PROC_INIT;
	struct err e = { 0 };
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");
	int alive[2];

	(void)state;
	run_open(&r);
	assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
	struct checkout *c = start_hanging(&r, &p, alive[1], url, sha);
	proc_signal(&p, SIGKILL);
	assert_int_equal(
		loop_wait(r.loop, &r.done, mono_add(mono_now(), 60 * USEC_PER_SEC), &e), 0);
	assert_int_equal(r.calls, 1);
	assert_false(r.result.ok);
	assert_non_null(strstr(r.result.error.text, "died without a result"));
	checkout_free(c);
	proc_destroy(&p);
	assert_nobody_left(alive);
	run_close(&r);
}

static void on_child_end(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct run *r = data;

	(void)s, (void)fd, (void)events;
	r->done = true;
}

static void test_job_goes_away(void **state)
{
	struct run r;
	struct proc p = PROC_INIT;
	struct err e = { 0 };
	int status = 0;
	CLEAN_STR char *sha = sha_of("tip"), *url = url_of("main");
	int alive[2];

	(void)state;
	run_open(&r);
	assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
	struct checkout *c = start_hanging(&r, &p, alive[1], url, sha);
	struct loop_source *watch = proc_watch(r.loop, &p, on_child_end, &r);
	checkout_free(c);
	assert_int_equal(
		loop_wait(r.loop, &r.done, mono_add(mono_now(), 60 * USEC_PER_SEC), &e), 0);
	loop_source_unref(&watch);
	assert_int_equal(proc_reap(&p, &status), 1);
	assert_int_equal(r.calls, 0);
	assert_nobody_left(alive);
	run_close(&r);
}

static void test_refused_requests(void **state)
{
	struct run r;
	struct err e = { 0 };
	int pair[2];
	struct checkout_request q = { .url = "file:///etc", .sha = UNKNOWN };

	(void)state;
	run_open(&r);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_null(checkout_start(r.loop, pair[0], &q, on_line, on_done, &r, &e));
	assert_int_equal(e.class, ERR_INPUT);
	char c;
	assert_int_equal(read(pair[1], &c, 1), 0); /* our end was taken over and closed */
	close(pair[1]);
	run_close(&r);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commits),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_again_and_path),
		cmocka_unit_test(test_many_files),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_child_dies),
		cmocka_unit_test(test_job_goes_away),
		cmocka_unit_test(test_refused_requests),
	};

	if (str_eq(argv[0], "checkout"))
		return checkout_role_main(argc, argv);
	return cmocka_run_group_tests_name("checkout", tests, checkout_setup, checkout_teardown);
}
