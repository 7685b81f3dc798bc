/*
 * The outputs of a job: texts of its workflow, rendered when its steps are over and sent to the
 * coordinator in one call, POST …/outputs, if its claim names outputs: others would refuse the
 * call. A value that is secret, or holds something that logs would mask, is not passed on: it would
 * reach other jobs unmasked. Nor is what is over LIMIT_JOB_OUTPUTS. The log of the last step that
 * ran says what was left out and why. Job process.
 */
#ifndef RUNNER_CONTEXT_OUTPUTS_H
#define RUNNER_CONTEXT_OUTPUTS_H

struct job;

/* While the log of the last step is open. Waits for the answer, for a while. -1: they cannot be
 * sent; the job fails. */
int job_outputs_report(struct job *j);

#endif
