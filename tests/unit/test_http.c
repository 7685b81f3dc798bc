#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/http_private.h"
#include "http_server.h"

struct env {
	struct loop *loop;
	struct http *http;
	struct http_server *tcp, *local;
	char dir[64], socket[96];
};

static int setup(void **state)
{
	struct env *v = xcalloc(1, sizeof(*v));
	struct http_config config = { .user_agent = "test/1" };
	struct err e = { 0 };

	snprintf(v->dir, sizeof(v->dir), "/tmp/test_http.XXXXXX");
	assert_non_null(mkdtemp(v->dir));
	snprintf(v->socket, sizeof(v->socket), "%s/s", v->dir);
	v->tcp = http_server_start(NULL);
	v->local = http_server_start(v->socket);
	v->loop = loop_new(&e);
	assert_non_null(v->loop);
	v->http = http_new(v->loop, &config, &e);
	assert_non_null(v->http);
	*state = v;
	return 0;
}

static int teardown(void **state)
{
	struct env *v = *state;

	http_free(v->http);
	loop_free(v->loop);
	http_server_stop(v->tcp);
	http_server_stop(v->local);
	rmdir(v->dir);
	free(v);
	return 0;
}

static char *url_of(struct env *v, const char *path)
{
	return xasprintf("http://127.0.0.1:%d%s", http_server_port(v->tcp), path);
}

static struct http_exchange *start(
	struct env *v, const char *method, const char *path, struct http_request *r)
{
	char *url CLEAN_STR = url_of(v, path);
	struct err e = { 0 };

	r->method = method;
	if (!r->url)
		r->url = url;
	struct http_exchange *x = http_start(v->http, r, NULL, NULL, &e);
	assert_string_equal(e.text, "");
	assert_non_null(x);
	if (r->url == url)
		r->url = NULL;
	return x;
}

static struct http_exchange *run(struct env *v, const char *method, const char *path)
{
	struct http_request r = { .timeout_us = 20 * USEC_PER_SEC };

	if (strcmp(method, "POST") == 0) {
		r.body = "{}";
		r.body_len = 2;
	}
	struct http_exchange *x = start(v, method, path, &r);
	http_wait(x);
	return x;
}

