/* What leaves for the server, byte for byte, and which requests may leave twice. */
#include <fcntl.h>

#include "base/fs.h"
#include "tests/unit/help/http_env.h"

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
		http_exchange_free(http_env_run(v, "GET", "/drop-next"));
		int before = http_server_requests(v->tcp);
		struct http_exchange *x CLEAN_EXCHANGE = http_env_run(v, table[i].method, "/ok");
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
	struct http_exchange *x CLEAN_EXCHANGE = http_env_start(*state, "POST", "/echo?q=1", &r);
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

	struct http_exchange *x CLEAN_EXCHANGE = http_env_start(*state, "POST", "/echo", &r);
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
	struct http_exchange *x CLEAN_EXCHANGE = http_env_start(*state, "PUT", "/echo", &r);
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
	http_exchange_free(http_env_run(v, "GET", "/drop-next"));
	struct http_exchange *x CLEAN_EXCHANGE = http_env_start(v, "PUT", "/echo", &r);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(resending),
		HTTP_TEST(request_bytes),
		HTTP_TEST(basic_and_empty_post),
		HTTP_TEST(large_upload),
		HTTP_TEST(upload_from_a_file),
		HTTP_TEST(malformed_requests_are_refused),
	};

	return cmocka_run_group_tests_name("http_requests", tests, NULL, NULL);
}
