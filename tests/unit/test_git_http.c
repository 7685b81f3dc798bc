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
#include "base/http.h"
#include "base/log.h"
#include "coordinator/claim.h"
#include "coordinator/git_http.h"
#include "coordinator/git_http_session_private.h"
#include "coordinator/repo.h"
#include "git_tool.h"

#define ZERO "0000000000000000000000000000000000000000"

struct fixture {
	struct git_tool *g;
	struct app app;
	struct http *http;
	char reader[PAT_TEXT_MAX], writer[PAT_TEXT_MAX];
	int64_t runner_id;
	char *work;
};

static void check(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s", e->text);
}

static void add_repo(struct fixture *f, const char *name, bool private)
{
	struct repo_row row = { .owner = (char *)"octo", .name = (char *)name };
	CLEAN_STR char *path = repo_path(f->app.data_dir, &row);
	struct err e = { 0 };
	int64_t id;

	check(store_repo_add(f->app.store, "octo", name, private, "trunk", wall_now(), &id, &e),
		&e);
	check(repo_create(path, "trunk", &e), &e);
}

static void add_pat(struct fixture *f, const char *name, unsigned scopes, char *token)
{
	unsigned char sha[SHA256_LEN];
	struct err e = { 0 };
	int64_t id;

	pat_random(token);
	token_hash(token, sha);
	check(store_pat_add(
		      f->app.store, name, sha, scopes, wall_now(), (struct wall){ 0 }, &id, &e),
		&e);
}

static void add_runner(struct fixture *f)
{
	CLEANUP(strv_release) struct strv labels = { 0 };
	unsigned char sha[SHA256_LEN];
	struct err e = { 0 };

	strv_add(&labels, "linux");
	token_hash("registration", sha);
	check(store_runner_register(f->app.store, "r", &labels, 4, sha, wall_now(),
		      (struct wall){ 0 }, &f->runner_id, &e),
		&e);
}

static void listen_http(struct fixture *f)
{
	static const struct httpd_route *const tables[] = { git_http_routes };
	static const size_t sizes[] = { GIT_HTTP_ROUTES };
	struct httpd_config c = { .listen = "127.0.0.1:0",
		.tables = tables,
		.table_sizes = sizes,
		.n_tables = 1,
		.app = &f->app };
	struct err e = { 0 };

	f->app.httpd = httpd_new(f->app.loop, &c, &e);
	if (!f->app.httpd)
		fail_msg("%s", e.text);
	f->app.public_url = xasprintf("http://%s", httpd_address(f->app.httpd));
	f->http = http_new(f->app.loop, &(struct http_config){ .user_agent = "test" }, &e);
	assert_non_null(f->http);
}

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e = { 0 };

	repo_library_init();
	f->g = git_tool_new();
	f->app.loop = f->g->loop;
	f->app.data_dir = path_join(f->g->root, "data");
	check(dir_ensure(f->app.data_dir, 0700, &e), &e);
	CLEAN_STR char *db = path_join(f->app.data_dir, "db");
	f->app.store = store_open(db, &e);
	if (!f->app.store)
		fail_msg("%s", e.text);
	check(keys_load(&f->app.keys, NULL, f->app.data_dir, &e), &e);
	check(waiters_new(&f->app, &e), &e);
	listen_http(f);
	add_repo(f, "open", false);
	add_repo(f, "closed", true);
	add_repo(f, "vault", true);
	add_pat(f, "rita", SCOPE_REPO_READ, f->reader);
	add_pat(f, "wanda", SCOPE_REPO_READ | SCOPE_REPO_WRITE, f->writer);
	add_runner(f);
	f->work = git_work_tree(f->g, "work");
	git_write(f->work, "README.md", "hello\n");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_free(f->http);
	waiters_free(&f->app);
	httpd_free(f->app.httpd);
	git_http_stop(&f->app);
	store_free(f->app.store);
	free(f->app.data_dir);
	free(f->app.public_url);
	free(f->work);
	git_tool_free(f->g);
	free(f);
	repo_library_shutdown();
	return 0;
}

