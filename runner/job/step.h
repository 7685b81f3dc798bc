/* One step to its end: condition, texts, script or action, log, statuses. Job process. */
#ifndef RUNNER_JOB_STEP_H
#define RUNNER_JOB_STEP_H

#include "runner/context/job.h"

void job_step(struct job *j, size_t index);
/* After the last one: says why the job ended early, if it did, and reports what is left. Until then
 * the log of the last step that ran is open (job->step.log). */
void job_steps_end(struct job *j);

#endif
