/*
 * A script of the runner's own in a box of the running step, under the same confinement as a `run`
 * step. What it prints is untrusted: anything in the image may have printed it. Job process.
 */
#ifndef RUNNER_STEP_BOX_CAPTURE_H
#define RUNNER_STEP_BOX_CAPTURE_H

#include "runner/context/job.h"

/* Runs sh on the script and collects both streams, as far as ret->max goes; the rest is dropped.
 * env: NAME=value, complete. -1: no box, an interrupt, or an exit code other than 0. */
int box_capture(struct job *j, const char *script, const struct strv *env, struct buf *ret,
	struct err *e) CHECK_RESULT;

/* The same in a box of its own, in which the image's HOME shows and the job's home is at BOX_HOME.
 */
int box_capture_beside(struct job *j, const char *script, const struct strv *env, struct buf *ret,
	struct err *e) CHECK_RESULT;

#endif
