/*
 * Concurrency groups: of one group of a repository, one run or job is at work and one more may
 * wait. Runs and jobs share the names of their repository; upper and lower case are one name.
 *
 * Whoever comes takes the place of the one that waited (it is cancelled), and with
 * cancel-in-progress also ends the one at work. A member is at work from the moment its jobs may
 * be claimed until it is over, so a job that is handed back keeps its place. A run never waits for
 * itself: a job may name the group that its own run holds.
 *
 * Inside a transaction of the caller. For this folder.
 */
#ifndef COORDINATOR_QUEUE_CONCURRENCY_H
#define COORDINATOR_QUEUE_CONCURRENCY_H

#include "base/clock.h"
#include "coordinator/store/store.h"

enum { CONCURRENCY_GROUP_MAX = 400 }; /* bytes of a group's name */

/* A run that was just created with `pending` set: it waits or becomes ready. */
int concurrency_run_enters(
	struct store *s, int64_t run_id, struct wall now, struct err *e) CHECK_RESULT;
/* Jobs of the run that have a group and nothing else to wait for: each waits or becomes ready. */
int concurrency_jobs_enter(struct store *s, int64_t run_id, struct wall now, bool *ret_cancelled,
	struct err *e) CHECK_RESULT;
/* Whoever waits for what this run, or a job of it, held may go on: jobs that are over, or that wait
 * for their environment again. over: the run itself ended. */
int concurrency_leave(
	struct store *s, int64_t run_id, bool over, struct wall now, struct err *e) CHECK_RESULT;

#endif
