/*
 * How much of a log is kept: limits of a step, a job and a run, so that one workflow cannot fill
 * the coordinator's disk. What does not fit is cut at the end of a line, with the reason behind it;
 * from then on the step's chunks are acknowledged and dropped. The runner is told nothing, as it
 * could do nothing about it, and a job does not fail because it talks.
 */
#ifndef COORDINATOR_SCRUB_LOG_QUOTA_H
#define COORDINATOR_SCRUB_LOG_QUOTA_H

#include "base/buf.h"
#include "base/limits.h"
#include "coordinator/app/app.h"
#include "coordinator/store/log.h"

/* Defaults; the step's is above the default of the runner's step_log_limit (10m; at most 1g). */
#define LOG_STEP_BYTES ((int64_t)MIB(256))
#define LOG_JOB_BYTES ((int64_t)GIB(1))
#define LOG_RUN_BYTES ((int64_t)GIB(4))
enum { LOG_QUOTA_LINE_MAX = 256 };

/* True when all of text may be kept. Else *ret_keep is how many of its bytes may, and line (at
 * least LOG_QUOTA_LINE_MAX bytes) what comes behind them: it begins on a line of its own. Pure. */
bool log_quota_fits(const struct log_limits *limits, const struct log_step *t, struct slice text,
	size_t *ret_keep, char *line);

/* store_log_put within a->logs. */
int log_quota_put(struct app *a, struct log_step *t, int64_t seq, struct slice text,
	struct slice held, struct wall now, struct err *e) CHECK_RESULT;

#endif