/* http://x:token@host/octo/name.git; token NULL: none. The caller's. */
static char *url_of(struct fixture *f, const char *name, const char *token)
{
	const char *host = httpd_address(f->app.httpd);

	return xasprintf("http://%s%s%s%s/octo/%s.git", token ? "x:" : "", token ? token : "",
		token ? "@" : "", host, name);
}

static int git(
	struct fixture *f, struct buf *out, const char *verb, const char *url, const char *ref)
{
	buf_clear(out);
	return git_try(f->g, f->work, out, verb, url, ref, NULL);
}

static void push_ok(struct fixture *f, const char *name)
{
	CLEAN_STR char *url = url_of(f, name, f->writer);

	free(git_run(f->g, f->work, "push", "-q", url, "HEAD:refs/heads/trunk", NULL));
}

static size_t count_runs(struct fixture *f, struct run_list *ret)
{
	struct err e = { 0 };

	run_list_release(ret);
	check(store_run_list(f->app.store, 0, 100, ret, &e), &e);
	return ret->n;
}

static void push_and_clone(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *id = git_commit_all(f->g, f->work, "one");
	CLEAN_STR char *url = url_of(f, "open", NULL);
	CLEAN_STR char *copy = path_join(f->g->root, "copy");

	push_ok(f, "open");
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
	struct fixture *f = *state;
	CLEAN_STR char *id = git_commit_all(f->g, f->work, "one");
	CLEAN_STR char *url = url_of(f, "open", NULL);

	push_ok(f, "open");
	url[strlen(url) - strlen(".git")] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		CLEAN_STR char *seen =
			git_run(f->g, f->work, "-c", versions[i], "ls-remote", url, "trunk", NULL);
		assert_int_equal(strncmp(seen, id, 40), 0);
	}
}

static void push_triggers_before_it_ends(void **state)
{
	struct fixture *f = *state;
	CLEANUP(run_list_release) struct run_list runs = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml",
		"name: A\non: {push: {branches: [trunk]}}\n"
		"jobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n");
	CLEAN_STR char *id = git_commit_all(f->g, f->work, "with a workflow");
	push_ok(f, "open");
	assert_int_equal(count_runs(f, &runs), 1);
	assert_string_equal(runs.v[0].head_sha, id);
	assert_string_equal(runs.v[0].actor, "wanda");
	/* again without a change: nothing moved, nothing runs */
	push_ok(f, "open");
	assert_int_equal(count_runs(f, &runs), 1);
}

static void large_push_and_clone(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *big = xmalloc(MIB(24) + 1);
	CLEAN_STR char *url = url_of(f, "open", NULL), *copy = path_join(f->g->root, "copy");
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
	push_ok(f, "open");
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
	struct fixture *f = *state;
	CLEAN_STR char *url = url_of(f, "open", NULL);

	for (int i = 0; i < 30; i++)
		free(git_commit_all(f->g, f->work, "c"));
	push_ok(f, "open");
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
	struct fixture *f = *state;
	CLEAN_STR char *url = url_of(f, "open", NULL);
	CLEAN_STR char *old = git_commit_all(f->g, f->work, "old");

	push_ok(f, "open");
	/* the branch moves on to a history without it */
	free(git_run(f->g, f->work, "checkout", "-q", "--orphan", "fresh", NULL));
	free(git_commit_all(f->g, f->work, "fresh"));
	CLEAN_STR char *writer = url_of(f, "open", f->writer);
	free(git_run(f->g, f->work, "push", "-q", "-f", writer, "HEAD:refs/heads/trunk", NULL));
	CLEAN_STR char *other = git_work_tree(f->g, "other");
	free(git_run(f->g, other, "fetch", "-q", "--depth=1", url, old, NULL));
	CLEAN_STR char *got = git_run(f->g, other, "rev-parse", "FETCH_HEAD", NULL);
	assert_string_equal(got, old);
}

struct access_row {
	const char *verb, *repo, *token;
	const char *said; /* NULL: allowed */
};

