/* Claims: what is accepted, what is refused and with which words, what can be salvaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "runner/claim/identity.h"
#include "runner/claim/job_spec.h"

#define SHA "0123456789abcdef0123456789abcdef01234567"
#define STEP "{\"id\":11,\"index\":0,\"run\":\"true\"}"

static char *claim_with(const char *job_members)
{
	return xasprintf("{\"token\":\"t0k\",\"expires_at\":\"2026-01-01T00:00:00Z\",\"job\":{%s}}",
		job_members);
}

static void accepts_a_whole_claim(void **state)
{
	CLEAN_STR char *claim = claim_with(
		"\"id\":7,\"run_id\":3,\"repo_id\":2,\"run_index\":5,"
		"\"workflow_file\":\"smoke.yml\",\"workflow_name\":\"Smoke\","
		"\"checkout_url\":\"https://h/o/r\",\"checkout_token\":\"c\","
		"\"head_sha\":\"" SHA "\",\"head_ref\":\"refs/heads/trunk\",\"event\":\"push\","
		"\"event_payload\":{\"ref\":\"x\"},\"job_key\":\"green\",\"job_name\":\"green\","
		"\"runs_on\":\"ubuntu-latest\",\"needs\":[],\"if\":\"\",\"timeout_minutes\":9,"
		"\"permissions\":{},\"secrets\":{\"A\":\"s3cret\"},\"mask_values\":[\"s3cret\"],"
		"\"env\":{\"E\":\"1\"},\"unknown\":[1,2],\"steps\":[" STEP
		",{\"id\":12,\"index\":1,\"uses\":\"actions/checkout@v4\","
		"\"with\":{\"path\":\"p\"},"
		"\"env\":null,\"continue_on_error\":true,\"working_directory\":\"a/b\"}]");
	CLEANUP(job_spec_freep) struct job_spec *s = NULL;
	struct err e = { 0 };

	(void)state;
	s = job_spec_parse(claim, strlen(claim), &e);
	if (!s) {
		fail_msg("%s", e.text);
		return;
	}
	assert_int_equal(s->id, 7);
	assert_int_equal(s->run_id, 3);
	assert_int_equal(s->timeout_minutes, 9);
	assert_string_equal(s->token, "t0k");
	assert_string_equal(pairs_get(&s->secrets, "A"), "s3cret");
	assert_int_equal(s->steps.n, 2);
	assert_string_equal(s->steps.v[0].run, "true");
	assert_string_equal(pairs_get(&s->steps.v[1].with, "path"), "p");
	assert_true(s->steps.v[1].continue_on_error);
	assert_string_equal(s->steps.v[1].working_directory, "a/b");
	assert_string_equal(json_get_string(s->event_payload, "ref"), "x");
}

static void fills_the_default_timeout(void **state)
{
	CLEAN_STR char *claim = claim_with("\"id\":7,\"run_id\":3,\"steps\":[" STEP "]");
	CLEANUP(job_spec_freep) struct job_spec *s = NULL;
	struct err e = { 0 };

	(void)state;
	s = job_spec_parse(claim, strlen(claim), &e);
	assert_non_null(s);
	assert_int_equal(s->timeout_minutes, 360);
	assert_null(s->event_payload);
}

static void refuses(void **state)
{
	static const struct {
		const char *job, *says;
	} cases[] = {
		{ "\"run_id\":3,\"steps\":[" STEP "]", "\"id\"" },
		{ "\"id\":7,\"steps\":[" STEP "]", "\"run_id\"" },
		{ "\"id\":\"7\",\"run_id\":3,\"steps\":[" STEP "]", "\"id\"" },
		{ "\"id\":0,\"run_id\":3,\"steps\":[" STEP "]", "\"id\"" },
		{ "\"id\":7,\"run_id\":3", "\"steps\"" },
		{ "\"id\":7,\"run_id\":3,\"steps\":[]", "at least one step" },
		{ "\"id\":7,\"run_id\":3,\"steps\":{}", "expected an array" },
		{ "\"id\":7,\"run_id\":3,\"steps\":[{\"index\":0,\"run\":\"x\"}]", "[0]" },
		{ "\"id\":7,\"run_id\":3,\"steps\":[" STEP ",{\"id\":2}]", "found neither" },
		{ "\"id\":7,\"run_id\":3,\"steps\":[{\"id\":2,\"run\":\"a\",\"uses\":\"b\"}]",
			"found both" },
		{ "\"id\":7,\"run_id\":3,\"steps\":[{\"id\":2,\"run\":\"a\","
		  "\"working_directory\":\"a/../../b\"}]",
			"leaves the workspace" },
		{ "\"id\":7,\"run_id\":3,\"head_sha\":\"zz\",\"steps\":[" STEP "]",
			"40 lower-case hex digits" },
		{ "\"id\":7,\"run_id\":3,\"timeout_minutes\":0,\"steps\":[" STEP "]",
			"timeout_minutes" },
		{ "\"id\":7,\"run_id\":3,\"timeout_minutes\":4321,\"steps\":[" STEP "]",
			"timeout_minutes" },
		{ "\"id\":7,\"run_id\":3,\"env\":{\"A=B\":\"x\"},\"steps\":[" STEP "]",
			"not a variable name" },
		{ "\"id\":7,\"id\":8,\"run_id\":3,\"steps\":[" STEP "]", "duplicate" },
		/* other keys for the parser, the same for whoever drops control characters */
		{ "\"i\\u0001d\":5,\"id\":7,\"run_id\":3,\"steps\":[" STEP "]",
			"stands there twice" },
		{ "\"id\":7,\"run_id\\u007f\":5,\"run_id\":3,\"steps\":[" STEP "]",
			"stands there twice" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *claim = claim_with(cases[i].job);
		struct err e = { 0 };

		if (job_spec_parse(claim, strlen(claim), &e))
			fail_msg("accepted: %s", claim);
		if (!strstr(e.text, cases[i].says))
			fail_msg("%s: expected \"%s\" in \"%s\"", claim, cases[i].says, e.text);
	}
}

