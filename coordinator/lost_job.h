/*
 * Jobs whose runner is gone: nobody will ever report on them, so the coordinator ends them as
 * completed/failure with the reason in their log, and their run goes on from there.
 *
 * A job is lost when none of its calls came for the expiry, and either its token cannot be good any
 * more (token.h: 15 minutes; then not even a living runner could report) or its runner sent no
 * heartbeat for the expiry either. Silence while serve itself was down proves nothing but the
 * first.
 */
#ifndef COORDINATOR_LOST_JOB_H
#define COORDINATOR_LOST_JOB_H

#include "coordinator/app.h"

/* Ends every lost job; *ret_count of them. Wakes waiting runners when that freed something. */
int lost_jobs_end(struct app *a, int64_t expiry_us, struct wall now, size_t *ret_count,
	struct err *e) CHECK_RESULT;

#endif
