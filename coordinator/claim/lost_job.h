/*
 * Jobs on which nobody will report. There are two kinds.
 *
 * Absent jobs: their runner says that it has them no longer. They end as cancelled.
 *
 * Lost jobs: their runner is gone: nobody will ever report on them. One that has had no effect yet
 * is queued once more (queue/claim.h); the others end as completed/failure with the reason in their
 * log, and their run goes on from there.
 *
 * A job is lost when none of its calls came for the expiry, and either its token cannot be good any
 * more (token.h: 15 minutes; then not even a living runner could report) or its runner sent no
 * heartbeat for the expiry either. Silence while serve itself was down proves nothing but the
 * first.
 */
#ifndef COORDINATOR_CLAIM_LOST_JOB_H
#define COORDINATOR_CLAIM_LOST_JOB_H

#include "base/ids.h"
#include "coordinator/app/app.h"
#include "coordinator/store/job.h"

/* What a runner says it has. */
struct active_jobs {
	int64_t runner_id;
	const struct ids *ids;
	/* Idempotency-Key of the heartbeat that says so, NULL: none. A job that this key brought is
	 * younger than what it says: the heartbeat came twice. */
	const char *key;
};
/* The runner's other running jobs, at most LIMIT_ACTIVE_JOBS at a time. */
int absent_jobs_list(struct store *s, const struct active_jobs *active, struct job_list *ret,
	struct err *e) CHECK_RESULT;
/* Ends them; *ret_count of them. The same again ends nothing more. */
int absent_jobs_end(struct app *a, const struct active_jobs *active, struct wall now,
	size_t *ret_count, struct err *e) CHECK_RESULT;

/* Ends every lost job or queues it again; *ret_count of them. Wakes waiting runners when that freed
 * something. */
int lost_jobs_end(struct app *a, int64_t expiry_us, struct wall now, size_t *ret_count,
	struct err *e) CHECK_RESULT;

/* After the store was restored from a backup: ends all running jobs as lost. Nobody can say what
 * they did since then, so none is started again. a: store alone. why: as in struct job_end. */
int restored_jobs_end(struct app *a, const char *why, struct wall now, size_t *ret_count,
	struct err *e) CHECK_RESULT;

#endif