static void who_may(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	const char *wrong =
		PAT_PREFIX "0000000000000000000000000000000000000000000000000000000000000000";
	const struct access_row rows[] = {
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
	};

	free(git_commit_all(f->g, f->work, "x"));
	push_ok(f, "open");
	push_ok(f, "closed");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_STR char *url = url_of(f, rows[i].repo, rows[i].token);
		int rc = git(f, &out, rows[i].verb, url, "HEAD:refs/heads/x");
		if (rows[i].verb[0] == 'f')
			rc = git(f, &out, "fetch", url, "trunk");
		if ((rc == 0) != (rows[i].said == NULL) ||
			(rows[i].said && !strstr(buf_cstr(&out), rows[i].said)))
			fail_msg("row %zu: exit %d: %s", i, rc, buf_cstr(&out));
	}
}

/* A claimed job of the repository; its checkout token in out. */
static int64_t running_job(struct fixture *f, const char *repo, struct buf *out)
{
	CLEANUP(repo_row_release) struct repo_row row = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEANUP(strv_release) struct strv labels = { 0 };
	struct err e = { 0 };
	struct run_created created;

	strv_add(&labels, "linux");
	check(store_repo_find(f->app.store, "octo", repo, &row, &e), &e);
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
	check(store_run_create(f->app.store, &run, wall_now(), &created, &e), &e);
	assert_int_equal(
		store_job_claim(f->app.store, f->runner_id, &labels, wall_now(), &job, &e), 1);
	struct claims c = { .runner_id = f->runner_id,
		.job_id = job.id,
		.run_id = job.run_id,
		.repo_id = row.id,
		.purpose = PURPOSE_CHECKOUT };
	check(jwt_mint(&f->app.keys, &c, wall_now(), out, &e), &e);
	return job.id;
}

static void checkout_token_reads_while_its_job_runs(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf token = BUF_INIT(4096), out = BUF_INIT(MIB(1));
	struct report done = { .state = { STATUS_COMPLETED, CONCLUSION_SUCCESS } };
	struct state job, run;
	struct err e = { 0 };

	free(git_commit_all(f->g, f->work, "x"));
	push_ok(f, "open");
	push_ok(f, "closed");
	push_ok(f, "vault");
	int64_t id = running_job(f, "closed", &token);
	CLEAN_STR char *mine = url_of(f, "closed", buf_cstr(&token));
	CLEAN_STR char *other = url_of(f, "vault", buf_cstr(&token));
	assert_int_equal(git(f, &out, "fetch", mine, "trunk"), 0);
	assert_int_not_equal(git(f, &out, "fetch", other, "trunk"), 0);
	assert_int_not_equal(git(f, &out, "push", mine, "HEAD:refs/heads/x"), 0);
	assert_non_null(strstr(buf_cstr(&out), "403"));
	check(store_job_report(f->app.store, id, &done, wall_now(), &job, &run, &e), &e);
	assert_int_not_equal(git(f, &out, "fetch", mine, "trunk"), 0);
	assert_non_null(strstr(buf_cstr(&out), "Authentication failed"));
}

/* ---- requests that git does not make ---- */

struct plain {
	const char *method, *path, *content_type, *encoding;
	const char *body;
	size_t len;
	const char *password;
};

static long ask(struct fixture *f, const struct plain *p)
{
	CLEANUP(strv_release) struct strv headers = { 0 };
	CLEAN_STR char *url = xasprintf("%s%s", f->app.public_url, p->path);
	struct http_request r = { .method = p->method,
		.url = url,
		.headers = &headers,
		.content_type = p->content_type,
		.body = p->body,
		.body_len = p->len,
		.user = p->password ? "x" : NULL,
		.password = p->password,
		.timeout_us = 20 * USEC_PER_SEC };
	struct err e = { 0 };

	if (p->encoding)
		strv_addf(&headers, "Content-Encoding: %s", p->encoding);
	CLEAN_EXCHANGE struct http_exchange *x = http_start(f->http, &r, NULL, NULL, &e);
	if (!x)
		fail_msg("%s", e.text);
	const struct http_result *result = http_wait(x);
	return result->outcome == HTTP_DONE ? result->status : -(long)result->outcome;
}

