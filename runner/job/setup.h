/* What a job needs before its first step: engine, seccomp profile, gate, image, boxes. Job process.
 */
#ifndef RUNNER_JOB_SETUP_H
#define RUNNER_JOB_SETUP_H

#include "runner/context/job.h"

struct workspace_watch;

/* -1: the reason for the log of the first step. *ret_watch keeps the workspace below its limit
 * until it is freed; NULL when that could not be started. */
int job_setup(struct job *j, struct workspace_watch **ret_watch, struct err *e) CHECK_RESULT;
/* In the running step, what needs a log to report to: the image, when it is pulled, and its boxes.
 */
int job_setup_rest(struct job *j, struct err *e) CHECK_RESULT;

#endif
