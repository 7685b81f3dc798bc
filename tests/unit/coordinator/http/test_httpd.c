/* The HTTP server over real sockets: routes, body caps, held and streamed requests, peers that go.
 */
#include <errno.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/http/http.h"
#include "base/limits.h"
#include "coordinator/http/httpd.h"

#define BIG MIB(50)
#define STREAM_TOTAL MIB(8)
enum { CONNECTIONS = 80, PER_PEER = 20 };

struct fixture {
	struct loop *loop;
	struct httpd *server;
	struct http *client;
	char base[80];
	/* what the handlers saw */
	struct httpd_request *held;
	struct loop_source *timer;
	size_t begun, handled, closed, bytes, left;
	bool closed_flag, held_flag, asleep;
	/* of the turns */
	int peer; /* a client's socket, -1: none */
	size_t commits;
	bool changed, commit_fails, told_early;
};

#define must(call) assert_int_equal(0, (call))
static const struct mono never = MONO_NEVER;

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	struct fixture *f = data;

	f->closed++;
	f->closed_flag = true;
	f->held = NULL;
}

static void echo(struct httpd_request *r, void *app)
{
	struct fixture *f = app;

	f->handled++;
	struct slice b = httpd_body(r);
	httpd_add_header(r, "X-Name", httpd_param(r, "name"));
	httpd_reply(r, 200, "text/plain", b.ptr, b.len);
}

static void hold(struct httpd_request *r, void *app)
{
	struct fixture *f = app;

	f->held = r;
	f->held_flag = true;
	httpd_on_close(r, on_close, f);
	httpd_hold(r);
}

/* Changes something, and answers the request that is held, if there is one. */
static void change(struct httpd_request *r, void *app)
{
	struct fixture *f = app;

	f->changed = true;
	if (f->held)
		httpd_reply(f->held, 200, NULL, NULL, 0);
	httpd_add_header(r, "X-Done", "yes");
	httpd_reply(r, 200, "text/plain", "done", 4);
}

/* What came before is stored here, and what it changes itself will not be. */
static void flush(struct httpd_request *r, void *app)
{
	struct fixture *f = app;

	f->changed = false;
	httpd_turn_flushed(f->server);
	f->commit_fails = true;
	change(r, app);
}

static void refuse(struct httpd_request *r, void *app UNUSED)
{
	httpd_error(r, 401, "no \"entry\"");
}

static void unreachable(struct httpd_request *r, void *app)
{
	struct fixture *f = app;

	f->handled++;
	httpd_reply(r, 200, NULL, NULL, 0);
}

/* Takes at most 1000 bytes at a time and then wants a pause. */
static void on_pause(struct loop_source *s UNUSED, void *data)
{
	struct fixture *f = data;

	f->asleep = false;
	if (f->held)
		httpd_resume(f->held);
}

static ssize_t slow_write(void *data, const char *p UNUSED, size_t n)
{
	struct fixture *f = data;

	if (f->bytes % 7 == 3 && !f->asleep) {
		f->bytes++;
		f->left++; /* one byte was taken */
		f->asleep = true;
		loop_timer_set(f->timer, mono_now());
		return 1;
	}
	if (f->asleep)
		return 0;
	size_t take = n > 60001 ? 60001 : n;
	f->bytes += take;
	return (ssize_t)take;
}

static void sink_begin(struct httpd_request *r, void *app)
{
	struct fixture *f = app;

	f->begun++;
	f->held = r;
	httpd_on_close(r, on_close, f);
	httpd_set_sink(r, slow_write, f);
}

static void sink_done(struct httpd_request *r, void *app)
{
	struct fixture *f = app;
	char text[32];
	int n = snprintf(text, sizeof(text), "%zu", f->bytes);

	httpd_reply(r, 200, "text/plain", text, (size_t)n);
}

static ssize_t slow_read(void *data, char *out, size_t max)
{
	struct fixture *f = data;

	if (!f->left)
		return HTTPD_END;
	if (f->bytes++ % 3 == 1) {
		loop_timer_set(f->timer, mono_now());
		return 0;
	}
	size_t n = f->left < max ? f->left : max;
	memset(out, 'x', n);
	f->left -= n;
	return (ssize_t)n;
}

