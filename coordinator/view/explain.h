/* Why the jobs of a run wait, as JSON for the API and the command line alike. */
#ifndef COORDINATOR_VIEW_EXPLAIN_H
#define COORDINATOR_VIEW_EXPLAIN_H

#include "base/json.h"
#include "coordinator/queue/explain.h"

/* An array of {job_id, name, reasons: [{kind, text}]}. */
void job_waits_write(struct json_writer *w, const struct job_waits *l);
/* Of a run (job_id 0) or of one job of it (run_id 0: its run is looked up). */
int job_waits_load(struct store *s, int64_t run_id, int64_t job_id, struct job_waits *ret,
	struct err *e) CHECK_RESULT;
/* The first `most` queued jobs of a run; runners: the whole pool, read once for many runs. */
int job_waits_first(struct store *s, int64_t run_id, size_t most, const struct runner_list *runners,
	struct job_waits *ret, struct err *e) CHECK_RESULT;

#endif
