/* The progress stream of a pull: any split gives the same, errors inside it are heard, bounds hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/image.h"

static const char docker[] =
	"{\"status\":\"Pulling from tool\",\"id\":\"1\"}\r\n"
	"{\"status\":\"Pulling fs layer\",\"progressDetail\":{},\"id\":\"83c0aabbccdd\"}\r\n"
	"{\"status\":\"Already exists\",\"progressDetail\":{},\"id\":\"aaaaaaaaaaaa\"}\r\n"
	"{\"status\":\"Downloading\",\"progressDetail\":{\"current\":40,\"total\":100},"
	"\"progress\":\"[=> ]\",\"id\":\"83c0aabbccdd\"}\r\n";
static const char docker_end[] =
	"{\"status\":\"Download complete\",\"progressDetail\":{},\"id\":\"83c0aabbccdd\"}\r\n"
	"{\"status\":\"Extracting\",\"progressDetail\":{\"current\":7,\"total\":9},"
	"\"id\":\"83c0aabbccdd\"}\r\n"
	"{\"status\":\"Pull complete\",\"progressDetail\":{},\"id\":\"83c0aabbccdd\"}\r\n"
	"{\"status\":\"Digest: sha256:00\"}\r\n{\"status\":\"Status: Downloaded newer image\"}";

static void assert_progress(
	const struct pull_stream *s, size_t layers, size_t of, int64_t bytes, int64_t of_bytes)
{
	struct pull_progress p = pull_stream_progress(s);

	assert_int_equal(p.layers, layers);
	assert_int_equal(p.of_layers, of);
	assert_int_equal(p.bytes, bytes);
	assert_int_equal(p.of_bytes, of_bytes);
}

static void feed_in_pieces(struct pull_stream *s, const char *text, size_t step)
{
	struct err e = { 0 };

	for (size_t at = 0, n = strlen(text); at < n; at += step)
		assert_int_equal(
			pull_stream_feed(s, text + at, n - at < step ? n - at : step, &e), 0);
}

static void test_every_split(void **state UNUSED)
{
	for (size_t step = 1; step < sizeof(docker); step += 3) {
		struct pull_stream s;
		struct err e = { 0 };

		pull_stream_init(&s);
		feed_in_pieces(&s, docker, step);
		assert_progress(&s, 1, 2, 40, 100);
		feed_in_pieces(&s, docker_end, step);
		assert_int_equal(pull_stream_end(&s, &e), 0);
		assert_progress(&s, 2, 2, 100, 100);
		assert_string_equal(s.error, "");
		pull_stream_release(&s);
	}
}

static const struct {
	const char *text;
	int rc;
	const char *error;
} odd[] = {
	{ "", 0, "" },
	{ "\n\r\n", 0, "" },
	{ "{\"errorDetail\":{\"message\":\"manifest unknown\"},\"error\":\"other\"}\n", 0,
		"manifest unknown" },
	{ "{\"error\":\"only this\"}", 0, "only this" },
	{ "{\"error\":\"first\"}\n{\"error\":\"second\"}\n", 0, "first" },
	{ "{\"error\":\"\"}\n", 0, "no reason given" },
	{ "{\"errorDetail\":7,\"error\":[]}\n", 0, "" },
	{ "{\"status\":7,\"id\":{},\"progressDetail\":[]}\n", 0, "" },
	{ "{\"status\":\"Downloading\",\"id\":\"83c0aabbccdd\",\"progressDetail\":"
	  "{\"current\":-5,\"total\":-1}}\n",
		0, "" },
	{ "{\"status\":\"Downloading\",\"id\":\"83c0aabbccdd\",\"progressDetail\":"
	  "{\"current\":1,\"total\":9223372036854775807}}\n",
		0, "" },
	{ "[]\n", -1, "" },
	{ "<html>\n", -1, "" },
	{ "{\"status\":", -1, "" },
};

static void test_odd(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct pull_stream s;
		struct err e = { 0 };

		pull_stream_init(&s);
		int rc = pull_stream_feed(&s, odd[i].text, strlen(odd[i].text), &e);
		if (rc == 0)
			rc = pull_stream_end(&s, &e);
		if (rc != odd[i].rc || !str_eq(s.error, odd[i].error))
			fail_msg("%s: %d \"%s\"", odd[i].text, rc, s.error);
		assert_int_equal(pull_stream_progress(&s).of_bytes, 0);
		pull_stream_release(&s);
	}
}

static void test_bounds(void **state UNUSED)
{
	struct pull_stream s;
	struct err e = { 0 };
	CLEAN_STR char *big = xmalloc(PULL_LINE_MAX + 1);

	memset(big, ' ', PULL_LINE_MAX + 1);
	pull_stream_init(&s);
	assert_int_equal(pull_stream_feed(&s, big, PULL_LINE_MAX + 1, &e), -1);
	assert_int_equal(e.class, ERR_LIMIT);
	pull_stream_release(&s);
	pull_stream_init(&s);
	for (int i = 0; i < 2 * PULL_LAYERS_MAX; i++) {
		CLEAN_STR char *line = xasprintf(
			"{\"status\":\"Already exists\",\"id\":\"%012x\"}\n", (unsigned)i);

		assert_int_equal(pull_stream_feed(&s, line, strlen(line), &e), 0);
	}
	assert_progress(&s, PULL_LAYERS_MAX, PULL_LAYERS_MAX, 0, 0);
	pull_stream_release(&s);
}

static const struct {
	const char *words;
	enum err_class class;
} classes[] = {
	{ "Get \"http://127.0.0.1:5000/v2/\": unauthorized: authentication required", ERR_AUTH },
	{ "Head \"http://x/v2/a/manifests/1\": no basic auth credentials", ERR_AUTH },
	{ "pull access denied for a, repository does not exist or may require 'docker login'",
		ERR_AUTH },
	{ "manifest for a:1 not found: manifest unknown: manifest unknown", ERR_NOT_FOUND },
	{ "dial tcp 127.0.0.1:5000: connect: connection refused", ERR_NET },
	{ "dial tcp: lookup nosuch.example: no such host", ERR_NET },
	{ "net/http: TLS handshake timeout", ERR_NET },
	{ "received unexpected HTTP status: 503 Service Unavailable", ERR_NET },
	{ "no space left on device", ERR_ENGINE },
	{ "http: server gave HTTP response to HTTPS client", ERR_ENGINE },
};

static void test_classes(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(classes); i++)
		if (pull_error_class(classes[i].words) != classes[i].class)
			fail_msg("%s", classes[i].words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
