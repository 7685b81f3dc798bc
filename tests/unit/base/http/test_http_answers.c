/* What becomes of an answer: whole, broken, late, or none; and what the caller learns of it. */
#include "tests/unit/help/http_env.h"

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
			http_env_run(*state, table[i].method, table[i].path);
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
			http_env_run(*state, table[i].method, table[i].path);
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

		struct http_exchange *x CLEAN_EXCHANGE = http_env_start(v, "POST", "", &r);
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

	struct http_exchange *x CLEAN_EXCHANGE = http_env_start(*state, "GET", "/hang", &r);
	struct err e = { 0 };

	assert_int_equal(http_wait(x)->outcome, HTTP_TIMED_OUT);
	assert_int_equal(http_result_error(http_result(x), &e), -1);
	assert_int_equal(e.class, ERR_TIMEOUT);
}

static void stall_ends_a_silent_body(void **state)
{
	struct http_request r = { .stall_us = USEC_PER_SEC, .timeout_us = 60 * USEC_PER_SEC };

	struct http_exchange *x CLEAN_EXCHANGE = http_env_start(*state, "GET", "/stall", &r);

	assert_int_equal(http_wait(x)->outcome, HTTP_TIMED_OUT);
	assert_int_equal(http_result(x)->status, 200);
	assert_in_range(http_result(x)->total_us, USEC_PER_SEC / 2, 15 * USEC_PER_SEC);
}

static void headers_of_the_final_answer(void **state)
{
	struct http_exchange *x CLEAN_EXCHANGE = http_env_run(*state, "GET", "/headers");
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
		struct http_exchange *x CLEAN_EXCHANGE =
			http_env_run(*state, "POST", table[i].path);
		struct err e = { 0 };
		assert_int_equal(http_result_error(http_result(x), &e), -1);
		assert_string_equal(e.text, table[i].text);
		assert_int_equal(e.class, table[i].class);
	}
	struct http_exchange *x CLEAN_EXCHANGE = http_env_run(*state, "POST", "/429");
	assert_int_equal(http_result(x)->retry_after_us, 7 * USEC_PER_SEC);
	struct http_exchange *y CLEAN_EXCHANGE = http_env_run(*state, "POST", "/503");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(plain_answers),
		HTTP_TEST(broken_answers),
		HTTP_TEST(unreachable_means_not_sent),
		HTTP_TEST(deadlines),
		HTTP_TEST(stall_ends_a_silent_body),
		HTTP_TEST(headers_of_the_final_answer),
		HTTP_TEST(retry_after_and_error_lines),
		cmocka_unit_test(retry_after_forms),
	};

	return cmocka_run_group_tests_name("http_answers", tests, NULL, NULL);
}
