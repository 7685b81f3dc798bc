/*
 * Bytes that are no text: HTTP lets them stand in headers. None of them may reach the store, where
 * PostgreSQL would refuse them and with them all that the same turn changed.
 */
#include "coordinator/api/api.h"
#include "coordinator/sql/sql.h"
#include "tests/unit/help/coordinator_help.h"

#define LATIN "caf\xe9"

static const char *error_of(const struct json_doc *d)
{
	const struct json_value *v = json_get(json_root(d), "error");

	return v && v->type == JSON_STRING ? v->string : "";
}

static void test_a_header_that_decides_is_refused_by_name(void **state UNUSED)
{
	static const struct {
		const char *header, *says;
	} cases[] = {
		{ "Idempotency-Key: " LATIN, "header Idempotency-Key: expected UTF-8 text" },
		{ "idempotency-key: " LATIN, "header idempotency-key: expected UTF-8 text" },
		{ "Shithub-Job-Lost: \xff", "header Shithub-Job-Lost: expected UTF-8 text" },
		{ "Prefer: wait=1, \xc0\x80", "header Prefer: expected UTF-8 text" },
	};
	struct world w;

	world_open(&w);
	world_serve(&w);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct json_doc *d = NULL;
		struct call_spec c = { .method = "POST",
			.path = "/api/v1/runners/heartbeat",
			.token = w.runner_token,
			.body = "{}",
			.header = cases[i].header };

		assert_int_equal(400, call_do(&w, &c, &d));
		assert_string_equal(cases[i].says, error_of(d));
		json_free(d);
	}
	world_close(&w);
}

/* As browsers and proxies send what they like. */
static void test_a_header_that_nobody_acts_on_is_no_matter(void **state UNUSED)
{
	static const char *const headers[] = { "Referer: " LATIN, "X-Anything: \xff",
		"Cookie: a=" LATIN };
	struct world w;

	world_open(&w);
	world_serve(&w);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct call_spec c = { .method = "POST",
			.path = "/api/v1/runners/heartbeat",
			.token = w.runner_token,
			.body = "{}",
			.header = headers[i] };

		assert_int_equal(204, call_do(&w, &c, NULL));
	}
	world_close(&w);
}

/* Whatever else lets one through: the statement fails alone. */
static void test_the_store_takes_text_alone(void **state UNUSED)
{
	struct world w;
	CLEAN_TX struct store_tx tx = { 0 };
	struct err e = { 0 };
	int64_t n = 0;

	world_open(&w);
	assert_int_equal(0, store_begin(w.app.store, &tx, &e));
	assert_int_equal(
		0, sql_run(w.app.store, &e, "UPDATE runners SET host_name = ?", "t", "fine"));
	assert_int_equal(
		-1, sql_run(w.app.store, &e, "UPDATE runners SET host_name = ?", "t", LATIN));
	assert_true(err_is(&e, ERR_INPUT));
	assert_string_equal("store: a text is not UTF-8: caf?", e.text);
	err_clear(&e);
	assert_int_equal(
		-1, sql_int(w.app.store, &n, &e, "SELECT count(*) FROM runners WHERE host_name = ?",
			    "t", LATIN));
	err_clear(&e);
	assert_int_equal(0, store_commit(&tx, &e));
	assert_int_equal(
		1, sql_int(w.app.store, &n, &e, "SELECT count(*) FROM runners WHERE host_name = ?",
			   "t", "fine"));
	assert_true(n > 0);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_header_that_decides_is_refused_by_name),
		cmocka_unit_test(test_a_header_that_nobody_acts_on_is_no_matter),
		cmocka_unit_test(test_the_store_takes_text_alone),
	};

	return cmocka_run_group_tests_name("bytes that are no text", tests, NULL, NULL);
}
