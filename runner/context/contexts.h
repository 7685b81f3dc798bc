/*
 * What expressions of a job can read: the contexts of docs/EXPRESSIONS.md, made from the claim
 * and from how the steps went so far. Values keep their flags (tainted, secret) on the way through
 * env. Job process.
 */
#ifndef RUNNER_CONTEXT_CONTEXTS_H
#define RUNNER_CONTEXT_CONTEXTS_H

#include "workflow/expr/render.h"

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

/* What expressions and steps share of a job. */
struct job_values {
	struct expr_arena *kept;    /* values that live as long as the job */
	struct expr_value event;    /* shithub.event, in kept */
	struct flagged_env job_env; /* the claim's, rendered */
	struct pairs env;           /* set by steps through SHITHUB_ENV */
	struct strv path;           /* and SHITHUB_PATH, strongest first */
	bool in_callback;           /* no waiting here: hashFiles() is an error */
};
/* Before any context: what never changes and may be large. */
void job_values_init(struct job_values *v, const struct json_value *event_payload);
void job_values_release(struct job_values *v);

/* The contexts as they are now. step: its index, or NO_STEP (context/facts.h). step_env: its own,
 * NULL when that is not known yet. What is returned lives in a. */
struct expr_context job_context(const struct job *j, struct expr_arena *a, size_t step,
	const struct flagged_env *step_env, enum expr_status status);
/* success, failure or cancelled, for conditions. */
enum expr_status job_status(const struct job *j);

#endif
