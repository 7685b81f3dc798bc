/*
 * Boxes: step containers that were started ahead, each with the transport to it. Some are prepared
 * while earlier steps run, so that a step's script starts at once. One for each step, or with
 * engine.isolation = job one for all. Job process.
 */
#ifndef RUNNER_STEP_BOXES_H
#define RUNNER_STEP_BOXES_H

#include "runner/context/job.h"

enum { BOXES_AHEAD = 2 };

/* Whether any step of the job runs in a box. */
bool boxes_needed(const struct job_spec *s);
/* Prepares boxes for the first BOXES_AHEAD steps at or after index that want one and have none. */
void boxes_prepare(struct job *j, size_t index);
void boxes_free(struct step_run *runs, size_t n); /* NULL fine */

/* The running step's box becomes job->step.box. */
void boxes_take(struct job *j);
/* It ends, or waits for the next step when all share one and this step left it in order. */
void boxes_give_back(struct job *j, bool in_order);

#endif
