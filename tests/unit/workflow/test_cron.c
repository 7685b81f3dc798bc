/* When cron lines fire next, in UTC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/clock.h"
#include "workflow/cron.h"

static void check(const char *line, const char *after, const char *expected)
{
	char text[WALL_TEXT_MAX];
	struct wall from;
	struct cron c;
	struct err e = { 0 };

	if (cron_parse(line, &c, &e) < 0 || wall_parse(after, &from, &e) < 0)
		fail_msg("%s: %s", line, e.text);
	struct wall next = cron_next(&c, from);
	const char *got = next.us ? wall_format(next, text) : "never";
	if (strncmp(got, expected, strlen(expected)) != 0)
		fail_msg("%s after %s: %s, expected %s", line, after, got, expected);
}

static void test_next(void **state)
{
	static const struct {
		const char *line, *after, *next;
	} rows[] = {
		{ "* * * * *", "2026-11-29T17:42:12Z", "2026-11-29T17:43:00" },
		{ "* * * * *", "2026-11-29T17:42:00Z", "2026-11-29T17:43:00" },
		{ "42 * * * *", "2026-11-29T17:42:00Z", "2026-11-29T18:42:00" },
		{ "30 5,17 * * *", "2026-11-29T17:42:12Z", "2026-11-30T05:30:00" },
		{ "5/20 * * * *", "2026-11-29T17:42:12Z", "2026-11-29T17:45:00" },
		{ "*/20 8-18/5 * * *", "2026-11-29T13:41:00Z", "2026-11-29T18:00:00" },
		{ "0 0 1 1 *", "2026-11-29T17:42:12Z", "2027-01-01T00:00:00" },
		{ "0 5 * * MON-FRI", "2026-11-28T04:00:00Z", "2026-11-30T05:00:00" },
		{ "0 0 31 * *", "2026-11-29T00:00:00Z", "2026-12-31T00:00:00" },
		{ "0 0 29 feb *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00" },
		/* either day, as both are named; both, as one field begins with a star */
		{ "0 0 13 * FRI", "2026-11-29T00:00:00Z", "2026-12-04T00:00:00" },
		{ "0 0 */2 * FRI", "2026-11-29T00:00:00Z", "2026-12-11T00:00:00" },
		{ "0\t0  *\t* 0", "2026-11-29T00:00:00Z", "2026-12-06T00:00:00" },
		{ "0 0 31 2 *", "2026-11-29T00:00:00Z", "never" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check(rows[i].line, rows[i].after, rows[i].next);
}

static void test_refused(void **state)
{
	static const char *const rows[] = { "", "* * * *", "* * * * * *", "60 * * * *",
		"* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 7", "*/0 * * * *", "5-1 * * * *",
		"@daily", "L * * * *", "1, * * * *", "-1 * * * *", "1-2-3 * * * *",
		"* * * * moon" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct cron c;
		struct err e = { 0 };

		if (cron_parse(rows[i], &c, &e) == 0)
			fail_msg("\"%s\" is taken", rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
