/* Bodies that go to a callback, and what the callback may do to its exchange. */
#include "tests/unit/help/http_env.h"

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
	char *url CLEAN_STR = http_env_url(v, path);
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
		http_exchange_free(http_env_run(v, "GET", "/ok"));
	assert_int_equal(s.bytes, bytes);
	assert_null(s.x);
	assert_true(s.bytes > 0);
	assert_int_equal(s.done_calls, 0);
}

static void start_inside_the_body_callback(void **state)
{
	struct env *v = *state;

	char *url CLEAN_STR = http_env_url(v, "/ok");
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

	char *url CLEAN_STR = http_env_url(v, "/hang");
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
	http_exchange_free(http_env_run(v, "GET", "/ok"));
	assert_false(done);
	http_exchange_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(streams_until_the_end),
		HTTP_TEST(receiver_aborts),
		HTTP_TEST(free_inside_the_body_callback),
		HTTP_TEST(start_inside_the_body_callback),
		HTTP_TEST(free_and_cancel_outside),
	};

	return cmocka_run_group_tests_name("http_streams", tests, NULL, NULL);
}
