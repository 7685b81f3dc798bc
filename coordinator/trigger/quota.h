/*
 * How much one event may start. What is beyond becomes a failed run that says so: its author finds
 * the reason where they look for the result, and the queue stays what a pool can work off.
 */
#ifndef COORDINATOR_TRIGGER_QUOTA_H
#define COORDINATOR_TRIGGER_QUOTA_H

#include "coordinator/trigger/plan.h"

enum {
	QUOTA_PUSH_JOBS = 1024, /* of all runs that one push starts */
	QUOTA_REPO_JOBS = 4096, /* queued or running at one time in a repository */
	/* the same of untrusted pull requests, which do not count there: they cannot keep the
	 * repository's own runs out */
	QUOTA_PULL_JOBS = 1024,
	QUOTA_PULL_RUNS = 50, /* of one pull request that are not over */
};
#define QUOTA_RUN_BYTES MIB(8) /* what a run's jobs and steps take in the store, about */

/* ERR_LIMIT, with the number and the limit. started: jobs that the event has started already. */
int quota_check(const struct trigger *t, const struct repo_row *repo, const struct run_plan *p,
	size_t started, struct err *e) CHECK_RESULT;

#endif
