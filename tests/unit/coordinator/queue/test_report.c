/* Times that runners tell: theirs where they can be true, the nearest that can be where not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/queue/report.h"

#define S USEC_PER_SEC
#define CLAIMED (1000000 * S)
#define NOW (CLAIMED + 600 * S)

static void test_times(void **state UNUSED)
{
	static const struct {
		int64_t started, completed, want_started, want_completed;
		const char *refused;
	} cases[] = {
		{ 0, 0, 0, 0, NULL },
		{ CLAIMED + S, NOW - S, CLAIMED + S, NOW - S, NULL },
		{ S, 2 * S, CLAIMED, CLAIMED, NULL },             /* a clock that stands at 1970 */
		{ -S, 0, CLAIMED, 0, NULL },                      /* and before it */
		{ NOW + 60 * S, NOW + 90 * S, NOW, NOW, NULL },   /* one that is fast */
		{ NOW - S, NOW - 2 * S, NOW - S, NOW - S, NULL }, /* one that was set back */
		{ NOW + REPORT_AHEAD_US, 0, NOW, 0, NULL },
		{ NOW + REPORT_AHEAD_US + 1, 0, 0, 0, "started_at: is more than a day from now" },
		{ 0, INT64_MAX, 0, 0, "completed_at: is more than a day from now" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct state_report r = { .started_at = { cases[i].started },
			.completed_at = { cases[i].completed } };
		struct err e = { 0 };
		int rc = state_report_times(&r, (struct wall){ CLAIMED }, (struct wall){ NOW }, &e);

		assert_int_equal(cases[i].refused ? -1 : 0, rc);
		if (rc < 0) {
			assert_int_equal(ERR_INPUT, e.class);
			assert_non_null(strstr(e.text, cases[i].refused));
			continue;
		}
		assert_int_equal(cases[i].want_started, r.started_at.us);
		assert_int_equal(cases[i].want_completed, r.completed_at.us);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
