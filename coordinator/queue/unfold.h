/*
 * Jobs whose legs depend on other jobs: a matrix, a name or labels that name `needs`. Such a job is
 * one row until its needs are over; then its legs take the row's place, or it ends without any.
 */
#ifndef COORDINATOR_QUEUE_UNFOLD_H
#define COORDINATOR_QUEUE_UNFOLD_H

#include "coordinator/queue/run_create.h"
#include "coordinator/store/job.h"

/* 1 and the oldest job whose needs are over, 0, -1. */
int store_unfold_next(struct store *s, struct job_row *ret, struct err *e) CHECK_RESULT;
/* In its caller's transaction, as the run may not change between the two. ERR_INPUT, ERR_LIMIT: the
 * legs cannot be stored, and nothing was changed. */
int store_unfold_legs(struct store *s, const struct job_row *job, const struct run_job_spec *legs,
	size_t n, struct wall now, struct err *e) CHECK_RESULT;
/* It ends without legs: skipped, or failure with the reason. */
int store_unfold_end(struct store *s, const struct job_row *job, enum conclusion c,
	const char *reason, struct wall now, struct err *e) CHECK_RESULT;

#endif
