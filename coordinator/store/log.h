/* Step logs as numbered chunks. */
#ifndef COORDINATOR_STORE_LOG_H
#define COORDINATOR_STORE_LOG_H

#include "base/buf.h"
#include "base/clock.h"
#include "coordinator/store/store.h"

/* Where the log of a step stands. `seq` counts what the runner sent; rows have a number of their
 * own, as one chunk may come to none (all of it held back) and a note of ours is one, too. */
struct log_step {
	int64_t id, job_id, bytes;
	int64_t job_bytes, run_bytes; /* of all steps of its job and of its run */
	bool full;                    /* nothing more is kept (coordinator/scrub/log_quota.h) */
	int64_t seq;                  /* the runner's last, -1: nothing came yet */
	char *held; /* bytes that are not decided yet, sealed by the caller (coordinator/scrub) */
	size_t held_len;
};
struct log_steps {
	struct log_step *v;
	size_t n;
};
void log_step_release(struct log_step *t);
void log_steps_release(struct log_steps *l);
/* step_id 0: the job's first step. ERR_NOT_FOUND when the step is not of this job. */
int store_log_step(struct store *s, int64_t job_id, int64_t step_id, struct log_step *ret,
	struct err *e) CHECK_RESULT;
/* Numbers rise; gaps are no matter. One that is not above the last is a repetition: put between
 * what is masked and stored already it could make a secret whole. */
static inline bool log_seq_is_new(const struct log_step *t, int64_t seq)
{
	return seq > t->seq;
}
/* Adds text (it may be empty), notes seq as the runner's last and replaces what is held back; when
 * nothing is any more, notes that waited for that come behind the text. */
int store_log_put(struct store *s, const struct log_step *t, int64_t seq, struct slice text,
	struct slice held, struct wall now, struct err *e) CHECK_RESULT;
/* Steps of a job that hold something back; job_id 0: all such steps that have ended. */
int store_log_held(
	struct store *s, int64_t job_id, struct log_steps *ret, struct err *e) CHECK_RESULT;

/* A chunk as it is. The same (step, seq) again changes nothing. */
int store_log_append(struct store *s, int64_t job_id, int64_t step_id, int64_t seq, const void *p,
	size_t n, struct wall now, struct err *e) CHECK_RESULT;
/* Adds a line of the coordinator's own behind the last chunk of the job's open step, else of the
 * last one that began, else of its first. Where something is held back it waits until that is
 * decided, as it would stand in the middle of a line. A full log takes no more; that is no error.
 */
int store_log_note(struct store *s, int64_t job_id, const char *line, struct wall now,
	struct err *e) CHECK_RESULT;
/* Calls fn with each chunk in order; fn's -1 ends the walk and is returned. */
int store_log_each(struct store *s, int64_t step_id, int (*fn)(void *data, const char *p, size_t n),
	void *data, struct err *e) CHECK_RESULT;

/* The length of each chunk and when it came, in order. */
int store_log_arrivals(struct store *s, int64_t step_id,
	void (*fn)(void *data, int64_t bytes, struct wall at), void *data,
	struct err *e) CHECK_RESULT;
/* The times of an archived log, packed by the caller (coordinator/object/log_times.h); they go with
 * their step. get: 1 and appended to out, 0 there are none (older programs kept none), -1. */
int store_log_times_put(
	struct store *s, int64_t step_id, struct slice packed, struct err *e) CHECK_RESULT;
int store_log_times_get(
	struct store *s, int64_t step_id, struct buf *out, struct err *e) CHECK_RESULT;

/* No chunk has this number: what old programs stored has the numbers that runners gave it. */
#define LOG_START INT64_MIN
/* The first chunk with a number above `after` (LOG_START: from the start) appended to out: 1 and
 * *ret_seq and *ret_at (when it came), 0 there is none, -1. */
int store_log_next(struct store *s, int64_t step_id, int64_t after, struct buf *out,
	int64_t *ret_seq, struct wall *ret_at, struct err *e) CHECK_RESULT;

/* ---- what a job's log is masked with, from its claim to its end ---- */

/* digest: says whether two jobs have the same values, and nothing else. n 0: none any more. */
int store_job_mask_set(struct store *s, int64_t job_id, struct slice digest, struct slice sealed,
	struct err *e) CHECK_RESULT;
/* The digest appended to out: 1, 0 the job has nothing to mask, -1. */
int store_job_mask_digest(
	struct store *s, int64_t job_id, struct buf *out, struct err *e) CHECK_RESULT;
int store_job_mask_get(
	struct store *s, int64_t job_id, struct buf *out, struct err *e) CHECK_RESULT;
/* Drops those of jobs that are over and hold nothing back. */
int store_job_masks_prune(struct store *s, struct err *e) CHECK_RESULT;

#endif
