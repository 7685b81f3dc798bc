/* What is still to be told about a job whose process died, from its journal and its outbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "runner/job/recover_plan.h"

#define JOB(terminal) "{\"kind\":\"job\",\"step\":0,\"terminal\":" terminal ",\"body\":\"{}\"}\n"
#define RUNS(step) "{\"kind\":\"step\",\"step\":" step ",\"terminal\":false,\"body\":\"{}\"}\n"
#define LOG(step) \
	"{\"kind\":\"log\",\"step\":" step ",\"terminal\":false,\"file\":\"step-" step ".log\"}\n"
#define ENDS(step, how)                                                                          \
	"{\"kind\":\"step\",\"step\":" step ",\"terminal\":true,\"body\":\"{\\\"conclusion\\\":" \
	"\\\"" how "\\\"}\"}\n"

static const struct plan_case {
	const char *name, *outbox, *cause;
	size_t not_started; /* 0 or 1: no padding */
	size_t bearer;      /* of the steps 1, 2, 3 */
	enum recover_state states[3];
	const char *file, *conclusion, *step_conclusion;
	size_t decided; /* 0 or 1 */
	size_t lost;    /* 0 or 1 */
} cases[] = {
	{ "claimed", "", NULL, true, 0,
		{ RECOVER_NOT_STARTED, RECOVER_NOT_STARTED, RECOVER_NOT_STARTED }, NULL, "failure",
		"failure", .lost = 1 },
	{ "checkout", JOB("false") RUNS("1") LOG("1"), NULL, false, 0,
		{ RECOVER_RAN, RECOVER_NOT_STARTED, RECOVER_NOT_STARTED }, "step-1.log", "failure",
		"failure", .lost = 1 },
	{ "between status and log", JOB("false") RUNS("1"), NULL, false, 0,
		{ RECOVER_RAN, RECOVER_NOT_STARTED, RECOVER_NOT_STARTED }, NULL, "failure",
		"failure", .lost = 1 },
	{ "second step", RUNS("1") LOG("1") ENDS("1", "success") RUNS("2") LOG("2"), NULL, false, 1,
		{ RECOVER_ENDED, RECOVER_RAN, RECOVER_NOT_STARTED }, "step-2.log", "failure",
		"failure" },
	{ "between steps", RUNS("1") LOG("1") ENDS("1", "success"), NULL, false, 1,
		{ RECOVER_ENDED, RECOVER_NOT_STARTED, RECOVER_NOT_STARTED }, NULL, "failure",
		"failure" },
	{ "after a skipped one", ENDS("1", "skipped") RUNS("2") LOG("2"), NULL, false, 1,
		{ RECOVER_ENDED, RECOVER_RAN, RECOVER_NOT_STARTED }, "step-2.log", "failure",
		"failure" },
	{ "while cancelled", RUNS("1") LOG("1"), "cancelled", false, 0,
		{ RECOVER_RAN, RECOVER_NOT_STARTED, RECOVER_NOT_STARTED }, "step-1.log",
		"cancelled", "cancelled" },
	{ "timed out", RUNS("1") LOG("1"), "timed_out", false, 0,
		{ RECOVER_RAN, RECOVER_NOT_STARTED, RECOVER_NOT_STARTED }, "step-1.log",
		"timed_out", "timed_out" },
	{ "a cause of tomorrow", RUNS("1") LOG("1"), "unheard_of", false, 0,
		{ RECOVER_RAN, RECOVER_NOT_STARTED, RECOVER_NOT_STARTED }, "step-1.log", "failure",
		"failure" },
	{ "all ended well", ENDS("1", "success") ENDS("2", "success") ENDS("3", "skipped"), NULL,
		false, 3, { RECOVER_ENDED, RECOVER_ENDED, RECOVER_ENDED }, NULL, "success",
		"failure" },
	{ "all ended, one badly", ENDS("1", "failure") ENDS("2", "skipped") ENDS("3", "success"),
		NULL, false, 3, { RECOVER_ENDED, RECOVER_ENDED, RECOVER_ENDED }, NULL, "failure",
		"failure" },
	{ "all ended well, but the workspace grew too large",
		ENDS("1", "success") ENDS("2", "skipped") ENDS("3", "skipped"), "workspace_limit",
		false, 3, { RECOVER_ENDED, RECOVER_ENDED, RECOVER_ENDED }, NULL, "failure",
		"failure" },
	{ "final status queued",
		ENDS("1", "success") ENDS("2", "success") ENDS("3", "success") JOB("true"), NULL,
		false, 3, { RECOVER_ENDED, RECOVER_ENDED, RECOVER_ENDED }, NULL, "success",
		"failure", true },
};

static void decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct plan_case *c = &cases[i];
		int64_t ids[] = { 1, 2, 3 };
		struct journal j = { .started = !c->not_started,
			.cause = (char *)(uintptr_t)c->cause,
			.steps = { ids, 3 } };
		struct outbox_list reports = { 0 };
		struct recover_plan p;
		struct err e = { 0 };

		print_message("%s\n", c->name);
		if (outbox_parse(c->outbox, strlen(c->outbox), &reports, &e) < 0)
			fail_msg("%s", e.text);
		recover_plan_make(&j, &reports, &p);
		assert_int_equal(p.bearer, c->bearer);
		assert_int_equal(p.decided, c->decided);
		assert_int_equal(p.lost, c->lost);
		for (size_t s = 0; s < 3; s++)
			assert_int_equal(p.v[s].state, c->states[s]);
		if (c->bearer < 3 && c->file)
			assert_string_equal(p.v[c->bearer].file, c->file);
		else if (c->bearer < 3)
			assert_null(p.v[c->bearer].file);
		assert_string_equal(p.conclusion, c->conclusion);
		assert_string_equal(p.step_conclusion, c->step_conclusion);
		recover_plan_release(&p);
		outbox_list_release(&reports);
	}
}

/* A claim that could not be read: its steps are not known, the job is still reported. */
static void decides_without_steps(void **state)
{
	struct journal j = { .job = 1 };
	struct outbox_list reports = { 0 };
	struct recover_plan p;

	(void)state;
	recover_plan_make(&j, &reports, &p);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.bearer, 0);
	assert_string_equal(p.status, "completed");
	assert_string_equal(p.conclusion, "failure");
	assert_true(p.lost);
	recover_plan_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decides),
		cmocka_unit_test(decides_without_steps),
	};

	return cmocka_run_group_tests_name("recover_plan", tests, NULL, NULL);
}
