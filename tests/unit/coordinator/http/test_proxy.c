/* Requests that a trusted proxy brings: whom they count for. 127.0.0.1 is the proxy, 127.0.0.2 a
 * caller that is none. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/http/http.h"
#include "base/limits.h"
#include "coordinator/http/httpd.h"

enum { PER_PEER = 8, WAITING = 3 * PER_PEER };
#define PROXY "127.0.0.1"
#define STRANGER "127.0.0.2"
#define LARGE MIB(30) /* of the 32 that one caller may have on the way */
#define must(call) assert_int_equal(0, (call))
static const struct mono never = MONO_NEVER;

struct fixture {
	struct loop *loop;
	struct httpd *server;
	struct http *client;
	struct httpd_request *held;
	bool held_flag;
	uint64_t peer; /* of the last request */
	int64_t port;
};

static void who(struct httpd_request *r, void *app)
{
	char text[ADDRESS_TEXT_MAX];

	((struct fixture *)app)->peer = httpd_peer(r);
	httpd_address_of(r, text);
	httpd_reply(r, 200, NULL, text, strlen(text));
}

static void trusts(struct httpd_request *r, void *app)
{
	httpd_trust(r);
	who(r, app);
}

static void keep(struct httpd_request *r, void *app)
{
	struct fixture *f = app;

	f->held = r;
	f->held_flag = true;
	httpd_hold(r);
}

static const struct httpd_route routes[] = {
	{ "GET", "/who", HTTPD_NO_BODY, 0, NULL, who },
	{ "GET", "/trusts", HTTPD_NO_BODY, 0, NULL, trusts },
	{ "POST", "/keep", HTTPD_BUFFERED, MIB(40), NULL, keep },
	{ "POST", "/who", HTTPD_BUFFERED, MIB(40), NULL, who },
};

static int setup(void **state)
{
	static struct fixture f;
	static struct network proxy;
	const struct httpd_route *tables[] = { routes };
	const size_t sizes[] = { ARRAY_LEN(routes) };
	struct err e = { 0 };

	f = (struct fixture){ .loop = loop_new(&e) };
	assert_null(network_parse(PROXY, &proxy));
	f.server = httpd_new(f.loop,
		&(struct httpd_config){ .listen = "0.0.0.0:0",
			.tables = tables,
			.table_sizes = sizes,
			.n_tables = 1,
			.max_connections = 1000,
			.max_per_peer = PER_PEER,
			.trusted = { &proxy, 1 },
			.app = &f },
		&e);
	if (!f.server)
		fail_msg("%s", e.text);
	assert_true(parse_i64(strrchr(httpd_address(f.server), ':') + 1, 1, 65535, &f.port));
	f.client = http_new(f.loop, &(struct http_config){ .user_agent = "test" }, &e);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_free(f->client);
	httpd_free(f->server);
	loop_free(f->loop);
	return 0;
}

/* ---- raw connections ---- */

