/*
 * The jobs of a local run: a workflow's jobs in an order that honours `needs`, each matrix expanded
 * into legs. Also what is decided while they run: whether a job may run, and what its `needs` came
 * to. Pure, no I/O; borrows the workflow and the event.
 *
 *	local_plan_make(&plan, &workflow, &choice, &event, &e);
 *	for each plan.v[i]: local_plan_decide(&plan, i, …), run it, set plan.v[i].result
 */
#ifndef RUNNER_LOCAL_PLAN_H
#define RUNNER_LOCAL_PLAN_H

#include "base/json.h"
#include "workflow/expr.h"
#include "workflow/workflow.h"

/* What all jobs of one run share. */
struct local_event {
	const char *name; /* push, pull_request, workflow_dispatch */
	struct json_doc *payload;
	struct pairs inputs, vars, secrets, env;
	const char *workflow_file;
	const char *sha, *ref, *repository, *url, *actor; /* of the repository */
	int64_t run_id;
};
void local_event_release(struct local_event *ev); /* what it owns; wipes the secrets */

struct local_job {
	const struct workflow_job *job;
	struct pairs row;   /* of the matrix, name → JSON */
	size_t leg, legs;   /* which one of how many of this job */
	char *name;         /* "test (linux, 3.11)" */
	int64_t id;         /* from 1 */
	const char *result; /* a conclusion; NULL until it is over */
	int64_t took_us;
};

struct local_plan {
	const struct workflow *workflow;
	const struct local_event *event;
	struct local_job *v;
	size_t n;
};

/* What the user wants of the workflow. */
struct local_choice {
	struct strv jobs;   /* keys; with what they need. Empty: all */
	struct strv matrix; /* name=value; several of a name are alternatives */
};

/* ERR_INPUT: a choice that names nothing. */
int local_plan_make(struct local_plan *ret, const struct workflow *w,
	const struct local_choice *choice, const struct local_event *ev,
	struct err *e) CHECK_RESULT;
void local_plan_release(struct local_plan *p);

/* 1: run it; 0: not, *ret_result is its result ("skipped", "cancelled") and *ret_why a constant
 * reason; -1: its condition is in error. cancelled: the user wants no more. */
int local_plan_decide(const struct local_plan *p, size_t i, bool cancelled, const char **ret_result,
	const char **ret_why, struct err *e) CHECK_RESULT;
/* What all legs of a job came to; NULL while one is not over. */
const char *local_plan_result(const struct local_plan *p, const char *key);

/* For names and conditions. row NULL: no matrix is known yet. */
struct expr_context local_plan_context(const struct local_plan *p, const struct workflow_job *job,
	const struct pairs *row, struct expr_arena *a, enum expr_status status);

#endif
