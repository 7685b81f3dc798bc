/*
 * The home of a job whose image has one: it is mounted over the image's, so it begins with a copy
 * of what stands there. Job process.
 */
#ifndef RUNNER_STEP_HOME_H
#define RUNNER_STEP_HOME_H

#include "runner/context/job.h"

/* In the running step, before its box is used; copies once a job. What the step user may not read
 * is not copied. -1: no box, or an interrupt. */
int home_fill(struct job *j, struct err *e) CHECK_RESULT;

#endif