static int raw_from(const struct fixture *f, const char *address)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET };

	assert_int_equal(1, inet_pton(AF_INET, address, &a.sin_addr));
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	a.sin_port = htons((uint16_t)f->port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

static void mark(struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	*(bool *)data = true;
}

/* What comes next, "" when the server hangs up. */
static void raw_read(const struct fixture *f, int fd, char *out, size_t n)
{
	bool readable = false;
	struct loop_source *s = loop_io(f->loop, fd, EPOLLIN | EPOLLRDHUP, mark, &readable);

	must(loop_wait(f->loop, &readable, never, NULL));
	loop_source_unref(&s);
	ssize_t got = recv(fd, out, n - 1, MSG_DONTWAIT);
	out[got < 0 ? 0 : got] = 0;
}

static void raw_ask(
	const struct fixture *f, int fd, const char *path, const char *headers, char *out, size_t n)
{
	CLEAN_STR char *text = xasprintf("GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, headers);

	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
	raw_read(f, fd, out, n);
}

static void caller_is(
	const struct fixture *f, const char *from, const char *headers, const char *want)
{
	int fd = raw_from(f, from);
	char answer[1024];

	raw_ask(f, fd, "/who", headers, answer, sizeof(answer));
	const char *body = strstr(answer, "\r\n\r\n");
	if (!body || strcmp(body + 4, want) != 0)
		fail_msg("%s from %s: %s", headers, from, answer);
	close(fd);
}

static void test_who_calls(void **state)
{
	const struct fixture *f = *state;

	caller_is(f, PROXY, "", PROXY);
	caller_is(f, PROXY, "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7");
	caller_is(f, PROXY, "x-forwarded-for: 9.9.9.9, 192.0.2.7\r\n", "192.0.2.7");
	/* a proxy may add a header of its own instead: the last one counts */
	caller_is(f, PROXY, "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 192.0.2.7\r\n",
		"192.0.2.7");
	caller_is(f, PROXY, "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For:\r\n", PROXY);
	caller_is(f, STRANGER, "X-Forwarded-For: 192.0.2.7\r\n", STRANGER);
	caller_is(f, STRANGER, "X-Forwarded-For: " PROXY "\r\n", STRANGER);
}

/* A proxy sends requests of many over one connection. */
static void test_each_request_has_its_own_caller(void **state)
{
	struct fixture *f = *state;
	static const char *const callers[] = { "192.0.2.7", "2001:db8::1", "2001:db8::2" };
	uint64_t peers[ARRAY_LEN(callers)];
	int fd = raw_from(f, PROXY);
	char answer[1024];

	for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
		CLEAN_STR char *header = xasprintf("X-Forwarded-For: %s\r\n", callers[i]);

		raw_ask(f, fd, "/who", header, answer, sizeof(answer));
		assert_true(str_ends(answer, callers[i]));
		peers[i] = f->peer;
	}
	assert_true(peers[0] != peers[1] && peers[1] == peers[2]);
	raw_ask(f, fd, "/who", "", answer, sizeof(answer));
	assert_true(str_ends(answer, PROXY));
	close(fd);
}

/* ---- caps ---- */

/* Opens more than one address may have; what the first one is answered then. */
static void first_of_many(const struct fixture *f, const char *from, char *out, size_t n)
{
	int fds[WAITING];
	char answer[1024];

	for (size_t i = 0; i < WAITING; i++) {
		fds[i] = raw_from(f, from);
		if (i) /* the server has seen all before */
			raw_ask(f, fds[i], "/who", "", answer, sizeof(answer));
	}
	raw_ask(f, fds[0], "/who", "", out, n);
	for (size_t i = 0; i < WAITING; i++)
		close(fds[i]);
}

static void test_waiting_costs_a_proxy_no_place(void **state)
{
	const struct fixture *f = *state;
	char answer[1024];

	first_of_many(f, PROXY, answer, sizeof(answer));
	assert_true(str_ends(answer, PROXY));
	first_of_many(f, STRANGER, answer, sizeof(answer));
	assert_string_equal("", answer);
}

static struct http_exchange *post(
	struct fixture *f, const char *path, const char *caller, const char *body, size_t n)
{
	CLEANUP(strv_release) struct strv headers = { 0 };
	CLEAN_STR char *url = xasprintf("http://" PROXY ":%" PRId64 "%s", f->port, path);
	struct err e = { 0 };

	strv_addf(&headers, "X-Forwarded-For: %s", caller);
	struct http_request q = {
		.method = "POST", .url = url, .headers = &headers, .body = body, .body_len = n
	};
	struct http_exchange *x = http_start(f->client, &q, NULL, NULL, &e);
	if (!x)
		fail_msg("%s", e.text);
	return x;
}

static long posted(struct fixture *f, const char *caller, const char *body, size_t n)
{
	CLEAN_EXCHANGE struct http_exchange *x = post(f, "/who", caller, body, n);

	return http_wait(x)->status;
}

static void test_bodies_count_for_their_caller(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *body = xcalloc(1, LARGE);
	CLEAN_EXCHANGE struct http_exchange *large = post(f, "/keep", "192.0.2.7", body, LARGE);

	must(loop_wait(f->loop, &f->held_flag, never, NULL));
	assert_int_equal(503, posted(f, "192.0.2.7", body, MIB(3)));
	assert_int_equal(200, posted(f, "192.0.2.8", body, MIB(3)));
	httpd_reply(f->held, 200, NULL, NULL, 0);
	assert_int_equal(200, http_wait(large)->status);
	assert_int_equal(200, posted(f, "192.0.2.7", body, MIB(3)));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_who_calls),
		T(test_each_request_has_its_own_caller),
		T(test_waiting_costs_a_proxy_no_place),
		T(test_bodies_count_for_their_caller),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
