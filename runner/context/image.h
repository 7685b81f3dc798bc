/*
 * The image of a job's steps, pinned by its id before the first of them runs: all boxes of a job
 * are made of the very image that the log names, whatever happens to its tag meanwhile.
 *
 * An image that is already here is inspected while the job is set up, so its boxes start beside the
 * checkout. A pull stands before the first step that runs and tells that step's log; the clocks of
 * the job and of the step stand still meanwhile, engine.pull_timeout runs instead.
 *
 * One pull per image at a time for all jobs of a runner: who pulls holds a lock on
 * <state_dir>/pulls/<hash of the reference>. A lock of the file system, because it ends with the
 * process that holds it and the supervisor need know nothing of images. Who waited takes what the
 * other one got.
 */
#ifndef RUNNER_CONTEXT_IMAGE_H
#define RUNNER_CONTEXT_IMAGE_H

#include "base/err.h"
#include "engine/image.h"

struct job;

/* What the job has of the engine. */
struct job_engine {
	struct engine *client;
	struct box_job *boxes;     /* NULL: none are needed, or not yet */
	struct image image;        /* of the boxes */
	bool image_wanted;         /* a pull stands before the first step; there are no boxes yet */
	bool image_reported;       /* a log names it */
	bool home_wanted;          /* what the image has at its HOME is to be copied */
	char *seccomp, *gate_path; /* of the boxes */
};
/* After the steps' boxes. */
void job_engine_release(struct job_engine *g);

/* At set-up: allowed, and here unless a pull is to come (engine.image_wanted). */
int job_image_check(struct job *j, struct err *e) CHECK_RESULT;
/* In the running step: pulls when wanted, says which image it is. -1 also when interrupted. */
int job_image_ready(struct job *j, struct err *e) CHECK_RESULT;

#endif
