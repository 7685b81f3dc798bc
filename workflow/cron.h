/*
 * Five-field cron lines of `on.schedule`: minute hour day-of-month month day-of-week, in UTC.
 *
 * Each field is a comma list of *, n, n-m, each with an optional /step (n/step: from n to the end);
 * months and days by name too. As in every cron, a line that names both days of the month and days
 * of the week means either; a field that begins with * does not name any.
 */
#ifndef WORKFLOW_CRON_H
#define WORKFLOW_CRON_H

#include "base/clock.h"
#include "base/err.h"

struct cron {
	/* bit n: value n */
	uint64_t minutes, hours, days, months, weekdays; /* weekday 0: Sunday */
	bool any_day, any_weekday;                       /* the field begins with * */
};
int cron_parse(const char *line, struct cron *ret, struct err *e) CHECK_RESULT;
/* Is the line well formed? */
int cron_check(const char *line, struct err *e) CHECK_RESULT;
/* The first minute after `after`; 0 when there is none within eight years (31 February). */
struct wall cron_next(const struct cron *c, struct wall after);

#endif