static void source(struct httpd_request *r, void *app)
{
	struct fixture *f = app;

	f->left = STREAM_TOTAL;
	f->held = r;
	httpd_on_close(r, on_close, f);
	httpd_reply_stream(r, 200, "application/octet-stream", slow_read, f);
}

static ssize_t stuck_read(void *data, char *out UNUSED, size_t max UNUSED)
{
	((struct fixture *)data)->held_flag = true;
	return 0;
}

static void stuck(struct httpd_request *r, void *app)
{
	struct fixture *f = app;

	httpd_on_close(r, on_close, f);
	httpd_reply_stream(r, 200, "text/plain", stuck_read, f);
}

static ssize_t abort_read(void *data, char *out, size_t max UNUSED)
{
	struct fixture *f = data;

	memcpy(out, "half", 4);
	return f->bytes++ ? HTTPD_ABORT : 4;
}

static void aborts(struct httpd_request *r, void *app)
{
	httpd_reply_stream(r, 200, "text/plain", abort_read, app);
}

static void trusted(struct httpd_request *r, void *app UNUSED)
{
	httpd_trust(r);
	httpd_reply(r, 200, NULL, NULL, 0);
}

static void basic(struct httpd_request *r, void *app UNUSED)
{
	char *user = NULL, *password = NULL;

	if (!httpd_basic(r, &user, &password)) {
		httpd_error(r, 401, "basic");
		return;
	}
	CLEAN_STR char *text = xasprintf("%s|%s", user, password);
	httpd_reply(r, 200, NULL, text, strlen(text));
	free(user);
	free(password);
}

static void query(struct httpd_request *r, void *app UNUSED)
{
	const char *a = httpd_query(r, "a"), *b = httpd_query(r, "b c");
	CLEAN_STR char *text = xasprintf("%s|%s", a ? a : "-", b ? b : "-");

	httpd_reply(r, 200, NULL, text, strlen(text));
}

/* Not of the application's thread, so the fixture is not its. */
static void now(struct httpd_request *r, void *app UNUSED)
{
	httpd_reply(r, 200, "text/plain", httpd_query(r, "n"), 1);
}

static void turn_begin(void *app)
{
	((struct fixture *)app)->changed = false;
}

static void turn_call(void *app UNUSED, struct mono arrived)
{
	assert_true(mono_diff(mono_now(), arrived) >= 0);
}

static bool turn_changed(void *app)
{
	return ((struct fixture *)app)->changed;
}