static void odd_requests(void **state)
{
	static const struct {
		struct plain p;
		long status;
	} rows[] = {
		{ { "GET", "/octo/open.git/info/refs" }, 403 },
		{ { "GET", "/octo/open.git/info/refs?service=git-upload-archive" }, 403 },
		{ { "GET", "/octo/open.git/info/refs?service=git-upload-pack" }, 200 },
		{ { "GET", "/OCTO/Open/info/refs?service=git-upload-pack" }, 200 },
		{ { "GET", "/octo/open.git/HEAD" }, 404 },
		{ { "GET", "/octo/..%2fopen/info/refs?service=git-upload-pack" }, 401 },
		{ { "GET", "/octo/../info/refs?service=git-upload-pack" }, 401 },
		{ { "POST", "/octo/open/git-upload-pack", "text/plain", NULL, "0000", 4 }, 415 },
		{ { "POST", "/octo/open/git-upload-pack", "application/x-git-upload-pack-request",
			  "br", "0000", 4 },
			415 },
		{ { "POST", "/octo/open/git-upload-pack", "application/x-git-upload-pack-request",
			  NULL, "0000", 4 },
			200 },
		{ { "POST", "/octo/open/git-upload-pack", "application/x-git-upload-pack-request",
			  NULL, "zzzz", 4 },
			500 },
		{ { "POST", "/octo/open/git-receive-pack", "application/x-git-receive-pack-request",
			  NULL, "0000", 4 },
			401 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		long status = ask(f, &rows[i].p);
		if (status != rows[i].status)
			fail_msg("%s: %ld, expected %ld", rows[i].p.path, status, rows[i].status);
	}
	assert_null(f->app.git_sessions);
}

static size_t gzip(const char *in, size_t n, unsigned char *out, size_t max)
{
	z_stream z = { .next_in = (unsigned char *)in,
		.avail_in = (unsigned)n,
		.next_out = out,
		.avail_out = (unsigned)max };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return max - z.avail_out;
}

static void compressed_requests(void **state)
{
	struct fixture *f = *state;
	char packed[200];
	struct plain p = { "POST", "/octo/open/git-upload-pack",
		"application/x-git-upload-pack-request", "gzip", packed, 0 };

	p.len = gzip("0000", 4, (unsigned char *)packed, sizeof(packed));
	assert_int_equal(ask(f, &p), 200);
	p.body = "0000";
	p.len = 4;
	assert_int_not_equal(ask(f, &p), 200);
}

/* git offers credentials only when asked; others send them at once, and wrong ones are refused. */
static void wrong_credentials_on_a_public_repository(void **state)
{
	struct fixture *f = *state;
	struct plain p = { "GET", "/octo/open/info/refs?service=git-upload-pack",
		.password = "junk" };

	assert_int_equal(ask(f, &p), 401);
	p.password = PAT_PREFIX "0";
	assert_int_equal(ask(f, &p), 401);
	p.password = f->reader;
	assert_int_equal(ask(f, &p), 200);
	p.path = "/octo/open/info/refs?service=git-receive-pack";
	assert_int_equal(ask(f, &p), 403);
}

/* 200 MiB in 200 KiB: refused at the cap, and never more than a block or two of it is held. */
static void inflated_bytes_are_capped(void **state)
{
	CLEAN_STR char *zeros = xcalloc(1, MIB(200)), *packed = xmalloc(MIB(1)),
		       *sink = xmalloc(MIB(1));
	size_t n = gzip(zeros, MIB(200), (unsigned char *)packed, MIB(1)), most = 0;
	struct git_input in = { 0 };
	struct err e = { 0 };
	int fds[2], rc = 0;
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	check(git_input_init(&in, true, false, &e), &e);
	check(git_input_add(&in, packed, n, &e), &e);
	while (rc == 0 && git_input_pending(&in)) {
		rc = git_input_move(&in, fds[0], &e);
		most = in.plain.len > most ? in.plain.len : most;
		(void)!read(fds[1], sink, MIB(1));
	}
	assert_int_equal(rc, -1);
	assert_int_equal(e.class, ERR_LIMIT);
	assert_in_range(most, 1, MIB(1));
	git_input_release(&in);
	close(fds[0]);
	close(fds[1]);
}

/* ---- clients that go away ---- */

/* Sends a request of that body, of which `whole` bytes are promised, and hangs up. */
static void send_and_leave(struct fixture *f, const char *path, const char *service,
	const struct buf *body, size_t whole)
{
	CLEAN_BUF struct buf login = BUF_INIT(4096), head = BUF_INIT(4096);
	CLEAN_STR char *plain = xasprintf("x:%s", f->writer);
	const char *colon = strrchr(httpd_address(f->app.httpd), ':');
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	CLEAN_FD int fd = socket(AF_INET, SOCK_STREAM, 0);
	int64_t port = 0;
	struct err e = { 0 };
	const bool never = false;

	base64_encode(&login, plain, strlen(plain));
	buf_addf(&head,
		"POST %s/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\n"
		"Content-Type: application/x-%s-request\r\nContent-Length: %zu\r\n\r\n",
		path, service, buf_cstr(&login), service, whole);
	assert_true(parse_i64(colon + 1, 1, 65535, &port));
	to.sin_port = htons((uint16_t)port);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	check(fd_write_all(fd, head.data, head.len, &e), &e);
	check(fd_write_all(fd, body->data, body->len, &e), &e);
	/* until the child runs: in steps far shorter than its life */
	for (int i = 0; i < 20000 && !f->app.git_sessions; i++)
		(void)!loop_wait(f->app.loop, &never, mono_add(mono_now(), 500), &e);
	assert_non_null(f->app.git_sessions);
}

static void wait_for_no_session(struct fixture *f)
{
	const bool never = false;
	struct err e = { 0 };

	for (int i = 0; i < 2000 && f->app.git_sessions; i++)
		(void)!loop_wait(f->app.loop, &never, mono_add(mono_now(), 10000), &e);
	const struct git_session *s = f->app.git_sessions;
	if (s)
		fail_msg("session left: request %d, body %d, answered %d, out ended %d, exited %d",
			s->request != NULL, s->body_done, s->answered, s->out_ended, s->exited);
}

static void a_gone_reader_ends_the_child(void **state)
{
	struct fixture *f = *state;
	CLEAN_BUF struct buf body = BUF_INIT(100);

	buf_adds(&body, "00");
	send_and_leave(f, "/octo/open", "git-upload-pack", &body, 1000);
	wait_for_no_session(f);
}

/* The ref moves although nobody listens any more: its workflow runs all the same. */
static void a_gone_pusher_still_triggers(void **state)
{
	static const char empty_pack[] = "PACK\0\0\0\2\0\0\0\0"
					 "\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10"
					 "\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";
	struct fixture *f = *state;
	CLEAN_BUF struct buf body = BUF_INIT(4096);
	CLEANUP(run_list_release) struct run_list runs = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml",
		"on: {push: {branches: [side]}}\n"
		"jobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n");
	CLEAN_STR char *id = git_commit_all(f->g, f->work, "x");
	push_ok(f, "open");
	CLEAN_STR char *command = xasprintf(ZERO " %s refs/heads/side", id);
	buf_addf(&body, "%04zx%s0000", strlen(command) + 4, command);
	buf_add(&body, empty_pack, sizeof(empty_pack) - 1);
	send_and_leave(f, "/octo/open", "git-receive-pack", &body, body.len);
	wait_for_no_session(f);
	assert_int_equal(count_runs(f, &runs), 1);
	assert_string_equal(runs.v[0].head_ref, "refs/heads/side");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(push_and_clone),
		CASE(protocols),
		CASE(push_triggers_before_it_ends),
		CASE(large_push_and_clone),
		CASE(gzipped_negotiation),
		CASE(shallow_fetch_of_an_exact_id),
		CASE(who_may),
		CASE(checkout_token_reads_while_its_job_runs),
		CASE(odd_requests),
		CASE(compressed_requests),
		CASE(wrong_credentials_on_a_public_repository),
		cmocka_unit_test(inflated_bytes_are_capped),
		CASE(a_gone_reader_ends_the_child),
		CASE(a_gone_pusher_still_triggers),
	};

	log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
	return cmocka_run_group_tests_name("git_http", tests, NULL, NULL);
}
