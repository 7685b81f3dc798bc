/* Answers of S3 stores: what is read of their XML, and what an operator hears of their errors. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/object/s3_answer.h"

static struct slice text(const char *s)
{
	return (struct slice){ s, strlen(s) };
}

static void test_elements(void **state UNUSED)
{
	struct slice all = text("<?xml?><L><C><K>a&amp;b&#39;&lt;&gt;&quot;</K><S>12</S></C>"
				"<C><K>x</K><S>-1</S></C><D></D><K>open");
	struct slice first = xml_element(all, "C"),
		     second = xml_element(xml_after(all, first), "C");
	CLEAN_STR char *key = xml_string(first, "K"), *none = xml_string(all, "Missing");
	CLEAN_STR char *empty = xml_string(all, "D");
	int64_t size = 7;

	assert_string_equal("a&b'<>\"", key);
	assert_true(xml_int(first, "S", &size));
	assert_int_equal(12, size);
	assert_false(xml_int(second, "S", &size));
	assert_null(none);
	assert_string_equal("", empty);
	assert_null(xml_element(xml_after(all, second), "K").ptr);
	assert_null(xml_element((struct slice){ 0 }, "K").ptr);
	CLEAN_STR char *nested = xml_string(text("<K>a<b>c</b></K>"), "K");
	CLEAN_STR char *control = xml_string(text("<K>a\nb</K>"), "K");
	CLEAN_STR char *wide = xasprintf("<K>%02000d</K>", 1);
	CLEAN_STR char *too_wide = xml_string(text(wide), "K");
	assert_true(!nested && !control && !too_wide);
}

#define ERROR(code) "<Error><Code>" code "</Code><Message>words</Message>"
static const struct {
	long status;
	const char *body, *date, *region;
	enum err_class class;
	const char *words[3];
} refusals[] = {
	{ 404, ERROR("NoSuchKey"), NULL, NULL, ERR_NOT_FOUND, { "no such object" } },
	{ 404, "", NULL, NULL, ERR_NOT_FOUND, { "no such object" } },
	{ 404, ERROR("NoSuchBucket"), NULL, NULL, ERR_IO,
		{ "no bucket \"logs\" at https://s3.example", "make it" } },
	{ 404, ERROR("NoSuchUpload"), NULL, NULL, ERR_IO, { "NoSuchUpload", "words" } },
	{ 403, ERROR("AccessDenied"), NULL, NULL, ERR_IO, { "may not GET", "PutObject" } },
	{ 403, "", NULL, NULL, ERR_IO, { "AccessDenied" } },
	{ 403, ERROR("InvalidAccessKeyId"), NULL, NULL, ERR_IO,
		{ "access key ID", "credentials" } },
	{ 403, ERROR("SignatureDoesNotMatch"), NULL, NULL, ERR_IO, { "secret access key" } },
	{ 403, ERROR("RequestTimeTooSkewed"), "Mon, 02 Jan 2006 15:04:05 GMT", NULL, ERR_IO,
		{ "1970-01-01T00:00:00", "2006 15:04:05 GMT", "set the one" } },
	{ 301, ERROR("PermanentRedirect") "<Endpoint>there</Endpoint>", NULL, "eu-9", ERR_IO,
		{ "not in region r-1", "but in eu-9", "at there" } },
	{ 400, ERROR("AuthorizationHeaderMalformed") "<Region>eu-8</Region>", NULL, NULL, ERR_IO,
		{ "but in eu-8" } },
	{ 307, "", NULL, NULL, ERR_IO, { "not in region" } },
	{ 503, ERROR("SlowDown"), NULL, NULL, ERR_TIMEOUT, { "SlowDown", "HTTP 503" } },
	{ 500, "<html>", NULL, NULL, ERR_TIMEOUT, { "HTTP 500" } },
	{ 429, "", NULL, NULL, ERR_TIMEOUT, { "HTTP 429" } },
	{ 400, ERROR("BadDigest"), NULL, NULL, ERR_TIMEOUT, { "BadDigest" } },
	{ 400, ERROR("XAmzContentSHA256Mismatch"), NULL, NULL, ERR_TIMEOUT, { "SHA256" } },
	{ 400, ERROR("EntityTooLarge"), NULL, NULL, ERR_IO, { "EntityTooLarge: words" } },
};

static void test_refusals(void **state UNUSED)
{
	const struct bucket b = { .bucket = (char *)(uintptr_t) "logs",
		.origin = (char *)(uintptr_t) "https://s3.example",
		.region = (char *)(uintptr_t) "r-1" };

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		const struct s3_refusal r = { .status = refusals[i].status,
			.body = text(refusals[i].body),
			.date = refusals[i].date,
			.region = refusals[i].region,
			.method = "GET" };
		struct err e = { 0 };

		assert_int_equal(-1, s3_refusal_error(&r, &b, &e));
		if (e.class != refusals[i].class || strchr(e.text, '\n'))
			fail_msg("%zu: %d %s", i, (int)e.class, e.text);
		for (size_t w = 0; w < 3 && refusals[i].words[w]; w++)
			if (!strstr(e.text, refusals[i].words[w]))
				fail_msg("%zu: %s", i, e.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
