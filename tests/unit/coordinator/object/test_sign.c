/*
 * Signed URLs against what AWS publishes: the example of "Authenticating Requests: Using Query
 * Parameters" of the S3 API reference, and the query variants of the signature test suite. The
 * latter sign the hash of an empty body.
 */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/object/sign.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SUITE_AT ((struct wall){ 1440938160 * USEC_PER_SEC }) /* 2015-08-30 12:36:00 */
#define UNRESERVED "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define TOKEN "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"

static struct sign_keys keys_of(const char *id, const char *secret, const char *token)
{
	return (struct sign_keys){ xstrdup(id), xstrdup(secret), token ? xstrdup(token) : NULL };
}

static void check_url(const struct sign_keys *k, const struct sign_request *r, const char *want)
{
	CLEAN_STR char *url = NULL;
	struct err e = { 0 };

	must_err(sign_url(k, r, &url, &e));
	assert_string_equal(want, url);
}

static void test_example_of_the_s3_reference(void **state UNUSED)
{
	CLEANUP(sign_keys_release)
	struct sign_keys k =
		keys_of("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL);
	const struct sign_request r = { .method = "GET",
		.origin = "https://examplebucket.s3.amazonaws.com",
		.path = "/test.txt",
		.region = "us-east-1",
		.service = "s3",
		.at = { 1369353600 * USEC_PER_SEC }, /* 2013-05-24 */
		.lifetime_s = 86400 };

	check_url(&k, &r,
		"https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
		"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
		"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d"
		"404");
}

static const struct {
	const char *name, *path, *token, *signature;
	struct sign_field query[2], headers[2];
} suite[] = {
	{ "get-vanilla-query-order-key-case", "/", NULL,
		"86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5",
		.query = { { "Param2", "value2" }, { "Param1", "value1" } } },
	{ "get-vanilla-query-unreserved", "/", NULL,
		"8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf",
		.query = { { UNRESERVED, UNRESERVED } } },
	{ "get-unreserved", "/" UNRESERVED, NULL,
		"95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005", { { 0 } },
		{ { 0 } } },
	{ "get-utf8", "/%E1%88%B4", NULL,
		"10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44", { { 0 } },
		{ { 0 } } },
	{ "get-header-value-trim", "/", NULL,
		"e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4",
		.headers = { { "my-header2", "\"a b c\"" }, { "my-header1", "value1" } } },
	{ "get-vanilla-with-session-token", "/", TOKEN,
		"7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c", { { 0 } },
		{ { 0 } } },
};

static size_t fields_of(const struct sign_field v[2])
{
	return (v[0].name != NULL) + (v[1].name != NULL);
}

static void test_signature_suite(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(suite); i++) {
		CLEANUP(sign_keys_release)
		struct sign_keys k = keys_of(
			"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", suite[i].token);
		const struct sign_request r = { .method = "GET",
			.origin = "https://example.amazonaws.com",
			.path = suite[i].path,
			.query = suite[i].query,
			.n_query = fields_of(suite[i].query),
			.headers = suite[i].headers,
			.n_headers = fields_of(suite[i].headers),
			.payload = EMPTY,
			.region = "us-east-1",
			.service = "service",
			.at = SUITE_AT,
			.lifetime_s = 3600 };
		CLEAN_STR char *url = NULL;
		struct err e = { 0 };

		must_err(sign_url(&k, &r, &url, &e));
		if (!str_ends(url, suite[i].signature))
			fail_msg("%s: %s", suite[i].name, url);
	}
}

static void test_queries_are_ordered(void **state UNUSED)
{
	const struct sign_field v[] = { { "uploads", "" }, { "a-b", "1" }, { "a", "x y/z+\"" },
		{ "prefix", "actions/runs/1/" }, { "a", "B" } };
	CLEAN_BUF struct buf out = BUF_INIT(1000);

	sign_query(&out, v, ARRAY_LEN(v));
	assert_string_equal("a=B&a=x%20y%2Fz%2B%22&a-b=1&prefix=actions%2Fruns%2F1%2F&uploads=",
		buf_cstr(&out));
}

static void test_too_much_is_refused(void **state UNUSED)
{
	CLEANUP(sign_keys_release) struct sign_keys k = keys_of("a", "b", NULL);
	struct sign_field many[SIGN_FIELDS_MAX + 1];
	CLEAN_STR char *url = NULL;
	struct err e = { 0 };
	CLEAN_STR char *wide = xasprintf("%070000d", 1);
	struct sign_request r = { .method = "GET",
		.origin = "https://h",
		.path = "/",
		.query = many,
		.n_query = ARRAY_LEN(many),
		.region = "r",
		.service = "s3" };

	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = (struct sign_field){ "x", wide };
	assert_int_equal(-1, sign_url(&k, &r, &url, &e));
	assert_true(err_is(&e, ERR_LIMIT));
	err_clear(&e);
	r.n_query = 1;
	assert_int_equal(-1, sign_url(&k, &r, &url, &e));
	assert_true(err_is(&e, ERR_LIMIT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_of_the_s3_reference),
		cmocka_unit_test(test_signature_suite),
		cmocka_unit_test(test_queries_are_ordered),
		cmocka_unit_test(test_too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
