/*
 * The jobs of a local run: a workflow's jobs in an order that honours `needs`, each matrix expanded
 * into legs. Also what is decided while they run: whether a job may run, and what its `needs` came
 * to. Pure, no I/O; borrows the workflow and the event.
 *
 *	local_plan_make(&plan, &workflow, &choice, &event, &e);
 *	while some plan.v[i] has no result: of those that local_plan_is_ready(&plan, i) each is
 *decided (local_plan_decide), run, and gets its result and outputs
 */
#ifndef RUNNER_LOCAL_PLAN_H
#define RUNNER_LOCAL_PLAN_H

#include "base/json.h"
#include "workflow/event.h"
#include "workflow/expr/expr.h"
#include "workflow/leg.h"
#include "workflow/workflow.h"

/* There is one repository and one run of it here. */
enum { LOCAL_REPOSITORY_ID = 1, LOCAL_RUN_NUMBER = 1 };

/* What all jobs of one run share. */
struct local_event {
	const char *name; /* push, pull_request, workflow_dispatch */
	struct json_doc *payload;
	struct pairs inputs, vars, secrets, env;
	const char *workflow_file;
	const char *sha, *ref, *repository, *url, *actor; /* of the repository */
	const char *default_branch;                       /* NULL: not known */
	const char *before;                               /* the commit before sha; NULL: none */
	struct event_commit commit;                       /* of sha, without its id */
	const char *cron;                                 /* schedule; NULL: none */
	int64_t run_id;
};
void local_event_release(struct local_event *ev); /* what it owns; wipes the secrets */

struct local_job {
	const struct workflow_job *job;
	struct pairs row;        /* of the matrix, name → JSON */
	struct leg_place place;  /* which one of how many of this job, and what its strategy says */
	int64_t timeout_minutes; /* known once it may run */
	bool continue_on_error;  /* the same */
	bool matrix_tainted;     /* the row holds values from outside */
	bool waits;              /* it stands for legs that are not known yet */
	char *name;              /* "test (linux, 3.11)" */
	int64_t id;              /* from 1 */
	bool running;
	const char *result;   /* a conclusion; NULL until it is over */
	struct pairs outputs; /* once it is over */
	int64_t took_us;
};

struct local_plan {
	const struct workflow *workflow;
	const struct local_event *event;
	const struct local_choice *choice;
	struct local_job *v;
	size_t n;
};

/* What the user wants of the workflow. */
struct local_choice {
	struct strv jobs;   /* keys; with what they need. Empty: all */
	struct strv matrix; /* name=value; several of a name are alternatives */
};

/* ERR_INPUT: a choice that names nothing. The choice is borrowed. */
int local_plan_make(struct local_plan *ret, const struct workflow *w,
	const struct local_choice *choice, const struct local_event *ev,
	struct err *e) CHECK_RESULT;
void local_plan_release(struct local_plan *p);

/* Puts the legs of a job that waits in its place, once it may run: *ret_n of them, from i on. */
int local_plan_unfold(struct local_plan *p, size_t i, size_t *ret_n, struct err *e) CHECK_RESULT;
bool local_plan_waits(const struct local_plan *p); /* some job waits for its legs */
/* Timeout and continue-on-error of a leg that may run. */
int local_job_limits(const struct local_plan *p, struct local_job *j, struct err *e) CHECK_RESULT;
/* What it needs is over, and its strategy lets one more leg run. */
bool local_plan_is_ready(const struct local_plan *p, size_t i);
/* Whether any two of its jobs can run at the same time. */
bool local_plan_is_parallel(const struct local_plan *p);
/* i failed, and its matrix must not go on: whether leg k, which runs, is to be cancelled. */
bool local_plan_takes_along(const struct local_plan *p, size_t i, size_t k);

enum local_decision {
	LOCAL_UNDECIDED, /* its condition is in error */
	LOCAL_RUN,
	LOCAL_STAYS_OUT, /* *ret_result: "skipped" or "cancelled"; *ret_why: a constant reason */
};
/* cancelled: the user stopped the run; jobs that ask for that (always(), cancelled()) still run. */
enum local_decision local_plan_decide(const struct local_plan *p, size_t i, bool cancelled,
	const char **ret_result, const char **ret_why, struct err *e) CHECK_RESULT;
/* Whether it ended badly and that counts: continue-on-error is not set. */
bool local_job_failed(const struct local_job *j);
/* What all legs of a job came to; NULL while one is not over. */
const char *local_plan_result(const struct local_plan *p, const char *key);
/* What all legs of a job put out; of a name the last leg counts that gave it a text. */
void local_plan_outputs(const struct local_plan *p, const char *key, struct pairs *ret);

/* For names and conditions. row NULL: no matrix is known yet. */
struct expr_context local_plan_context(const struct local_plan *p, const struct workflow_job *job,
	const struct pairs *row, struct expr_arena *a, enum expr_status status);

#endif