static void refuses_without_token(void **state)
{
	static const char *const tokens[] = { "", "\"token\":\"\",", "\"token\":\"a b\",",
		"\"token\":\"a\\r\\nHost: b\",", "\"token\":\"\\u00e9\",", "\"token\":7," };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		CLEAN_STR char *claim = xasprintf(
			"{%s\"job\":{\"id\":7,\"run_id\":3,\"steps\":[" STEP "]}}", tokens[i]);
		struct err e = { 0 };

		if (job_spec_parse(claim, strlen(claim), &e))
			fail_msg("accepted: %s", claim);
		assert_non_null(strstr(e.text, "token: expected the job token"));
	}
}

static void tells_tokens(void **state)
{
	CLEAN_STR char *large = xcalloc(1, LIMIT_TOKEN + 2);

	(void)state;
	memset(large, 'x', LIMIT_TOKEN + 1);
	assert_false(job_token_ok(large));
	large[LIMIT_TOKEN] = '\0';
	assert_true(job_token_ok(large));
	assert_true(job_token_ok("eyJhbGciOiJIUzI1NiJ9.e30._-~+/="));
	assert_false(job_token_ok(NULL));
	assert_false(job_token_ok("a\x7f"));
	assert_false(job_token_ok("\tx"));
}

static char *deep_claim(size_t depth)
{
	struct buf b = BUF_INIT(MIB(1));

	buf_adds(&b, "{\"token\":\"t0k\",\"job\":{\"id\":7,\"run_id\":3,\"event_payload\":");
	for (size_t i = 0; i < depth; i++)
		buf_addc(&b, '[');
	for (size_t i = 0; i < depth; i++)
		buf_addc(&b, ']');
	buf_adds(&b, ",\"steps\":[" STEP "]}}");
	return buf_take(&b);
}

/* What the strict parser refuses still says whose it is. */
static void salvages_the_identity(void **state)
{
	CLEAN_STR char *deep = deep_claim(10000);
	CLEAN_STR char *twice = claim_with("\"id\":7,\"id\":8,\"run_id\":3,\"steps\":[" STEP "]");

	const struct {
		const char *claim;
		int64_t job, run, step;
		const char *token;
	} cases[] = {
		{ deep, 7, 3, 11, "t0k" },
		{ twice, 7, 3, 11, "t0k" },
		{ "{\"token\":\"t\",\"job\":{\"id\":7,\"run_id\":3,\"steps\":[{\"id\":1", 7, 3, 0,
			"t" },
		{ "{\"token\":\"t\",\"job\":{\"name\":\"{\\\"id\\\":5}\",\"id\":-7", 0, 0, 0, "t" },
		{ "{\"token\":17,\"job\":[{\"id\":7}]}", 7, 0, 0, "17" },
		{ "{\"token\":\"a b\",\"job\":{\"id\":7}}", 7, 0, 0, NULL },
		{ "not json", 0, 0, 0, NULL },
		{ "", 0, 0, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct claim_identity id;

		claim_identity_scan(cases[i].claim, strlen(cases[i].claim), &id);
		assert_int_equal(id.job_id, cases[i].job);
		assert_int_equal(id.run_id, cases[i].run);
		assert_int_equal(id.step_id, cases[i].step);
		if (!str_eq(id.token, cases[i].token))
			fail_msg("case %zu: token %s", i, id.token ? id.token : "none");
		claim_identity_release(&id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_a_whole_claim),
		cmocka_unit_test(fills_the_default_timeout),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_without_token),
		cmocka_unit_test(tells_tokens),
		cmocka_unit_test(salvages_the_identity),
	};

	return cmocka_run_group_tests_name("job_spec", tests, NULL, NULL);
}
