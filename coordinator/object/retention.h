/*
 * What is kept for how long; `shithubd run-job workflow:cleanup` runs it, beside serve.
 *   chunks  of steps that ended: moved into one object per step, which is read like the chunks were
 *   blobs   artifacts past their expiry, object before row
 *   runs    that ended and are not pinned: objects, then rows
 *   jwt     ids of used job tokens, long after the tokens themselves expired
 *   evidence  of host hygiene
 *   bucket  artifacts and parts of uploads in it that nothing leads to
 */
#ifndef COORDINATOR_OBJECT_RETENTION_H
#define COORDINATOR_OBJECT_RETENTION_H

#include "coordinator/app/app.h"

#define DAYS_US(n) ((n)*24 * 3600 * USEC_PER_SEC)
enum { KEEP_CHUNKS_DAYS = 7, KEEP_RUNS_DAYS = 365, KEEP_JWT_DAYS = 30, KEEP_EVIDENCE_DAYS = 365 };
struct retention {
	int64_t chunks_us, runs_us, jwt_us, evidence_us; /* ages */
};
struct retention_done {
	int64_t chunks, blobs, runs, jwt_used, evidence;
};
/* a: objects, store, metrics. What was done before an error stays done and is counted. */
int retention_run(struct app *a, const struct retention *r, struct wall now,
	struct retention_done *ret, struct err *e) CHECK_RESULT;

#endif
