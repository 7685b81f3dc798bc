/* The job's own calls and cancel checks: what overtakes what, and who hears the answer. */
#include "tests/unit/help/session_model.h"

/* A call overtakes the open log, in spite of each fault, and brings the chain forward. */
static void asks_beside_the_log(void **state)
{
	static const enum session_fault kinds[] = { FINE, DROP_BEFORE, DROP_AFTER, UNAVAILABLE,
		NO_NEXT_TOKEN, BAD_NEXT_TOKEN, WEB_PAGE, EMPTY_ANSWER };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct session_fixture *f = session_fixture_begin();
		struct session_question q = { 0 };
		struct err e = { 0 };

		report_log(f->session, 7, &f->spool);
		f->model.faults[0] = kinds[k];
		session_ask(f, &q);
		while (!q.answers) {
			bool never = false;

			if (loop_wait(f->loop, &never, mono_add(mono_now(), 5000), &e) == 0)
				fail_msg("no flag was set");
			err_clear(&e);
		}
		assert_int_equal(q.why, ERR_NONE);
		assert_true(q.cancelled);
		assert_int_equal(f->model.n_records, 1);
		assert_string_equal(f->model.records[0].path, "/api/v1/jobs/42/questions");
		assert_string_equal(f->model.records[0].body, "{\"a\":1}");
		session_append(f, "x\n");
		spool_close(&f->spool);
		report_wake(f->session);
		assert_int_equal(session_flush(f), 0);
		assert_int_equal(f->model.n_records, 2);
		assert_int_equal(q.answers, 1);
		session_fixture_end(f);
	}
}

static void says_why_there_is_no_answer(void **state)
{
	static const struct {
		enum session_fault fault;
		enum err_class why;
	} cases[] = {
		{ REFUSE, ERR_PROTO },
		{ EXPIRED, ERR_AUTH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct session_fixture *f = session_fixture_begin();
		struct session_question q = { 0 }, late = { 0 };

		f->model.faults[0] = cases[i].fault;
		session_ask(f, &q);
		session_status(f, 7, "running");
		IGNORE_RESULT(session_flush(f), "the test looks at what arrived");
		assert_int_equal(q.answers, 1);
		assert_int_equal(q.why, cases[i].why);
		session_ask(f, &late);
		assert_int_equal(late.answers, cases[i].fault == EXPIRED ? 1 : 0);
		session_fixture_end(f); /* with a call under way: it is not answered any more */
		assert_int_equal(late.answers, cases[i].fault == EXPIRED ? 1 : 0);
	}
}

static void forgets_cancelled_calls(void **state)
{
	struct session_fixture *f = session_fixture_begin();
	struct session_question first = { 0 }, second = { 0 };

	(void)state;
	session_ask(f, &first);
	session_ask(f, &second);
	report_call_cancel(f->session, &first); /* in flight: its answer only brings the token */
	report_call_cancel(f->session, &second);
	session_status(f, 7, "running");
	assert_int_equal(session_flush(f), 0);
	assert_int_equal(first.answers + second.answers, 0);
	assert_int_equal(f->model.n_records, 2);
	assert_string_equal(f->model.records[1].path, "/api/v1/jobs/42/steps/7/status");
	session_fixture_end(f);
}

/* A coordinator whose log store is down still says that the job was cancelled. */
static void cancel_overtakes_a_failing_log(void **state)
{
	struct session_fixture *f = session_fixture_begin();

	(void)state;
	for (int i = 0; i < RECORDS_MAX; i++)
		f->model.faults[i] = UNAVAILABLE;
	f->model.fine_path = "/api/v1/jobs/42/cancel-check";
	report_poll_cancel(f->session, true);
	report_log(f->session, 7, &f->spool);
	session_append(f, "hello\n");
	session_dispatch_until(f, &f->cancels, 1);
	session_fixture_end(f);
}

/* An open, silent log holds the queue but not the cancel checks. */
static void cancel_overtakes_an_open_log(void **state)
{
	struct session_fixture *f = session_fixture_begin();

	(void)state;
	for (int i = 0; i < RECORDS_MAX; i++)
		f->model.faults[i] = i < 2 ? FINE : CANCEL;
	report_log(f->session, 7, &f->spool);
	session_status(f, 7, "completed");
	report_poll_cancel(f->session, true);
	session_dispatch_until(f, &f->cancels, 1);
	assert_int_equal(f->cancels, 1);
	assert_string_equal(f->model.records[0].path, "/api/v1/jobs/42/cancel-check");
	spool_close(&f->spool);
	report_wake(f->session);
	assert_int_equal(session_flush(f), 0);
	assert_int_equal(f->cancels, 1);
	session_fixture_end(f);
}

/* Our coordinator says who asked; a second cancel is heard, too. */
static void a_second_cancel_is_heard(void **state)
{
	struct session_fixture *f = session_fixture_begin();

	(void)state;
	for (int i = 0; i < RECORDS_MAX; i++)
		f->model.faults[i] = i < 3 ? CANCEL_BY : CANCEL_FORCE;
	report_poll_cancel(f->session, true);
	session_dispatch_until(f, &f->cancels, 1);
	assert_false(f->forced);
	assert_string_equal(f->why, "cancelled by ada");
	session_dispatch_until(f, &f->cancels, 2);
	assert_true(f->forced);
	assert_int_equal(f->model.n_records, 4);
	session_fixture_end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asks_beside_the_log),
		cmocka_unit_test(says_why_there_is_no_answer),
		cmocka_unit_test(forgets_cancelled_calls),
		cmocka_unit_test(cancel_overtakes_an_open_log),
		cmocka_unit_test(cancel_overtakes_a_failing_log),
		cmocka_unit_test(a_second_cancel_is_heard),
	};

	return cmocka_run_group_tests_name("session_calls", tests, NULL, NULL);
}
