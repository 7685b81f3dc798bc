/*
 * The environment of a step, weakest first: the image's, the runner's defaults (each as SHITHUB_*
 * and GITHUB_*), the job's env, what earlier steps set, the step's env.
 */
#ifndef RUNNER_CONTEXT_ENV_H
#define RUNNER_CONTEXT_ENV_H

#include "engine/image.h"
#include "runner/context/contexts.h"
#include "workflow/shithub.h"

/* Adds NAME=value lines; own: the step's env, rendered. */
void step_env(const struct shithub_facts *f, const struct image *image, const struct job_values *v,
	const struct pairs *own, struct strv *ret);

#endif
