/* Many exchanges: in a row, at once, cancelled; no descriptor is left over. */
#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/help/http_env.h"
#include "tests/unit/help/descriptors.h"

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
	int before = 0;
	int connections = 0;

	for (int i = 0; i < COUNT; i++) {
		struct mono begin = mono_now();

		struct http_exchange *x CLEAN_EXCHANGE = http_start(v->http, &r, NULL, NULL, NULL);
		assert_int_equal(http_wait(x)->status, 200);
		took[i] = mono_diff(mono_now(), begin);
		if (i == 0) {
			before = descriptors_open();
			connections = http_server_connections(v->local);
		}
	}
	assert_int_equal(descriptors_open(), before);
	assert_int_equal(http_server_connections(v->local), connections);
	qsort(took, COUNT, sizeof(*took), by_size);
	print_message("keep-alive round trip over a unix socket: median %" PRId64
		      " us, p99 %" PRId64 " us\n",
		took[COUNT / 2], took[COUNT * 99 / 100]);
	free(took);
}

static void new_connection_each_time(void **state)
{
	struct env *v = *state;
	int before = 0;

	for (int i = 0; i < 300; i++) {
		struct http_exchange *x CLEAN_EXCHANGE = http_env_run(v, "POST", "/truncated");
		assert_int_equal(http_result(x)->outcome, HTTP_AMBIGUOUS);
		if (i == 10) {
			http_server_await_open(v->tcp, 0);
			before = descriptors_open();
		}
	}
	/* the server's side closes on its own thread */
	http_server_await_open(v->tcp, 0);
	assert_int_equal(descriptors_open(), before);
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

			x[i] = http_env_start(v, "GET", paths[i % 4], &r);
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

	char *url CLEAN_STR = http_env_url(v, "/hang");
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

		struct http_exchange *x CLEAN_EXCHANGE = http_env_start(v, "GET", "", &r);
		if (i % 2)
			http_exchange_cancel(x);
		assert_int_equal(http_wait(x)->outcome, i % 2 ? HTTP_ABORTED : HTTP_NOT_SENT);
		http_exchange_free(http_env_run(v, "GET", "/ok"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(ten_thousand_in_a_row),
		HTTP_TEST(new_connection_each_time),
		HTTP_TEST(many_at_once),
		HTTP_TEST(client_ends_with_requests_in_flight),
		HTTP_TEST(lookups_end_and_are_cancelled),
	};

	return cmocka_run_group_tests_name("http_volume", tests, NULL, NULL);
}
