/*
 * Requests that git does not make: odd headers, compressed and overlong bodies, clients that go
 * away.
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
#include "coordinator/rights/owner.h"
#include "coordinator/rights/pat.h"
#include "coordinator/store/repo.h"
#include "coordinator/queue/report.h"
#include "coordinator/store/run.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"
#include "sandbox/landlock.h"
#include "tests/unit/help/git_http_help.h"

#define must_find(call) assert_int_equal(0, (call))
#define ZERO "0000000000000000000000000000000000000000"

/* ---- requests that git does not make ---- */

struct plain {
	const char *method, *path, *content_type, *encoding;
	const char *body;
	size_t len;
	const char *password;
};

static long ask(struct git_http *f, const struct plain *p)
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
	struct git_http *f = *state;

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
	struct git_http *f = *state;
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
	struct git_http *f = *state;
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
	git_http_check(git_input_init(&in, true, false, &e), &e);
	git_http_check(git_input_add(&in, packed, n, &e), &e);
	while (rc == 0 && git_input_pending(&in)) {
		rc = git_input_move(&in, fds[0], &e);
		most = in.plain.len > most ? in.plain.len : most;
		IGNORE_RESULT(read(fds[1], sink, MIB(1)), "what was read does not matter");
	}
	assert_int_equal(rc, -1);
	assert_int_equal(e.class, ERR_LIMIT);
	assert_in_range(most, 1, MIB(1));
	git_input_release(&in);
	close(fds[0]);
	close(fds[1]);
}

/* ---- clients that go away ---- */

static int connect_to(struct git_http *f)
{
	const char *colon = strrchr(httpd_address(f->app.httpd), ':');
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int64_t port = 0;

	assert_true(parse_i64(colon + 1, 1, 65535, &port));
	to.sin_port = htons((uint16_t)port);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static size_t sessions(const struct git_http *f)
{
	size_t n = 0;

	for (const struct git_session *s = f->app.git_sessions; s; s = s->next)
		n++;
	return n;
}

/* In steps far shorter than the life of a child. */
static void wait_for_sessions(struct git_http *f, size_t least)
{
	const bool never = false;
	struct err e = { 0 };

	for (int i = 0; i < 20000 && sessions(f) < least; i++)
		IGNORE_RESULT(loop_wait(f->app.loop, &never, mono_add(mono_now(), 500), &e),
			"ends by its deadline");
	assert_true(sessions(f) >= least);
}

/* Sends a request of that body, of which `whole` bytes are promised, and hangs up. */
static void send_and_leave(struct git_http *f, const char *path, const char *service,
	const struct buf *body, size_t whole)
{
	CLEAN_BUF struct buf login = BUF_INIT(4096), head = BUF_INIT(4096);
	CLEAN_STR char *plain = xasprintf("x:%s", f->writer);
	CLEAN_FD int fd = connect_to(f);
	struct err e = { 0 };

	base64_encode(&login, plain, strlen(plain));
	buf_addf(&head,
		"POST %s/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Basic %s\r\n"
		"Content-Type: application/x-%s-request\r\nContent-Length: %zu\r\n\r\n",
		path, service, buf_cstr(&login), service, whole);
	git_http_check(fd_write_all(fd, head.data, head.len, &e), &e);
	git_http_check(fd_write_all(fd, body->data, body->len, &e), &e);
	wait_for_sessions(f, 1);
}

static void wait_for_no_session(struct git_http *f)
{
	const bool never = false;
	struct err e = { 0 };

	for (int i = 0; i < 2000 && f->app.git_sessions; i++)
		IGNORE_RESULT(loop_wait(f->app.loop, &never, mono_add(mono_now(), 10000), &e),
			"ends by its deadline");
	const struct git_session *s = f->app.git_sessions;
	if (s)
		fail_msg("session left: request %d, body %d, answered %d, out ended %d, exited %d",
			s->request != NULL, s->body_done, s->answered, s->out_ended, s->exited);
}

static void a_gone_reader_ends_the_child(void **state)
{
	struct git_http *f = *state;
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
	struct git_http *f = *state;
	CLEAN_BUF struct buf body = BUF_INIT(4096);
	CLEANUP(run_list_release) struct run_list runs = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml",
		"on: {push: {branches: [side]}}\n"
		"jobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n");
	CLEAN_STR char *id = git_commit_all(f->g, f->work, "x");
	git_http_push(f, "open");
	CLEAN_STR char *command = xasprintf(ZERO " %s refs/heads/side", id);
	buf_addf(&body, "%04zx%s0000", strlen(command) + 4, command);
	buf_add(&body, empty_pack, sizeof(empty_pack) - 1);
	send_and_leave(f, "/octo/open", "git-receive-pack", &body, body.len);
	wait_for_no_session(f);
	assert_int_equal(git_http_runs(f, &runs), 1);
	assert_string_equal(runs.v[0].head_ref, "refs/heads/side");
}

/* ---- a right that goes while a push comes in ---- */

