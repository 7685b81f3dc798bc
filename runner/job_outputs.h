/*
 * The outputs of a job: texts of its workflow, rendered when its steps are over and told to the
 * coordinator in one call, POST …/outputs. Only a coordinator whose claim names outputs is told:
 * others would refuse the call. A value that is secret, or holds something that logs would mask, is
 * not passed on: it would reach other jobs unmasked. Job process.
 */
#ifndef RUNNER_JOB_OUTPUTS_H
#define RUNNER_JOB_OUTPUTS_H

struct job;

/* Before the job's last status. Waits for the answer, for a while; what is not told is logged. */
void job_outputs_report(struct job *j);

#endif
