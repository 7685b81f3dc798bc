/* Five-field cron lines of `on.schedule`: minute hour day-of-month month day-of-week, in UTC. */
#ifndef WORKFLOW_CRON_H
#define WORKFLOW_CRON_H

#include "base/err.h"

/* Each field: a comma list of *, n, n-m, each with an optional /step; months and days by name too.
 */
int cron_check(const char *line, struct err *e) CHECK_RESULT;

#endif
