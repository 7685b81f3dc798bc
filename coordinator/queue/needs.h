/* How the jobs that a job needs ended. Pure. */
#ifndef COORDINATOR_QUEUE_NEEDS_H
#define COORDINATOR_QUEUE_NEEDS_H

#include "base/json.h"
#include "coordinator/store/job.h"

/* What success(), failure() and cancelled() of the job's condition go by: success, failure or
 * cancelled (it, or a job before it), or skipped. all: the jobs of the run; cancelled: the run was.
 */
const char *needs_status(
	const struct job_list *all, const struct strv *needs, bool cancelled) CHECK_RESULT;
/* The `needs` context: a result and outputs of each. */
void needs_write(struct json_writer *w, const struct job_list *all, const struct strv *needs);

#endif
