/* What runners report: states of jobs and steps, and a job's outputs. */
#ifndef COORDINATOR_QUEUE_REPORT_H
#define COORDINATOR_QUEUE_REPORT_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/job.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

struct state_report {
	struct state state;
	struct wall started_at, completed_at; /* 0: not said, now is taken where it fits */
};
/* A runner's clock may be wrong and its report late, but what it tells of happened while the job
 * was its own: what lies before the claim or after now becomes the claim's time or now, and an end
 * is not before its begin. More than REPORT_AHEAD_US from now is no clock but nonsense: ERR_INPUT.
 */
#define REPORT_AHEAD_US (24 * 3600 * USEC_PER_SEC)
int state_report_times(
	struct state_report *r, struct wall claimed, struct wall now, struct err *e) CHECK_RESULT;
/* Applies a report by state_apply, closes open steps, skips jobs whose needs failed, makes those
 * ready whose needs succeeded, rolls the run up. */
int store_job_report(struct store *s, int64_t job_id, const struct state_report *r, struct wall now,
	struct state *ret_job, struct state *ret_run, struct err *e) CHECK_RESULT;
/* How the coordinator ends a job on which no runner will report. */
struct job_end {
	struct state state;
	const char *what, *why; /* "Runner lost", "r1 has sent nothing …": without a full stop */
};
/* "WHAT: WHY." is the last line of its log and WHY its reason, in the transaction of its end: who
 * reads that the job is over can read why. */
int store_job_end(struct store *s, int64_t job_id, const struct job_end *end, struct wall now,
	struct err *e) CHECK_RESULT;
/* ERR_NOT_FOUND when the step is not of this job. */
int store_step_report(struct store *s, int64_t job_id, int64_t step_id,
	const struct state_report *r, struct wall now, struct state *ret, bool *ret_changed,
	struct err *e) CHECK_RESULT;
/* What the job's outputs came to; names that its workflow does not have are ERR_INPUT. */
int store_job_outputs(struct store *s, const struct job_row *job, const struct pairs *outputs,
	struct err *e) CHECK_RESULT;

#endif
