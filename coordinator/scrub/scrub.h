/*
 * What runners send is masked once more here, before it is stored: a runner may be old, wrong or
 * hostile. A job's log is masked with the secrets that its claim carried, so it is of no matter
 * when one of them is changed meanwhile; they are kept (sealed) until the job is over.
 *
 * Owns the maskers of running jobs; jobs with the same secrets share one. What could still become a
 * secret at the end of a chunk is held back with the step (sealed), in the same transaction: a
 * reader never sees it before it is decided, and a crash or another process changes nothing. Used
 * on one thread at a time.
 */
#ifndef COORDINATOR_SCRUB_SCRUB_H
#define COORDINATOR_SCRUB_SCRUB_H

#include "base/codec.h"
#include "coordinator/app/app.h"

/* Of one claim, in bytes: more could neither be masked by a runner nor here. */
#define SCRUB_VALUES_MAX KIB(512)

struct scrub *scrub_new(void);
void scrub_free(struct scrub *s); /* NULL fine */

/* In the transaction of the claim: from now on the job's log is masked with the values (keys are
 * their names). ERR_LIMIT past SCRUB_VALUES_MAX or MASK_VALUES_MAX. */
int scrub_claimed(
	struct app *a, int64_t job_id, const struct pairs *secrets, struct err *e) CHECK_RESULT;
/* Stores one chunk of a step's log, masked (step_id 0: of the first step); one that came before
 * (log_seq_is_new) changes nothing, and what is past a limit is dropped (log_quota.h). */
int scrub_log(struct app *a, int64_t job_id, int64_t step_id, int64_t seq, struct slice chunk,
	struct wall now, struct err *e) CHECK_RESULT;
/* The step has ended, or (step_id 0) all of the job's: what was held back is decided. */
int scrub_end(struct app *a, int64_t job_id, int64_t step_id, struct wall now,
	struct err *e) CHECK_RESULT;
/* The same for steps that ended without a word of their runner; then values of jobs that are over
 * are dropped. Every few seconds. */
int scrub_sweep(struct app *a, struct wall now, struct err *e) CHECK_RESULT;
/* Is one of the job's secrets in the text? 1, 0, -1. */
int scrub_finds(struct app *a, int64_t job_id, const char *text, struct err *e) CHECK_RESULT;

#endif