static void plain_answers(void **state)
{
	static const struct {
		const char *method, *path;
		long status;
		const char *body;
	} table[] = {
		{ "GET", "/ok", 200, "hello" },
		{ "POST", "/ok", 200, "hello" },
		{ "DELETE", "/ok", 200, "hello" },
		{ "GET", "/chunked", 200, "abcdefg" },
		{ "GET", "/nothing-here", 404, "no such script" },
		{ "GET", "/redirect", 302, "" },
		{ "GET", "/503", 503, "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_exchange *x CLEAN_EXCHANGE =
			run(*state, table[i].method, table[i].path);
		const struct http_result *r = http_result(x);
		assert_true(http_finished(x));
		assert_string_equal(r->error, "");
		assert_int_equal(r->outcome, HTTP_DONE);
		assert_int_equal(r->status, table[i].status);
		assert_string_equal(buf_cstr(&r->body), table[i].body);
		assert_true(r->total_us > 0);
	}
}

static void broken_answers(void **state)
{
	static const struct {
		const char *method, *path;
		enum http_outcome outcome;
		long status;
	} table[] = {
		{ "GET", "/truncated", HTTP_AMBIGUOUS, 200 },
		{ "POST", "/truncated", HTTP_AMBIGUOUS, 200 },
		{ "GET", "/chunked-cut", HTTP_AMBIGUOUS, 200 },
		{ "POST", "/reset", HTTP_AMBIGUOUS, 0 },
		{ "POST", "/close", HTTP_AMBIGUOUS, 0 },
		{ "GET", "/garbage", HTTP_AMBIGUOUS, 0 },
		{ "GET", "/big-body", HTTP_TOO_LARGE, 200 },
		{ "GET", "/big-headers", HTTP_TOO_LARGE, 200 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_exchange *x CLEAN_EXCHANGE =
			run(*state, table[i].method, table[i].path);
		const struct http_result *r = http_result(x);
		assert_int_equal(r->outcome, table[i].outcome);
		assert_int_equal(r->status, table[i].status);
		assert_string_not_equal(r->error, "");
	}
}

static int closed_port(void)
{
	struct http_server *s = http_server_start(NULL);
	int port = http_server_port(s);

	http_server_stop(s);
	return port;
}

static void unreachable_means_not_sent(void **state)
{
	struct env *v = *state;
	char *refused CLEAN_STR = xasprintf("http://127.0.0.1:%d/", closed_port());
	/* a server that speaks no TLS: the handshake fails after bytes went both ways */
	char *tls CLEAN_STR = xasprintf("https://127.0.0.1:%d/garbage", http_server_port(v->tcp));
	char *missing CLEAN_STR = xasprintf("%s/missing", v->dir);
	char *text CLEAN_STR = xasprintf("connect %s: No such file or directory", missing);
	const struct {
		const char *url, *unix_socket, *error;
	} table[] = {
		{ refused, NULL, NULL },
		{ tls, NULL, NULL },
		{ "http://no-such-host.invalid/", NULL, NULL },
		{ "http://engine/", missing, text },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_request r = { .url = table[i].url,
			.unix_socket = table[i].unix_socket,
			.body = "{}",
			.body_len = 2,
			.timeout_us = 2 * USEC_PER_SEC };
		struct http_exchange *x CLEAN_EXCHANGE = start(v, "POST", "", &r);
		struct err e = { 0 };
		const struct http_result *res = http_wait(x);
		assert_int_equal(res->outcome, HTTP_NOT_SENT);
		assert_int_equal(res->status, 0);
		if (table[i].error)
			assert_string_equal(res->error, table[i].error);
		assert_int_equal(http_result_error(res, &e), -1);
		assert_int_equal(e.class, ERR_NET);
	}
}

static void deadlines(void **state)
{
	struct http_request r = { .timeout_us = 50000 };
	struct http_exchange *x CLEAN_EXCHANGE = start(*state, "GET", "/hang", &r);
	struct err e = { 0 };

	assert_int_equal(http_wait(x)->outcome, HTTP_TIMED_OUT);
	assert_int_equal(http_result_error(http_result(x), &e), -1);
	assert_int_equal(e.class, ERR_TIMEOUT);
}

static void stall_ends_a_silent_body(void **state)
{
	struct http_request r = { .stall_us = USEC_PER_SEC, .timeout_us = 60 * USEC_PER_SEC };
	struct http_exchange *x CLEAN_EXCHANGE = start(*state, "GET", "/stall", &r);

	assert_int_equal(http_wait(x)->outcome, HTTP_TIMED_OUT);
	assert_int_equal(http_result(x)->status, 200);
	assert_in_range(http_result(x)->total_us, USEC_PER_SEC / 2, 15 * USEC_PER_SEC);
}

/* The connection that /drop-next leaves behind reads one more request and closes without an answer.
 */
static void resending(void **state)
{
	static const struct {
		const char *method;
		enum http_outcome outcome;
		int requests; /* that reach the server after the first */
	} table[] = {
		{ "GET", HTTP_DONE, 2 },
		{ "DELETE", HTTP_DONE, 2 },
		{ "POST", HTTP_AMBIGUOUS, 1 },
		{ "PATCH", HTTP_AMBIGUOUS, 1 },
	};
	struct env *v = *state;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		http_exchange_free(run(v, "GET", "/drop-next"));
		int before = http_server_requests(v->tcp);
		struct http_exchange *x CLEAN_EXCHANGE = run(v, table[i].method, "/ok");
		assert_int_equal(http_result(x)->outcome, table[i].outcome);
		assert_int_equal(http_server_requests(v->tcp) - before, table[i].requests);
	}
}

static void request_bytes(void **state)
{
	struct strv headers CLEANUP(strv_release) = { 0 };
	struct http_request r = {
		.body = "a\0b", .body_len = 3, .headers = &headers, .bearer = "t0k"
	};

	strv_add(&headers, "Idempotency-Key: 17");
	struct http_exchange *x CLEAN_EXCHANGE = start(*state, "POST", "/echo?q=1", &r);
	const char *text = buf_cstr(&http_wait(x)->body);
	assert_true(str_starts(text, "POST /echo?q=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
	assert_non_null(strstr(text, "\r\nUser-Agent: test/1\r\n"));
	assert_non_null(strstr(text, "\r\nIdempotency-Key: 17\r\n"));
	assert_non_null(strstr(text, "\r\nAuthorization: Bearer t0k\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Length: 3\r\n"));
	assert_null(strstr(text, "Expect"));
	assert_null(strstr(text, "Accept-Encoding"));
}

static void basic_and_empty_post(void **state)
{
	struct http_request r = { .user = "x", .password = "secret:more" };
	struct http_exchange *x CLEAN_EXCHANGE = start(*state, "POST", "/echo", &r);
	const char *text = buf_cstr(&http_wait(x)->body);

	assert_non_null(strstr(text, "\r\nAuthorization: Basic eDpzZWNyZXQ6bW9yZQ==\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Length: 0\r\n"));
	assert_null(strstr(text, "Content-Type"));
}

static void large_upload(void **state)
{
	char *body CLEAN_STR = xmalloc(200000);
	struct http_request r = { .body = body, .body_len = 200000, .body_static = true };

	memset(body, 'u', 200000);
	struct http_exchange *x CLEAN_EXCHANGE = start(*state, "PUT", "/echo", &r);
	assert_int_equal(http_wait(x)->outcome, HTTP_DONE);
	assert_true(http_result(x)->body.len > 200000);
}

/* From a file, also when the connection dies under it and it goes out a second time. */
static void upload_from_a_file(void **state)
{
	struct env *v = *state;
	int fd CLEANUP(close_fdp) = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char *body CLEAN_STR = xmalloc(200000);
	struct http_request r = { .body_fd = &fd, .body_len = 200000, .content_type = "x/y" };
	struct err e = { 0 };

	memset(body, 'u', 200000);
	assert_int_equal(fd_write_all(fd, body, 200000, &e), 0);
	http_exchange_free(run(v, "GET", "/drop-next"));
	struct http_exchange *x CLEAN_EXCHANGE = start(v, "PUT", "/echo", &r);
	const struct http_result *got = http_wait(x);
	assert_int_equal(got->outcome, HTTP_DONE);
	const char *text = buf_cstr(&got->body), *end = strstr(text, "\r\n\r\n");
	assert_non_null(strstr(text, "\r\nContent-Length: 200000\r\n"));
	assert_non_null(strstr(text, "\r\nContent-Type: x/y\r\n"));
	assert_string_equal(end + 4 + 200000, "");
	assert_memory_equal(end + 4, body, 200000);
}

static void malformed_requests_are_refused(void **state)
{
	struct env *v = *state;
	struct strv split CLEANUP(strv_release) = { 0 }, nameless CLEANUP(strv_release) = { 0 };

	strv_add(&split, "X-A: secret\r\nX-B: 2");
	strv_add(&nameless, "no colon");
	const struct {
		struct http_request r;
		const char *text;
	} table[] = {
		{ { .method = "GET", .url = "ftp://h/" },
			"request URL: expected http:// or https://" },
		{ { .method = "GET", .url = "http://u:p@h/" },
			"request URL: credentials are not allowed in it" },
		{ { .method = "GET", .url = "" }, "request URL: " },
		{ { .method = "GET", .url = "http://h/a b" }, "request URL: " },
		{ { .method = "GE T", .url = "http://h/" },
			"request method: expected a word like GET" },
		{ { .method = "GET", .url = "http://h/", .headers = &split },
			"request header \"X-A\": expected \"Name: value\"" },
		{ { .method = "GET", .url = "http://h/", .headers = &nameless },
			"request header \"\": expected \"Name: value\"" },
		{ { .method = "GET", .url = "http://h/", .bearer = "a\nb" },
			"request token: empty, blank or control character" },
		{ { .method = "GET", .url = "http://h/", .user = "a:b" },
			"request user: colon or control character" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct err e = { 0 };
		assert_null(http_start(v->http, &table[i].r, NULL, NULL, &e));
		assert_int_equal(e.class, ERR_INPUT);
		assert_true(str_starts(e.text, table[i].text));
		assert_null(strstr(e.text, "secret"));
	}
}

static void headers_of_the_final_answer(void **state)
{
	struct http_exchange *x CLEAN_EXCHANGE = run(*state, "GET", "/headers");
	const struct http_result *r = http_result(x);

	assert_string_equal(http_header(r, "x-one"), "first");
	assert_string_equal(http_header(r, "x-empty"), "");
	assert_null(http_header(r, "x-early"));
	assert_null(http_header(r, "x-on"));
	assert_int_equal(r->retry_after_us, -1);
}

static void retry_after_and_error_lines(void **state)
{
	static const struct {
		const char *path;
		enum err_class class;
		const char *text;
	} table[] = {
		{ "/401", ERR_AUTH, "HTTP 401: token" },
		{ "/429", ERR_PROTO, "HTTP 429: slow down" },
		{ "/503", ERR_PROTO, "HTTP 503" },
		{ "/missing", ERR_NOT_FOUND, "HTTP 404: no such script" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct http_exchange *x CLEAN_EXCHANGE = run(*state, "POST", table[i].path);
		struct err e = { 0 };
		assert_int_equal(http_result_error(http_result(x), &e), -1);
		assert_string_equal(e.text, table[i].text);
		assert_int_equal(e.class, table[i].class);
	}
	struct http_exchange *x CLEAN_EXCHANGE = run(*state, "POST", "/429");
	assert_int_equal(http_result(x)->retry_after_us, 7 * USEC_PER_SEC);
	struct http_exchange *y CLEAN_EXCHANGE = run(*state, "POST", "/503");
	assert_true(http_result(y)->retry_after_us > 86400 * USEC_PER_SEC);
}

static void retry_after_forms(void **state UNUSED)
{
	const struct wall now = { INT64_C(1700000000) * USEC_PER_SEC }; /* 2023-11-14T22:13:20Z */
	static const struct {
		const char *text;
		int64_t seconds;
	} table[] = {
		{ "0", 0 },
		{ "120", 120 },
		{ "99999999999999999999", 366 * 86400 },
		{ "Tue, 14 Nov 2023 22:14:20 GMT", 60 },
		{ "Tue, 14 Nov 2023 22:00:00 GMT", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		assert_int_equal(
			http_retry_after(table[i].text, now), table[i].seconds * USEC_PER_SEC);
	assert_int_equal(http_retry_after(NULL, now), -1);
	assert_int_equal(http_retry_after("", now), -1);
	assert_int_equal(http_retry_after("-5", now), -1);
	assert_int_equal(http_retry_after("soon", now), -1);
}

struct stream {
	struct http *http;
	struct http_exchange *x, *extra;
	size_t bytes, abort_at;
	long status;
	int headers_calls, done_calls;
	bool cancel, drop, dropped, spawn;
	char *url;
};

static int on_body(void *data, const char *p UNUSED, size_t n)
{
	struct stream *s = data;

	assert_int_equal(s->headers_calls, 1);
	s->bytes += n;
	if (s->cancel)
		http_exchange_cancel(s->x);
	if (s->drop) {
		http_exchange_free(TAKE(s->x));
		s->dropped = true;
	}
	if (s->spawn && !s->extra) {
		struct http_request r = { .method = "GET", .url = s->url };
		s->extra = http_start(s->http, &r, NULL, NULL, NULL);
	}
	return s->abort_at && s->bytes >= s->abort_at ? -1 : 0;
}

static void on_headers(void *data, long status)
{
	struct stream *s = data;

	assert_int_equal(s->bytes, 0);
	s->status = status;
	s->headers_calls++;
}

static void on_done(struct http_exchange *x, void *data)
{
	struct stream *s = data;

	assert_ptr_equal(x, s->x);
	s->done_calls++;
}

static void stream_start(struct env *v, struct stream *s, const char *path)
{
	char *url CLEAN_STR = url_of(v, path);
	struct http_request r = { .method = "POST",
		.url = url,
		.on_body = on_body,
		.on_headers = on_headers,
		.data = s };
	struct err e = { 0 };

	s->http = v->http;
	s->x = http_start(v->http, &r, on_done, s, &e);
	assert_non_null(s->x);
}

static void streams_until_the_end(void **state)
{
	static const struct {
		const char *path;
		size_t bytes, collected;
		long status;
	} table[] = {
		{ "/stream", 10000, 0, 200 },
		{ "/chunked", 7, 0, 200 },
		{ "/big-body", 3 << 20, 0, 200 },
		{ "/upgrade", 9, 0, 101 },
		{ "/429", 0, 16, 429 },
		{ "/big-error", 0, 64 << 10, 500 },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct stream s = { 0 };
		stream_start(*state, &s, table[i].path);
		struct http_exchange *x CLEAN_EXCHANGE = s.x;
		assert_int_equal(http_wait(x)->outcome, HTTP_DONE);
		assert_int_equal(s.bytes, table[i].bytes);
		assert_int_equal(s.status, table[i].status);
		assert_int_equal(http_result(x)->status, table[i].status);
		assert_int_equal(http_result(x)->body.len, table[i].collected);
		assert_int_equal(s.headers_calls, 1);
		assert_int_equal(s.done_calls, 1);
	}
}

static void receiver_aborts(void **state)
{
	struct stream s = { .abort_at = 1 }, c = { .cancel = true };

	stream_start(*state, &s, "/stream");
	struct http_exchange *x CLEAN_EXCHANGE = s.x;
	assert_int_equal(http_wait(x)->outcome, HTTP_ABORTED);
	assert_int_equal(s.done_calls, 1);
	stream_start(*state, &c, "/stream");
	struct http_exchange *y CLEAN_EXCHANGE = c.x;
	assert_int_equal(http_wait(y)->outcome, HTTP_ABORTED);
	assert_int_equal(c.done_calls, 1);
}

static void free_inside_the_body_callback(void **state)
{
	struct env *v = *state;
	struct stream s = { .drop = true };
	struct err e = { 0 };

	stream_start(v, &s, "/stream");
	assert_int_equal(
		loop_wait(v->loop, &s.dropped, mono_add(mono_now(), 5 * USEC_PER_SEC), &e), 0);
	/* other traffic drives the loop while the rest of the stream could arrive */
	size_t bytes = s.bytes;
	for (int i = 0; i < 20; i++)
		http_exchange_free(run(v, "GET", "/ok"));
	assert_int_equal(s.bytes, bytes);
	assert_null(s.x);
	assert_true(s.bytes > 0);
	assert_int_equal(s.done_calls, 0);
}

static void start_inside_the_body_callback(void **state)
{
	struct env *v = *state;
	char *url CLEAN_STR = url_of(v, "/ok");
	struct stream s = { .spawn = true, .url = url };

	stream_start(v, &s, "/stream");
	struct http_exchange *x CLEAN_EXCHANGE = s.x;
	assert_int_equal(http_wait(x)->outcome, HTTP_DONE);
	struct http_exchange *extra CLEAN_EXCHANGE = s.extra;
	assert_non_null(extra);
	assert_string_equal(buf_cstr(&http_wait(extra)->body), "hello");
}

static void on_done_free(struct http_exchange *x, void *data)
{
	bool *done = data;

	http_exchange_free(x);
	*done = true;
}

static void free_and_cancel_outside(void **state)
{
	struct env *v = *state;
	char *url CLEAN_STR = url_of(v, "/hang");
	struct http_request r = { .method = "GET", .url = url };
	struct err e = { 0 };
	bool done = false;

	struct http_exchange *x = http_start(v->http, &r, on_done_free, &done, &e);
	assert_non_null(x);
	http_exchange_cancel(x);
	http_exchange_cancel(x);
	assert_false(done);
	assert_int_equal(loop_wait(v->loop, &done, mono_add(mono_now(), 5 * USEC_PER_SEC), &e), 0);
	done = false;
	http_exchange_free(http_start(v->http, &r, on_done_free, &done, &e));
	http_exchange_free(run(v, "GET", "/ok"));
	assert_false(done);
	http_exchange_free(NULL);
}

static size_t open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Over one connection; the descriptors of the process stay what they were after the first. */
static void ten_thousand_in_a_row(void **state)
{
	enum { COUNT = 10000 };
	struct env *v = *state;
	int64_t *took = xcalloc(COUNT, sizeof(*took));
	struct http_request r = {
		.method = "GET", .url = "http://engine/ok", .unix_socket = v->socket
	};
	size_t before = 0;
	int connections = 0;

	for (int i = 0; i < COUNT; i++) {
		struct mono begin = mono_now();
		struct http_exchange *x CLEAN_EXCHANGE = http_start(v->http, &r, NULL, NULL, NULL);
		assert_int_equal(http_wait(x)->status, 200);
		took[i] = mono_diff(mono_now(), begin);
		if (i == 0) {
			before = open_descriptors();
			connections = http_server_connections(v->local);
		}
	}
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(http_server_connections(v->local), connections);
	qsort(took, COUNT, sizeof(*took), by_size);
	print_message("keep-alive round trip over a unix socket: median %lld us, p99 %lld us\n",
		(long long)took[COUNT / 2], (long long)took[COUNT * 99 / 100]);
	free(took);
}

static void new_connection_each_time(void **state)
{
	struct env *v = *state;
	size_t before = 0;

	for (int i = 0; i < 300; i++) {
		struct http_exchange *x CLEAN_EXCHANGE = run(v, "POST", "/truncated");
		assert_int_equal(http_result(x)->outcome, HTTP_AMBIGUOUS);
		if (i == 10)
			before = open_descriptors();
	}
	/* the server's side closes on its own thread */
	assert_in_range(open_descriptors(), before - 3, before + 3);
}

static void many_at_once(void **state)
{
	enum { COUNT = 32 };
	struct env *v = *state;
	struct http_exchange *x[COUNT];
	static const char *const paths[] = { "/ok", "/chunked", "/big-error", "/stream" };

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < COUNT; i++) {
			struct http_request r = { .unix_socket = i % 2 ? v->socket : NULL };
			x[i] = start(v, "GET", paths[i % 4], &r);
		}
		for (size_t i = 0; i < COUNT; i++) {
			assert_int_equal(http_wait(x[i])->outcome, HTTP_DONE);
			http_exchange_free(x[i]);
		}
	}
}

static void client_ends_with_requests_in_flight(void **state)
{
	struct env *v = *state;
	struct http_config config = { .user_agent = "test/2" };
	struct http *h = http_new(v->loop, &config, NULL);
	char *url CLEAN_STR = url_of(v, "/hang");
	struct http_request r = { .method = "GET", .url = url };

	assert_non_null(h);
	struct http_exchange *x = http_start(h, &r, NULL, NULL, NULL);
	http_free(h);
	assert_int_equal(http_wait(x)->outcome, HTTP_ABORTED);
	http_exchange_free(x);
}

/* A lookup runs in a thread with a socket pair of its own that comes and goes. Whether it fails or
 * is too slow, nothing was sent; cancelling one must not wait for the resolver. */
static void lookups_end_and_are_cancelled(void **state)
{
	struct env *v = *state;

	for (int i = 0; i < 10; i++) {
		struct http_request r = { .url = "http://no-such-host.invalid/",
			.timeout_us = 200000 };
		struct http_exchange *x CLEAN_EXCHANGE = start(v, "GET", "", &r);
		if (i % 2)
			http_exchange_cancel(x);
		assert_int_equal(http_wait(x)->outcome, i % 2 ? HTTP_ABORTED : HTTP_NOT_SENT);
		http_exchange_free(run(v, "GET", "/ok"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_answers),
		cmocka_unit_test(broken_answers),
		cmocka_unit_test(unreachable_means_not_sent),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(stall_ends_a_silent_body),
		cmocka_unit_test(resending),
		cmocka_unit_test(request_bytes),
		cmocka_unit_test(basic_and_empty_post),
		cmocka_unit_test(large_upload),
		cmocka_unit_test(upload_from_a_file),
		cmocka_unit_test(malformed_requests_are_refused),
		cmocka_unit_test(headers_of_the_final_answer),
		cmocka_unit_test(retry_after_and_error_lines),
		cmocka_unit_test(retry_after_forms),
		cmocka_unit_test(streams_until_the_end),
		cmocka_unit_test(receiver_aborts),
		cmocka_unit_test(free_inside_the_body_callback),
		cmocka_unit_test(start_inside_the_body_callback),
		cmocka_unit_test(free_and_cancel_outside),
		cmocka_unit_test(ten_thousand_in_a_row),
		cmocka_unit_test(new_connection_each_time),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(client_ends_with_requests_in_flight),
		cmocka_unit_test(lookups_end_and_are_cancelled),
	};
	return cmocka_run_group_tests_name("http", tests, setup, teardown);
}
