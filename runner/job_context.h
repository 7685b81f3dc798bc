/*
 * What expressions of a job may look at: the contexts of docs/EXPRESSIONS.md, made from the claim
 * and from how the steps went so far. Values keep their flags (tainted, secret) on the way through
 * env. Job process.
 */
#ifndef RUNNER_JOB_CONTEXT_H
#define RUNNER_JOB_CONTEXT_H

#include "workflow/render.h"

struct job;

/* Environment entries with what is in their values. */
struct flagged_env {
	struct pairs pairs;
	unsigned *flags; /* enum expr_flags, one for each pair */
};
void flagged_env_set(struct flagged_env *f, const char *key, const char *value, unsigned flags);
void flagged_env_release(struct flagged_env *f);

/* Renders every value of `from` in the given context; errors name `field.KEY`. */
int flagged_env_render(struct flagged_env *ret, const char *field, const struct pairs *from,
	const struct expr_context *c, struct err *e) CHECK_RESULT;

/* Once a job, before any context: what never changes and may be large. */
void job_context_setup(struct job *j);
/* The contexts as they are now. step_env: the step's own, NULL when it is not known yet. What is
 * returned lives in a. */
struct expr_context job_context(const struct job *j, struct expr_arena *a,
	const struct flagged_env *step_env, enum expr_status status);
/* success, failure or cancelled, for conditions. */
enum expr_status job_status(const struct job *j);

#endif