/* Everything of a request but its last byte. */
static int push_begin(struct git_http *f, const struct buf *body)
{
	CLEAN_BUF struct buf login = BUF_INIT(4096), head = BUF_INIT(4096);
	CLEAN_STR char *plain = xasprintf("x:%s", f->writer);
	int fd = connect_to(f);
	struct err e = { 0 };

	base64_encode(&login, plain, strlen(plain));
	buf_addf(&head,
		"POST /octo/closed/git-receive-pack HTTP/1.1\r\nHost: x\r\n"
		"Authorization: Basic %s\r\nContent-Length: %zu\r\n"
		"Content-Type: application/x-git-receive-pack-request\r\n\r\n",
		buf_cstr(&login), body->len);
	git_http_check(fd_write_all(fd, head.data, head.len, &e), &e);
	git_http_check(fd_write_all(fd, body->data, body->len - 1, &e), &e);
	wait_for_sessions(f, 1);
	return fd;
}

/* The status of the answer; 0: closed without one. */
static int64_t answer_of(struct git_http *f, int fd)
{
	const bool never = false;
	struct err e = { 0 };
	char text[64] = "";
	ssize_t n = -1;
	int64_t status = 0;

	for (int i = 0; i < 2000 && n < 0; i++) {
		IGNORE_RESULT(loop_wait(f->app.loop, &never, mono_add(mono_now(), 10000), &e),
			"ends by its deadline");
		n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	}
	assert_true(n >= 0);
	if (n > 12 && text[12] == ' ') {
		text[12] = 0;
		assert_true(parse_i64(text + 9, 100, 599, &status));
	}
	return status;
}

static void withdraw_nothing(struct git_http *f UNUSED)
{
}

static void withdraw_membership(struct git_http *f)
{
	CLEANUP(owner_row_release) struct owner_row octo = { 0 }, wanda = { 0 };

	must_find(store_organisation_find(f->app.store, "octo", &octo, NULL));
	must_find(store_user_find(f->app.store, "wanda", &wanda, NULL));
	must_find(store_member_remove(f->app.store, octo.id, wanda.id, NULL));
}

static void withdraw_writing(struct git_http *f)
{
	CLEANUP(owner_row_release) struct owner_row octo = { 0 }, wanda = { 0 };

	must_find(store_organisation_find(f->app.store, "octo", &octo, NULL));
	must_find(store_user_find(f->app.store, "wanda", &wanda, NULL));
	must_find(store_member_set(f->app.store, octo.id, wanda.id, ROLE_READ, NULL));
}

static void withdraw_user(struct git_http *f)
{
	CLEANUP(owner_row_release) struct owner_row wanda = { 0 };

	must_find(store_user_find(f->app.store, "wanda", &wanda, NULL));
	must_find(store_user_set_disabled(f->app.store, wanda.id, wall_now(), NULL));
}

static void restore(struct git_http *f)
{
	CLEANUP(owner_row_release) struct owner_row octo = { 0 }, wanda = { 0 };

	must_find(store_organisation_find(f->app.store, "octo", &octo, NULL));
	must_find(store_user_find(f->app.store, "wanda", &wanda, NULL));
	must_find(store_user_set_disabled(f->app.store, wanda.id, (struct wall){ 0 }, NULL));
	must_find(store_member_set(f->app.store, octo.id, wanda.id, ROLE_WRITE, NULL));
}

/* The body of a push that makes refs/heads/late. */
static void push_body(const char *id, struct buf *body)
{
	static const char empty_pack[] = "PACK\0\0\0\2\0\0\0\0"
					 "\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10"
					 "\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";
	CLEAN_STR char *command = xasprintf(ZERO " %s refs/heads/late", id);

	buf_addf(body, "%04zx%s0000", strlen(command) + 4, command);
	buf_add(body, empty_pack, sizeof(empty_pack) - 1);
}

static bool late_exists(struct git_http *f)
{
	struct repo_row row = { .owner = (char *)"octo", .name = (char *)"closed" };
	CLEAN_STR char *path = repo_path(f->app.data_dir, &row);
	struct err e = { 0 };
	CLEAN_REPO struct repo *repo = repo_open(path, &e);
	char oid[OID_TEXT_MAX];

	if (!repo)
		fail_msg("%s", e.text);
	return repo_ref(repo, "refs/heads/late", oid, NULL) == 0;
}

static void a_right_that_goes_during_a_push(void **state)
{
	static const struct {
		void (*withdraw)(struct git_http *f);
		int64_t status;
	} rows[] = {
		{ withdraw_user, 401 },
		{ withdraw_writing, 403 },
		{ withdraw_membership, 404 },
		{ withdraw_nothing, 200 },
	};
	struct git_http *f = *state;
	CLEANUP(run_list_release) struct run_list runs = { 0 };
	struct err e = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml",
		"on: {push: {branches: [late]}}\n"
		"jobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n");
	CLEAN_STR char *id = git_commit_all(f->g, f->work, "x");
	git_http_push(f, "closed");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_BUF struct buf body = BUF_INIT(4096);
		bool fine = rows[i].status == 200;

		push_body(id, &body);
		CLEAN_FD int fd = push_begin(f, &body);
		rows[i].withdraw(f);
		git_http_check(fd_write_all(fd, body.data + body.len - 1, 1, &e), &e);
		assert_int_equal(rows[i].status, answer_of(f, fd));
		wait_for_no_session(f);
		assert_int_equal(fine, late_exists(f));
		assert_int_equal(fine, git_http_runs(f, &runs));
		run_list_release(&runs);
		restore(f);
	}
}

