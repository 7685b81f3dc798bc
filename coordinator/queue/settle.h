/* What the change of a job's state means for the rest of its run. Private to this folder. */
#ifndef COORDINATOR_QUEUE_SETTLE_H
#define COORDINATOR_QUEUE_SETTLE_H

#include "base/clock.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

/* SQL: the jobs that the job of this row needs, as d; add WHERE. */
#define NEEDS_OF(job)                                                   \
	"SELECT 1 FROM json_each(" job ".needs) n JOIN workflow_jobs d" \
	" ON d.run_id = " job ".run_id AND d.job_key = n.value"
/* SQL: this ended job counts as failed for the run, for its siblings and for the jobs behind it. */
#define JOB_FAILED(job)                                                                \
	"(" job ".conclusion <> 'success' AND NOT (" job ".continue_on_error AND " job \
	".conclusion IN ('failure', 'timed_out')))"
/* SQL: the environment of the job, if it names one, lets it pass (gate.h). */
#define GATE_PASSED(job) "(" job ".environment IS NULL OR " job ".gate = 2)"
/* SQL: nothing of its own run keeps this queued job back: its needs are over, and max-parallel
 * leaves it room among the first open legs. What was ready stays so, as legs before it only get
 * fewer. */
#define JOB_RELEASABLE(job)                                                                     \
	"NOT EXISTS (" NEEDS_OF(job) " WHERE d.status IN ('queued', 'running')"                 \
				     " OR (NOT " job ".asks_status AND " JOB_FAILED(            \
					     "d") "))"                                          \
						  " AND (" job ".max_parallel = 0 OR " job      \
						  ".max_parallel > (SELECT count(*)"            \
						  " FROM workflow_jobs d WHERE d.run_id = " job \
						  ".run_id AND d.job_key = " job                \
						  ".job_key AND d.leg < " job                   \
						  ".leg AND d.status IN ('queued', 'running')))"

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
