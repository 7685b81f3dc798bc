/*
 * A step's texts with their expressions rendered, and its environment. What is tainted or secret
 * never becomes script text (docs/WORKFLOWS.md): the script reads it from a variable.
 * Pure but for hashFiles. Job process.
 */
#ifndef RUNNER_CONTEXT_TEXT_H
#define RUNNER_CONTEXT_TEXT_H

#include "runner/context/job.h"

struct step_text {
	char *script;            /* of run */
	char *working_directory; /* absolute, in the box; NULL: the workspace */
	struct pairs with;
	struct strv env; /* NAME=value, complete: defaults, job, earlier steps, step, bindings */
};
/* Errors name the field: `run: line 2, column 5: …`. Release also after -1. */
int step_text_render(
	struct job *j, size_t index, struct step_text *ret, struct err *e) CHECK_RESULT;
void step_text_release(struct step_text *t); /* wipes */

/* Before the step, while no log is open: its name as people shall read it, masked. A name that
 * cannot be rendered stays as it is written. */
void step_name_render(struct job *j, size_t index);
/* Its timeout-minutes and continue-on-error, where an expression gives them: into its spec. */
int step_limits_render(struct job *j, size_t index, struct err *e) CHECK_RESULT;
/* The job's env, once, before its first step: job->job_env. */
int job_env_render(struct job *j, struct err *e) CHECK_RESULT;
/* The job's own `if`; as step_condition. */
int job_condition(struct job *j, struct err *e) CHECK_RESULT;
/* 1 run it, 0 skip it, -1 the condition is wrong. NULL or blank: success(). */
int step_condition(struct job *j, size_t index, struct err *e) CHECK_RESULT;

#endif
