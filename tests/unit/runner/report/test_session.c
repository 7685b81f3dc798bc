/* The session: order, rotation of tokens, repeats after every kind of fault, the lost chain. */
#include "tests/unit/help/session_model.h"

/* Each kind of transient fault at each call: the same calls in the same order, each once. */
static void survives_faults_anywhere(void **state)
{
	static const enum session_fault kinds[] = { FINE, DROP_BEFORE, DROP_AFTER, UNAVAILABLE,
		NO_NEXT_TOKEN, BAD_NEXT_TOKEN, WEB_PAGE, EMPTY_ANSWER };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (size_t at = 0; at < SESSION_WHOLE_CALLS; at++) {
			struct session_fixture *f = session_fixture_begin();

			f->model.faults[at] = kinds[k];
			session_whole_job(f);
			assert_int_equal(session_flush(f), 0);
			session_expect_whole(f);
			session_fixture_end(f);
			if (kinds[k] == FINE)
				break;
		}
	}
}

static void loses_the_chain_once(void **state)
{
	struct session_fixture *f = session_fixture_begin();
	int before;

	(void)state;
	f->model.faults[1] = EXPIRED;
	session_whole_job(f);
	assert_int_equal(session_flush(f), -1);
	assert_int_equal(f->losses, 1);
	before = f->model.requests;
	session_status(f, 7, "running");
	assert_int_equal(session_flush(f), -1);
	assert_int_equal(f->model.requests, before);
	session_fixture_end(f);
}

/* The very same call again until the coordinator itself answers, with the cancel checks behind it.
 */
static void repeats_what_a_proxy_answered(void **state)
{
	struct session_fixture *f = session_fixture_begin();

	(void)state;
	f->model.faults[0] = NO_NEXT_TOKEN;
	f->model.faults[1] = f->model.faults[2] = WEB_PAGE;
	report_poll_cancel(f->session, true);
	session_status(f, 0, "completed");
	assert_int_equal(session_flush(f), 0);
	assert_true(report_final_accepted(f->session));
	assert_string_equal(f->model.records[0].path, "/api/v1/jobs/42/status");
	assert_true(f->model.requests >= 4);
	assert_int_equal(f->losses, 0);
	session_fixture_end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_faults_anywhere),
		cmocka_unit_test(loses_the_chain_once),
		cmocka_unit_test(repeats_what_a_proxy_answered),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
