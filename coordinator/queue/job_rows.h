/* Writing the rows of runs and jobs. Private to this folder; in the caller's transaction. */
#ifndef COORDINATOR_QUEUE_JOB_ROWS_H
#define COORDINATOR_QUEUE_JOB_ROWS_H

#include "coordinator/queue/run_create.h"
#include "coordinator/store/job.h"

/* The run's own row, under the numbers that were reserved for it (run_create.c). */
int run_row_insert(struct store *s, const struct run_spec *r, const struct run_created *at,
	struct wall now, struct err *e) CHECK_RESULT;
/* Its first jobs become ready, unless it waits for approval or for its concurrency group. */
int run_row_start(struct store *s, int64_t run_id, const struct run_spec *spec, struct wall now,
	struct err *e) CHECK_RESULT;

/* Whether the spec can be stored. */
int job_rows_check(const struct run_job_spec *j, struct err *e) CHECK_RESULT;
int concurrency_check(const struct concurrency_spec *c, struct err *e) CHECK_RESULT;
int job_rows_insert(struct store *s, int64_t run_id, int64_t position, const struct run_job_spec *j,
	struct wall now, struct err *e) CHECK_RESULT;
/* Of an earlier run, with states that start anew. fold: a job whose legs were made when its needs
 * were over waits for them again; of its legs the first one is copied. */
int job_rows_copy(struct store *s, const struct job_row *from, int64_t to_run, bool fold,
	struct wall now, struct err *e) CHECK_RESULT;
/* Of an earlier run, with its result and outputs. Steps, logs and artifacts stay where they are. */
int job_row_keep(struct store *s, int64_t from_job, int64_t to_run, struct err *e) CHECK_RESULT;

#endif
