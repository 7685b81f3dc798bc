/*
 * The environment of a step, weakest first: what the image's shell needs, the runner's defaults
 * (each as SHITHUB_* and GITHUB_*), the job's env, what earlier steps set, the step's env.
 */
#ifndef RUNNER_STEP_ENV_H
#define RUNNER_STEP_ENV_H

#include "runner/job.h"

/* The runner's own defaults alone. */
void step_env_defaults(const struct job *j, struct pairs *ret);
/* Adds NAME=value lines; own: the step's env, rendered. */
void step_env(const struct job *j, const struct pairs *own, struct strv *ret);

#endif
