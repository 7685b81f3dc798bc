/* Every transition of the protocol's table, and the roll-up order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "coordinator/store/state.h"

#define Q                                      \
	{                                      \
		STATUS_QUEUED, CONCLUSION_NONE \
	}
#define R                                       \
	{                                       \
		STATUS_RUNNING, CONCLUSION_NONE \
	}
#define DONE(c)                                  \
	{                                        \
		STATUS_COMPLETED, CONCLUSION_##c \
	}
#define GONE                                           \
	{                                              \
		STATUS_CANCELLED, CONCLUSION_CANCELLED \
	}
#define SKIP                                       \
	{                                          \
		STATUS_SKIPPED, CONCLUSION_SKIPPED \
	}

enum verdict { REFUSED, CHANGED, SAME };
static const struct {
	enum state_kind kind;
	struct state from, report;
	enum verdict verdict;
	struct state next;
} cases[] = {
	{ STATE_JOB, Q, R, CHANGED, R },
	{ STATE_JOB, Q, DONE(SUCCESS), CHANGED, DONE(SUCCESS) },
	{ STATE_JOB, Q, { STATUS_CANCELLED, CONCLUSION_NONE }, CHANGED, GONE },
	{ STATE_JOB, R, R, SAME, R },
	{ STATE_JOB, R, DONE(TIMED_OUT), CHANGED, DONE(TIMED_OUT) },
	{ STATE_JOB, R, GONE, CHANGED, GONE },
	{ STATE_JOB, DONE(SUCCESS), DONE(SUCCESS), SAME, DONE(SUCCESS) },
	{ STATE_JOB, GONE, { STATUS_CANCELLED, CONCLUSION_NONE }, SAME, GONE },
	{ STATE_JOB, DONE(SUCCESS), DONE(FAILURE), REFUSED },
	{ STATE_JOB, DONE(SUCCESS), R, REFUSED },
	{ STATE_JOB, GONE, DONE(SUCCESS), REFUSED },
	{ STATE_JOB, R, Q, REFUSED },
	{ STATE_JOB, R, { STATUS_COMPLETED, CONCLUSION_NONE }, REFUSED },
	{ STATE_JOB, R, { STATUS_RUNNING, CONCLUSION_SUCCESS }, REFUSED },
	{ STATE_JOB, R, { STATUS_CANCELLED, CONCLUSION_SUCCESS }, REFUSED },
	{ STATE_JOB, R, SKIP, REFUSED },
	{ STATE_STEP, Q, R, CHANGED, R },
	{ STATE_STEP, Q, { STATUS_SKIPPED, CONCLUSION_NONE }, CHANGED, SKIP },
	{ STATE_STEP, R, SKIP, CHANGED, SKIP },
	{ STATE_STEP, SKIP, SKIP, SAME, SKIP },
	{ STATE_STEP, SKIP, R, REFUSED },
	{ STATE_STEP, R, { STATUS_SKIPPED, CONCLUSION_FAILURE }, REFUSED },
	{ STATE_STEP, R, DONE(ACTION_REQUIRED), CHANGED, DONE(ACTION_REQUIRED) },
};

static void test_transitions(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		struct state next = { 0 };
		bool changed = false;
		int rc = state_apply(
			cases[i].kind, cases[i].from, cases[i].report, &next, &changed, &e);
		enum verdict v = rc ? REFUSED : changed ? CHANGED : SAME;

		if (v != cases[i].verdict)
			fail_msg("case %zu: verdict %d (%s)", i, v, e.text);
		if (rc) {
			assert_true(err_is(&e, ERR_INPUT));
			continue;
		}
		assert_int_equal(cases[i].next.status, next.status);
		assert_int_equal(cases[i].next.conclusion, next.conclusion);
	}
}

static void test_worst(void **state UNUSED)
{
	static const enum conclusion order[] = { CONCLUSION_SKIPPED, CONCLUSION_SUCCESS,
		CONCLUSION_NEUTRAL, CONCLUSION_ACTION_REQUIRED, CONCLUSION_CANCELLED,
		CONCLUSION_TIMED_OUT, CONCLUSION_FAILURE };

	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (size_t k = 0; k < ARRAY_LEN(order); k++)
			assert_int_equal(
				order[i > k ? i : k], conclusion_worse(order[i], order[k]));
	assert_int_equal(CONCLUSION_SUCCESS, conclusion_worse(CONCLUSION_NONE, CONCLUSION_SUCCESS));
}

static void test_words(void **state UNUSED)
{
	enum status s;
	enum conclusion c;

	for (enum status i = STATUS_QUEUED; i <= STATUS_SKIPPED; i++) {
		assert_int_equal(0, status_parse(status_text(i), &s, NULL));
		assert_int_equal(i, s);
	}
	for (enum conclusion i = CONCLUSION_NONE; i <= CONCLUSION_ACTION_REQUIRED; i++) {
		assert_int_equal(0, conclusion_parse(conclusion_text(i), &c, NULL));
		assert_int_equal(i, c);
	}
	static const char *const bad[] = { "", "Running", "done", "success " };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(-1, status_parse(bad[i], &s, NULL));
		assert_int_equal(-1, conclusion_parse(bad[i], &c, NULL));
	}
}

static void test_results_for_expressions(void **state UNUSED)
{
	static const struct {
		enum conclusion conclusion;
		const char *result;
	} results[] = {
		{ CONCLUSION_SUCCESS, "success" },
		{ CONCLUSION_FAILURE, "failure" },
		{ CONCLUSION_TIMED_OUT, "failure" },
		{ CONCLUSION_ACTION_REQUIRED, "failure" },
		{ CONCLUSION_NEUTRAL, "failure" },
		{ CONCLUSION_CANCELLED, "cancelled" },
		{ CONCLUSION_SKIPPED, "skipped" },
	};
	for (size_t i = 0; i < ARRAY_LEN(results); i++)
		assert_string_equal(results[i].result, conclusion_result(results[i].conclusion));
	assert_null(conclusion_result(CONCLUSION_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results_for_expressions),
		cmocka_unit_test(test_transitions),
		cmocka_unit_test(test_worst),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
