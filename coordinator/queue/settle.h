/*
 * What the change of a job's state means for the rest of its run. Private to this folder.
 *
 * Jobs of one key are the legs of one job of the file; a job without matrix is its only leg. The
 * tables job_keys, job_needs and job_counts, which triggers of the schema keep, say what may
 * follow, so that the cost of a change does not grow with the run.
 */
#ifndef COORDINATOR_QUEUE_SETTLE_H
#define COORDINATOR_QUEUE_SETTLE_H

#include "base/clock.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

/* SQL: the environment of the job, if it names one, lets it pass (gate.h). */
#define GATE_PASSED(job) "(" job ".environment IS NULL OR " job ".gate = 2)"
/* SQL: the needs of the key k are over. Its jobs run if they went well, or if its condition is
 * there to ask how they went. */
#define NEEDS_OVER "k.needs_open = 0 AND (k.needs_failed = 0 OR k.asks_status <> 0)"
/* SQL: the jobs j of the run ?1 that nothing of their own run keeps back and that neither are ready
 * nor wait elsewhere: their needs are over, and max-parallel leaves them room (last_leg). What was
 * ready stays so, as legs before it only get fewer. The indexes hold what is due alone; left to
 * itself the database walks the run. */
#define KEYS_DUE                                                 \
	"job_keys k INDEXED BY job_keys_due WHERE k.run_id = ?1" \
	" AND k.held > 0 AND " NEEDS_OVER
#define JOBS_DUE                                                                     \
	"job_keys k INDEXED BY job_keys_due"                                         \
	" CROSS JOIN workflow_jobs j INDEXED BY workflow_jobs_held"                  \
	" WHERE j.run_id = k.run_id AND j.job_key = k.job_key"                       \
	" AND k.run_id = ?1 AND k.held > 0 AND " NEEDS_OVER                          \
	" AND j.status = 'queued' AND j.ready = 0 AND j.pending = 0 AND j.gate <> 1" \
	" AND j.unfold <> 1 AND j.leg <= k.last_leg"

/* After every change of a job's state, in its transaction; *ret is the run's state. */
int run_settle(struct store *s, int64_t run_id, struct wall now, struct state *ret,
	struct err *e) CHECK_RESULT;
/* Ends the open steps of a job that ended so. */
int job_steps_close(struct store *s, int64_t job_id, struct state job, struct wall now,
	struct err *e) CHECK_RESULT;
/* Writes a job's state; times of 0 leave what is there (started) or clear it (completed). */
int job_state_write(struct store *s, int64_t id, struct state st, struct wall started,
	struct wall completed, struct err *e) CHECK_RESULT;

#endif
