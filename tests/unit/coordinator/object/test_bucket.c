/* Where a bucket is and with which keys, as people write it. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/object/bucket.h"
#include "coordinator/object/credentials.h"

static const struct {
	const char *text, *origin, *root, *base, *region;
	bool presign;
} good[] = {
	{ "s3://logs", "https://s3.us-east-1.amazonaws.com", "/logs/", "/logs", "us-east-1", true },
	{ "s3://logs/ci/a?region=eu-west-1", "https://s3.eu-west-1.amazonaws.com", "/logs/ci/a/",
		"/logs", "eu-west-1", true },
	{ "s3://logs/ci/?endpoint=http://127.0.0.1:9000/&presign=off", "http://127.0.0.1:9000",
		"/logs/ci/", "/logs", "us-east-1", false },
	{ "s3://logs/ci?style=host&endpoint=https://s3.example:444&region=r-1",
		"https://logs.s3.example:444", "/ci/", "/", "r-1", true },
	{ "s3://logs?endpoint=https://S3.Example:443/", "https://s3.example", "/logs/", "/logs",
		"us-east-1", true },
	{ "s3://logs?endpoint=http://s3.example:80&style=host", "http://logs.s3.example", "/", "/",
		"us-east-1", true },
	{ "s3://logs?endpoint=http://s3.example:443", "http://s3.example:443", "/logs/", "/logs",
		"us-east-1", true },
	{ "s3://logs?endpoint=https://[::1]:443", "https://[::1]", "/logs/", "/logs", "us-east-1",
		true },
	{ "s3://logs?style=path&endpoint=https://[::1]:9", "https://[::1]:9", "/logs/", "/logs",
		"us-east-1", true },
};

static void test_places(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct bucket b = { 0 };
		struct err e = { 0 };

		if (bucket_parse(good[i].text, &b, &e) < 0)
			fail_msg("%s: %s", good[i].text, e.text);
		assert_string_equal(good[i].origin, b.origin);
		assert_string_equal(good[i].root, b.root);
		assert_string_equal(good[i].base, b.base);
		assert_string_equal(good[i].region, b.region);
		assert_int_equal(good[i].presign, b.presign);
		bucket_release(&b);
	}
}

static const struct {
	const char *text, *words;
} bad[] = {
	{ "", "expected s3://" },
	{ "s3:/x", "expected s3://" },
	{ "s3://", "bucket \"\"" },
	{ "s3://ab", "bucket \"ab\"" },
	{ "s3://Upper", "bucket \"Upper\"" },
	{ "s3://-abc", "bucket" },
	{ "s3://abc/a//b", "prefix" },
	{ "s3://abc/../x", "prefix" },
	{ "s3://abc/a b", "prefix" },
	{ "s3://abc?endpoint=x", "endpoint \"x\"" },
	{ "s3://abc?endpoint=ftp://x", "endpoint" },
	{ "s3://abc?endpoint=http://a/b", "endpoint" },
	{ "s3://abc?endpoint=http://u@a", "endpoint" },
	{ "s3://abc?endpoint=", "endpoint" },
	{ "s3://abc?region=a/b", "region" },
	{ "s3://abc?region=", "region" },
	{ "s3://abc?style=odd", "style" },
	{ "s3://abc?presign=maybe", "presign" },
	{ "s3://abc?secret=x", "\"secret=x\" in it" },
	{ "s3://abc?region", "\"region\" in it" },
	{ "s3://abc?region=a&region=b", "twice" },
};

static void test_bad_places(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct bucket b = { 0 };
		struct err e = { 0 };

		if (bucket_parse(bad[i].text, &b, &e) == 0 || !strstr(e.text, bad[i].words))
			fail_msg("%s: %s", bad[i].text, e.text);
		assert_null(b.bucket);
	}
}

static void test_keys(void **state UNUSED)
{
	static const char text[] = "# of the bucket\n[default]\r\naws_access_key_id = AKID:1 \r\n"
				   "aws_secret_access_key=a/b+c=\n\n[other]\naws_access_key_id=no\n"
				   "aws_session_token = tok==";
	CLEANUP(sign_keys_release) struct sign_keys k = { 0 };
	struct err e = { 0 };

	must_err(credentials_parse(text, strlen(text), &k, &e));
	assert_string_equal("AKID:1", k.id);
	assert_string_equal("a/b+c=", k.secret);
	assert_string_equal("tok==", k.token);
}

static const struct {
	const char *text, *words;
	size_t n;
} bad_keys[] = {
	{ "", "access key ID is missing", 0 },
	{ "aws_access_key_id = a\n", "secret access key is missing", 0 },
	{ "aws_secret_access_key = a\n", "access key ID is missing", 0 },
	{ "aws_access_key_id = a b\naws_secret_access_key = c\n", "characters", 0 },
	{ "aws_access_key_id = a/b\naws_secret_access_key = c\n", "characters", 0 },
	{ "aws_access_key_id = a\naws_secret_access_key = \xc3\xa4\n", "characters", 0 },
	{ "aws_access_key_id = a\0aws_secret_access_key = b\n", "no text", 40 },
};

static void test_bad_keys(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_keys); i++) {
		size_t n = bad_keys[i].n ? bad_keys[i].n : strlen(bad_keys[i].text);
		struct sign_keys k = { 0 };
		struct err e = { 0 };

		if (credentials_parse(bad_keys[i].text, n, &k, &e) == 0 ||
			!strstr(e.text, bad_keys[i].words))
			fail_msg("%zu: %s", i, e.text);
		assert_null(k.secret);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_bad_places),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bad_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