enum { PLACES = 16 }; /* of strangers */

/* Strangers that never send what they announced keep their own places only. */
static void strangers_starve_nobody(void **state)
{
	static const char head[] = "POST /octo/open/git-upload-pack HTTP/1.1\r\nHost: x\r\n"
				   "Content-Type: application/x-git-upload-pack-request\r\n"
				   "Content-Length: 100\r\n\r\n";
	struct git_http *f = *state;
	struct plain p = { "POST", "/octo/open/git-upload-pack",
		"application/x-git-upload-pack-request", NULL, "0000", 4 };
	int fd[PLACES];
	struct err e = { 0 };

	for (size_t i = 0; i < PLACES; i++) {
		fd[i] = connect_to(f);
		git_http_check(fd_write_all(fd[i], head, sizeof(head) - 1, &e), &e);
		wait_for_sessions(f, i + 1);
	}
	assert_int_equal(ask(f, &p), 503);
	p.password = f->reader;
	assert_int_equal(ask(f, &p), 200);
	free(git_commit_all(f->g, f->work, "x"));
	git_http_push(f, "open");
	for (size_t i = 0; i < PLACES; i++)
		close(fd[i]);
	wait_for_no_session(f);
}

/* ---- what the child may ---- */

/* The exit status of git with these arguments, as serve would start it. */
static int child(
	struct git_http *f, bool write, const char *repo, const char *verb, const char *const *args)
{
	CLEANUP(strv_release) struct strv argv = { 0 };
	struct proc_spec spec = { .path = "/proc/self/exe" };
	struct err e = { 0 };
	int status = -1;

	strv_add(&argv, "test");
	strv_add(&argv, GIT_CHILD_VERB);
	if (write)
		strv_add(&argv, "--write");
	strv_addf(&argv, "--repo=%s", repo);
	strv_add(&argv, "--");
	strv_addf(&argv, "--git-dir=%s", repo);
	strv_add(&argv, verb);
	for (; *args; args++)
		strv_add(&argv, *args);
	spec.argv = argv.v;
	git_http_check(proc_run(f->app.loop, &spec, NULL, 0,
			       mono_add(mono_now(), 20 * USEC_PER_SEC), NULL, NULL, &status, &e),
		&e);
	return status;
}
#define CHILD(f, write, repo, verb, ...) \
	child((f), (write), (repo), (verb), (const char *const[]){ __VA_ARGS__, NULL })

static void the_child_reaches_its_repository_only(void **state)
{
	struct git_http *f = *state;
	CLEAN_STR char *repo = path_join(f->app.data_dir, "repos/octo/open.git");
	CLEAN_STR char *other = path_join(f->app.data_dir, "repos/octo/vault.git/HEAD");
	CLEAN_STR char *key = path_join(f->app.data_dir, "root.key");
	CLEAN_STR char *inside = path_join(repo, "HEAD");

	if (landlock_abi() == 0)
		fail_msg("this kernel has no Landlock");
	git_write(f->app.data_dir, "root.key", "secret");
	assert_int_equal(CHILD(f, false, repo, "hash-object", inside), 0);
	assert_int_not_equal(CHILD(f, false, repo, "hash-object", key), 0);
	assert_int_not_equal(CHILD(f, true, repo, "hash-object", key), 0);
	assert_int_not_equal(CHILD(f, false, repo, "hash-object", other), 0);
	assert_int_not_equal(CHILD(f, false, repo, "config", "a.b", "c"), 0);
	assert_int_equal(CHILD(f, true, repo, "config", "a.b", "c"), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, git_http_setup, git_http_teardown)

int main(int argc, char **argv)
{
	if (argc > 1 && str_eq(argv[1], GIT_CHILD_VERB))
		return git_child_main(argc - 1, argv + 1);

	const struct CMUnitTest tests[] = {
		CASE(odd_requests),
		CASE(compressed_requests),
		CASE(wrong_credentials_on_a_public_repository),
		cmocka_unit_test(inflated_bytes_are_capped),
		CASE(a_gone_reader_ends_the_child),
		CASE(a_gone_pusher_still_triggers),
		CASE(a_right_that_goes_during_a_push),
		CASE(strangers_starve_nobody),
		CASE(the_child_reaches_its_repository_only),
	};

	log_setup(LOG_ERROR, LOG_TEXT, STDERR_FILENO);
	return cmocka_run_group_tests_name("git_requests", tests, NULL, NULL);
}
