/* Cancelling jobs and runs. */
#ifndef COORDINATOR_QUEUE_CANCEL_H
#define COORDINATOR_QUEUE_CANCEL_H

#include "base/clock.h"
#include "coordinator/store/job.h"
#include "coordinator/store/store.h"

/* Counts jobs, once each, whoever or whatever cancelled them. */
#define JOB_CANCELS_COUNTER "shithub_actions_job_cancellations_total"

/* why: for the author, "cancelled by ada". */
/* Queued: cancelled at once. Running: cancel_requested. Terminal: ERR_CONFLICT. */
int store_job_cancel(struct store *s, int64_t job_id, const char *why, struct wall now,
	struct job_row *ret, struct err *e) CHECK_RESULT;
/* Every open job of the run; the first time without those whose condition asks how others ended.
 * ERR_CONFLICT when it is terminal already. */
int store_run_cancel(struct store *s, int64_t run_id, const char *why, struct wall now,
	struct err *e) CHECK_RESULT;
/* The same, but nothing when it was cancelled before. For this folder, in a transaction. */
int run_cancel_once(struct store *s, int64_t run_id, const char *why, struct wall now,
	struct err *e) CHECK_RESULT;
/* Ends a queued job; the caller settles the run. For this folder. */
int job_cancel_queued(struct store *s, int64_t job_id, struct wall now, struct err *e) CHECK_RESULT;

#endif