static int turn_commit(void *app, struct err *e)
{
	struct fixture *f = app;
	char c;

	f->commits += f->changed;
	f->told_early |=
		f->changed && f->peer >= 0 && recv(f->peer, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
	return f->changed && f->commit_fails ? err_set(e, ERR_IO, "no room on the disk") : 0;
}

static const struct httpd_turn turn = { turn_begin, turn_call, turn_changed, turn_commit };

static const struct httpd_route routes[] = {
	{ "POST", "/change", HTTPD_BUFFERED, 100, NULL, change },
	{ "POST", "/flush", HTTPD_BUFFERED, 100, NULL, flush },
	{ "POST", "/change-early", HTTPD_BUFFERED, 100, change, unreachable },
	{ "POST", "/echo/{name}", HTTPD_BUFFERED, 1000, NULL, echo },
	{ "POST", "/hold", HTTPD_NO_BODY, 0, NULL, hold },
	{ "POST", "/refuse", HTTPD_BUFFERED, 1000, refuse, unreachable },
	{ "POST", "/sink", HTTPD_STREAMED, 0, sink_begin, sink_done },
	{ "GET", "/source", HTTPD_NO_BODY, 0, NULL, source },
	{ "GET", "/stuck", HTTPD_NO_BODY, 0, NULL, stuck },
	{ "GET", "/now", HTTPD_NO_BODY, 0, NULL, now, .at_once = true },
	{ "GET", "/aborts", HTTPD_NO_BODY, 0, NULL, aborts },
	{ "GET", "/trusted", HTTPD_NO_BODY, 0, NULL, trusted },
	{ "GET", "/basic", HTTPD_NO_BODY, 0, NULL, basic },
	{ "GET", "/query", HTTPD_NO_BODY, 0, NULL, query },
	{ "POST", "/query", HTTPD_BUFFERED, 10, unreachable, unreachable },
};

static int setup(void **state)
{
	static struct fixture f;
	const struct httpd_route *tables[] = { routes };
	const size_t sizes[] = { ARRAY_LEN(routes) };
	struct err e = { 0 };

	f = (struct fixture){ .peer = -1 };
	f.loop = loop_new(&e);
	f.timer = loop_timer(f.loop, MONO_NEVER, on_pause, &f);
	struct httpd_config c = { .listen = "127.0.0.1:0",
		.tables = tables,
		.table_sizes = sizes,
		.n_tables = 1,
		.max_connections = CONNECTIONS,
		.max_per_peer = PER_PEER,
		.headers_us = 50 * USEC_PER_MSEC,
		.app = &f,
		.turn = &turn };
	f.server = httpd_new(f.loop, &c, &e);
	if (!f.server)
		fail_msg("%s", e.text);
	snprintf(f.base, sizeof(f.base), "http://%s", httpd_address(f.server));
	f.client = http_new(f.loop, &(struct http_config){ .user_agent = "test" }, &e);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_free(f->client);
	httpd_free(f->server);
	loop_source_unref(&f->timer);
	loop_free(f->loop);
	return 0;
}

static struct http_exchange *start(
	struct fixture *f, const char *method, const char *path, const char *body, size_t n)
{
	struct err e = { 0 };
	char url[200];

	snprintf(url, sizeof(url), "%s%s", f->base, path);
	struct http_request q = { .method = method,
		.url = url,
		.body = body,
		.body_len = n,
		.max_answer = STREAM_TOTAL,
		.timeout_us = 30 * USEC_PER_SEC };
	struct http_exchange *x = http_start(f->client, &q, NULL, NULL, &e);
	if (!x)
		fail_msg("%s", e.text);
	return x;
}

static long status_of(
	struct fixture *f, const char *method, const char *path, const char *body, size_t n)
{
	CLEAN_EXCHANGE struct http_exchange *x = start(f, method, path, body, n);
	const struct http_result *r = http_wait(x);

	if (r->outcome != HTTP_DONE)
		fail_msg("%s %s: %s", method, path, r->error);
	return r->status;
}

static void test_routes(void **state)
{
	struct fixture *f = *state;

	static const struct {
		const char *method, *path;
		long status;
	} cases[] = {
		{ "POST", "/echo/x", 200 },
		{ "POST", "/echo/", 404 },
		{ "POST", "/echo/x/", 404 },
		{ "POST", "/echo", 404 },
		{ "POST", "/echo/a%2Fb", 200 }, /* escapes are not undone */
		{ "POST", "/echo/%00", 200 },
		{ "GET", "/echo/x", 405 },
		{ "DELETE", "/source", 405 },
		{ "POST", "//echo/x", 404 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		long s = status_of(f, cases[i].method, cases[i].path, "b", 1);

		if (s != cases[i].status)
			fail_msg("%s %s: %ld", cases[i].method, cases[i].path, s);
	}
	CLEAN_EXCHANGE struct http_exchange *x = start(f, "POST", "/echo/a%2Fb", "hello", 5);
	const struct http_result *r = http_wait(x);
	assert_string_equal("a%2Fb", http_header(r, "x-name"));
	assert_string_equal("hello", buf_cstr(&r->body));
}

/* Names and values are decoded once; what cannot be is refused before any handler. */
static void test_query(void **state)
{
	struct fixture *f = *state;

	static const struct {
		const char *query, *answer; /* NULL: 400 */
	} cases[] = {
		{ "", "-|-" },
		{ "?a=plain", "plain|-" },
		{ "?a=feature%2Fx%20y+z&b%20c=%25", "feature/x y z|%" },
		{ "?a=%252F", "%2F|-" },
		{ "?a=%c3%A4&a=second", "\xc3\xa4|-" },
		{ "?a", "-|-" },
		{ "?a=", "|-" },
		{ "?a=%", NULL },
		{ "?a=%2", NULL },
		{ "?a=%2g", NULL },
		{ "?a=x%00y", NULL },
		{ "?a=%ff", NULL },
		{ "?b=1&%zz", NULL },
		{ "?%zz=1&a=2", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *path = xasprintf("/query%s", cases[i].query);
		CLEAN_EXCHANGE struct http_exchange *x = start(f, "GET", path, NULL, 0);
		const struct http_result *r = http_wait(x);

		assert_int_equal(cases[i].answer ? 200 : 400, r->status);
		if (cases[i].answer)
			assert_string_equal(cases[i].answer, buf_cstr(&r->body));
	}
	assert_int_equal(400, status_of(f, "POST", "/query?a=%", "b", 1));
	assert_int_equal(0, f->handled);
	assert_int_equal(404, status_of(f, "GET", "/nowhere?a=%", NULL, 0));
}

/* Bodies up to the cap arrive whole, one byte more is 413, 50 MiB is 413 too and no hang-up. */
static void test_body_caps(void **state)
{
	struct fixture *f = *state;

	static const struct {
		const char *path;
		size_t n;
		long status;
	} cases[] = {
		{ "/echo/x", 0, 200 },
		{ "/echo/x", 1000, 200 },
		{ "/echo/x", 1001, 413 },
		{ "/echo/x", KIB(200), 413 },
		{ "/echo/x", BIG, 413 },
		{ "/hold", BIG, 413 },
		{ "/refuse", 10, 401 },
		{ "/refuse", BIG, 401 },
		{ "/nowhere", BIG, 404 },
	};
	CLEAN_STR char *body = xcalloc(1, BIG + 1);
	memset(body, 'b', BIG);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		long s = status_of(f, "POST", cases[i].path, body, cases[i].n);

		if (s != cases[i].status)
			fail_msg("case %zu: %ld", i, s);
	}
	assert_int_equal(2, f->handled);
}

static void test_hold(void **state)
{
	struct fixture *f = *state;
	CLEAN_EXCHANGE struct http_exchange *x = start(f, "POST", "/hold", "", 0);

	must(loop_wait(f->loop, &f->held_flag, never, NULL));
	assert_false(http_finished(x));
	assert_true(httpd_alive(f->held));
	httpd_reply(f->held, 200, "text/plain", "late", 4);
	const struct http_result *r = http_wait(x);
	assert_int_equal(200, r->status);
	assert_string_equal("late", buf_cstr(&r->body));
	must(loop_wait(f->loop, &f->closed_flag, never, NULL));
	assert_int_equal(1, f->closed);
}

static int raw_connect(struct fixture *f)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET };
	int64_t port;

	assert_true(parse_i64(strrchr(f->base, ':') + 1, 1, 65535, &port));
	a.sin_port = htons((uint16_t)port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

static void raw_send(int fd, const char *text)
{
	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
}

/* A peer that goes while its request is held or its stream sleeps is noticed without a timer. */
static void test_peer_goes(void **state)
{
	struct fixture *f = *state;
	static const char *const requests[] = {
		"POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
		"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		f->held_flag = f->closed_flag = false;
		int fd = raw_connect(f);
		ssize_t n = (ssize_t)strlen(requests[i]);
		assert_int_equal(n, write(fd, requests[i], (size_t)n));
		must(loop_wait(f->loop, &f->held_flag, never, NULL));
		close(fd);
		must(loop_wait(f->loop, &f->closed_flag, never, NULL));
		assert_int_equal(i + 1, f->closed);
	}
}

/* Bytes that nobody has read yet do not hide that the peer has closed: TLS ends with some. */
static void test_a_last_word_hides_no_close(void **state)
{
	struct fixture *f = *state;
	int fd = raw_connect(f);

	raw_send(fd, "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
	must(loop_wait(f->loop, &f->held_flag, never, NULL));
	raw_send(fd, "x");
	assert_true(httpd_alive(f->held));
	close(fd);
	assert_false(httpd_alive(f->held));
	must(loop_wait(f->loop, &f->closed_flag, never, NULL));
}

static void test_streamed_body(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *body = xcalloc(1, STREAM_TOTAL);
	CLEAN_EXCHANGE struct http_exchange *x = start(f, "POST", "/sink", body, STREAM_TOTAL);
	const struct http_result *r = http_wait(x);
	char want[32];

	snprintf(want, sizeof(want), "%zu", STREAM_TOTAL);
	assert_int_equal(200, r->status);
	assert_string_equal(want, buf_cstr(&r->body));
	assert_true(f->left > 0); /* it did sleep */
}

static void test_streamed_answer(void **state)
{
	struct fixture *f = *state;
	CLEAN_EXCHANGE struct http_exchange *x = start(f, "GET", "/source", NULL, 0);
	const struct http_result *r = http_wait(x);

	assert_int_equal(HTTP_DONE, r->outcome);
	assert_int_equal(STREAM_TOTAL, r->body.len);
	CLEAN_EXCHANGE struct http_exchange *y = start(f, "GET", "/aborts", NULL, 0);
	f->bytes = 0;
	assert_int_equal(HTTP_AMBIGUOUS, http_wait(y)->outcome);
}

static void test_authorization(void **state)
{
	struct fixture *f = *state;

	static const struct {
		const char *user, *password, *want;
	} cases[] = { { "x", "secret:with:colons", "x|secret:with:colons" }, { "", "p", "|p" } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char url[200];

		snprintf(url, sizeof(url), "%s/basic", f->base);
		struct http_request q = { .method = "GET",
			.url = url,
			.user = cases[i].user,
			.password = cases[i].password };
		CLEAN_EXCHANGE struct http_exchange *x =
			http_start(f->client, &q, NULL, NULL, NULL);
		assert_string_equal(cases[i].want, buf_cstr(&http_wait(x)->body));
	}
	static const char *const bad[] = { "Authorization: Basic", "Authorization: Basic !!!",
		"Authorization: Basic eA==", "Authorization: Basic eAA6cA==",
		"Authorization: Bearer eDpw" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char url[200];
		CLEANUP(strv_release) struct strv h = { 0 };

		strv_add(&h, bad[i]);
		snprintf(url, sizeof(url), "%s/basic", f->base);
		struct http_request q = { .method = "GET", .url = url, .headers = &h };
		CLEAN_EXCHANGE struct http_exchange *x =
			http_start(f->client, &q, NULL, NULL, NULL);
		assert_int_equal(401, http_wait(x)->status);
	}
}

static void mark(struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	*(bool *)data = true;
}

/* Waits until the server says something or hangs up: what came, 0 for the latter. */
static ssize_t raw_wait(struct fixture *f, int fd, char *out, size_t n)
{
	bool readable = false;
	struct loop_source *s = loop_io(f->loop, fd, EPOLLIN | EPOLLRDHUP, mark, &readable);

	must(loop_wait(f->loop, &readable, never, NULL));
	loop_source_unref(&s);
	ssize_t got = recv(fd, out, n, MSG_DONTWAIT);
	return got < 0 ? 0 : got; /* reset counts as hung up */
}

/* Half a request, then one byte more from time to time: the time is for all of it. */
static void test_half_a_request_is_ended(void **state)
{
	struct fixture *f = *state;
	int fd = raw_connect(f);
	char c;

	raw_send(fd, "GET /trusted HTTP/1.1\r\nHost:");
	must(status_of(f, "GET", "/trusted", NULL, 0) - 200);
	raw_send(fd, "x");
	assert_int_equal(0, raw_wait(f, fd, &c, 1));
	close(fd);
}

/* Whoever only waits makes room, oldest first; whoever was vouched for keeps the connection. */
static void test_those_who_wait_make_room(void **state)
{
	struct fixture *f = *state;
	int known = raw_connect(f), flood[4 * PER_PEER];
	char answer[512];

	raw_send(known, "GET /trusted HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(raw_wait(f, known, answer, sizeof(answer)) > 0);
	for (size_t i = 0; i < ARRAY_LEN(flood); i++) {
		flood[i] = raw_connect(f);
		raw_send(flood[i], "GET / HTTP/1.1\r\n");
		/* a stranger is served all the while */
		assert_int_equal(200, status_of(f, "GET", "/trusted", NULL, 0));
	}
	assert_int_equal(0, raw_wait(f, flood[0], answer, 1));
	raw_send(known, "GET /trusted HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_true(raw_wait(f, known, answer, sizeof(answer)) > 0);
	for (size_t i = 0; i < ARRAY_LEN(flood); i++)
		close(flood[i]);
	close(known);
}

static bool hung_up(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* So does whoever has announced a body and sends none of it, or not all. */
static void test_those_who_hold_back_a_body_make_room(void **state)
{
	struct fixture *f = *state;
	int flood[2 * PER_PEER];
	char answer[512] = "";

	for (size_t i = 0; i < ARRAY_LEN(flood); i++) {
		flood[i] = raw_connect(f);
		raw_send(flood[i], "POST /echo/x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
				   "Expect: 100-continue\r\n\r\n");
		assert_true(raw_wait(f, flood[i], answer, sizeof(answer)) > 0);
		must(memcmp(answer, "HTTP/1.1 100", 12));
		if (i % 2)
			raw_send(flood[i], "a");
	}
	for (size_t i = 0; i < ARRAY_LEN(flood) - PER_PEER; i++)
		assert_true(hung_up(flood[i]));
	size_t last = ARRAY_LEN(flood) - 2; /* has sent nothing yet */
	raw_send(flood[last], "ab");
	assert_true(raw_wait(f, flood[last], answer, sizeof(answer)) > 0);
	must(memcmp(answer, "HTTP/1.1 200", 12));
	for (size_t i = 0; i < ARRAY_LEN(flood); i++)
		close(flood[i]);
}

/* Held requests are no reason to refuse anybody, but to hold no more. */
static void test_crowded(void **state)
{
	struct fixture *f = *state;
	int held[CONNECTIONS];
	size_t n = 0;

	while (!httpd_crowded(f->server)) {
		f->held_flag = false;
		assert_true(n < ARRAY_LEN(held));
		held[n] = raw_connect(f);
		raw_send(held[n++], "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
		must(loop_wait(f->loop, &f->held_flag, never, NULL));
	}
	assert_true(n > CONNECTIONS / 2);
	assert_int_equal(200, status_of(f, "GET", "/trusted", NULL, 0));
	for (size_t i = 0; i < n; i++)
		close(held[i]);
}

/* Nothing of an answer leaves before what it tells of is stored, wherever it was given. */
static void test_answers_wait_for_the_commit(void **state)
{
	struct fixture *f = *state;
	static const char *const requests[] = {
		"POST /change HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
		"POST /change-early HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
		"POST /change-early HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
		"Expect: 100-continue\r\n\r\n",
	};
	char answer[512];

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		f->peer = raw_connect(f);
		raw_send(f->peer, requests[i]);
		ssize_t n = raw_wait(f, f->peer, answer, sizeof(answer) - 1);
		assert_true(n > 0);
		answer[n] = 0;
		assert_non_null(strstr(answer, "HTTP/1.1 200"));
		assert_int_equal(i + 1, f->commits);
		close(f->peer);
	}
	assert_false(f->told_early);
	assert_int_equal(0, f->handled);
}

/* Answered by the connections' thread alone: the application's is in this function. */
static void ask_now(int fd)
{
	char answer[512];

	raw_send(fd, "GET /now?n=7 HTTP/1.1\r\nHost: x\r\n\r\n");
	ssize_t n = recv(fd, answer, sizeof(answer) - 1, 0);
	assert_true(n > 0);
	answer[n] = '\0';
	assert_non_null(strstr(answer, "\r\n\r\n7"));
}

/* What came while the application was busy is one turn, with one commit. */
static void test_a_turn_takes_all_that_waits(void **state)
{
	struct fixture *f = *state;
	int peers[12];
	char answer[512];

	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		peers[i] = raw_connect(f);
		raw_send(peers[i],
			"POST /change HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab");
	}
	/* the second answer is of a later round than those that all of the above were read in */
	int asks = raw_connect(f);
	ask_now(asks);
	ask_now(asks);
	for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
		assert_true(raw_wait(f, peers[i], answer, sizeof(answer)) > 0);
		close(peers[i]);
	}
	assert_int_equal(1, f->commits);
	close(asks);
}

/* What could not be stored did not happen: 503 for all that the turn answered. */
static void test_a_commit_that_fails_answers_503(void **state)
{
	struct fixture *f = *state;
	CLEAN_EXCHANGE struct http_exchange *held = start(f, "POST", "/hold", "", 0);

	must(loop_wait(f->loop, &f->held_flag, never, NULL));
	f->commit_fails = true;
	CLEAN_EXCHANGE struct http_exchange *x = start(f, "POST", "/change", "ab", 2);
	assert_int_equal(503, http_wait(x)->status);
	assert_string_equal("2", http_header(http_wait(x), "retry-after"));
	assert_null(http_header(http_wait(x), "x-done"));
	assert_int_equal(503, http_wait(held)->status);
	must(loop_wait(f->loop, &f->closed_flag, never, NULL));
	f->commit_fails = false;
	assert_int_equal(200, status_of(f, "POST", "/change", "ab", 2));
	assert_int_equal(200, status_of(f, "POST", "/echo/x", "ab", 2));
}

/* What was stored on the way happened, though the rest of the turn did not. */
static void test_a_flush_lets_answers_go(void **state)
{
	struct fixture *f = *state;
	static const char *const paths[] = { "/change", "/flush" };
	int peers[ARRAY_LEN(paths)];
	char first[512], second[512];

	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		CLEAN_STR char *text = xasprintf(
			"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", paths[i]);

		peers[i] = raw_connect(f);
		raw_send(peers[i], text);
		int asks = raw_connect(f); /* so that they come in this order, into one turn */
		ask_now(asks);
		ask_now(asks);
		close(asks);
	}
	assert_true(raw_wait(f, peers[0], first, sizeof(first)) > 0);
	assert_true(raw_wait(f, peers[1], second, sizeof(second)) > 0);
	assert_non_null(strstr(first, " 200 "));
	assert_non_null(strstr(second, " 503 "));
	assert_int_equal(1, f->commits);
	f->commit_fails = false;
	close(peers[0]);
	close(peers[1]);
}

/* Held requests are closed when the server ends; teardown would hang or abort otherwise. */
static void test_stop_while_held(void **state)
{
	struct fixture *f = *state;
	CLEAN_EXCHANGE struct http_exchange *x = start(f, "POST", "/hold", "", 0);

	must(loop_wait(f->loop, &f->held_flag, never, NULL));
	httpd_free(f->server);
	f->server = NULL;
	assert_int_equal(1, f->closed);
	assert_int_equal(HTTP_AMBIGUOUS, http_wait(x)->outcome);
}

static void test_listen_errors(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "", "127.0.0.1", ":80", "127.0.0.1:x",
		"127.0.0.1:70000" };

	for (size_t i = 0; i <= ARRAY_LEN(bad); i++) {
		struct err e = { 0 };
		/* last: the port is taken */
		struct httpd_config c = { .listen = i < ARRAY_LEN(bad) ? bad[i]
								       : httpd_address(f->server) };

		assert_null(httpd_new(f->loop, &c, &e));
		assert_non_null(strstr(e.text, "listen"));
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_routes),
		T(test_query),
		T(test_body_caps),
		T(test_hold),
		T(test_peer_goes),
		T(test_a_last_word_hides_no_close),
		T(test_streamed_body),
		T(test_streamed_answer),
		T(test_authorization),
		T(test_half_a_request_is_ended),
		T(test_those_who_wait_make_room),
		T(test_those_who_hold_back_a_body_make_room),
		T(test_crowded),
		T(test_answers_wait_for_the_commit),
		T(test_a_turn_takes_all_that_waits),
		T(test_a_commit_that_fails_answers_503),
		T(test_a_flush_lets_answers_go),
		T(test_stop_while_held),
		T(test_listen_errors),
	};
	return cmocka_run_group_tests_name("httpd", tests, NULL, NULL);
}
