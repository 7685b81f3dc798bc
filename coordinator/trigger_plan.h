/*
 * A parsed workflow as what the store takes: the job and step rows of a run, with the workflow's
 * env, permissions and run defaults folded into each job and step, and each matrix expanded into
 * its legs, whose names and labels are rendered here. Borrows from the workflow.
 */
#ifndef COORDINATOR_TRIGGER_PLAN_H
#define COORDINATOR_TRIGGER_PLAN_H

#include "coordinator/trigger.h"
#include "workflow/workflow.h"

/* What the expressions in names and labels may look at. */
struct plan_event {
	const char *name, *payload; /* push, …; JSON text */
	const char *sha, *ref, *actor /* NULL: unknown */, *repository;
	const struct pairs *vars;
};

struct plan_leg;
struct plan_shared;
struct run_plan {
	struct run_job_spec *jobs; /* the legs of a job stand together */
	size_t n_jobs;
	/* owned */
	struct plan_leg *legs;      /* one per entry of jobs */
	struct plan_shared *shared; /* one per job of the workflow */
	size_t n_shared;
};

/* ERR_INPUT and ERR_LIMIT are the author's: `jobs.build: runs-on: …`. */
int run_plan_make(struct run_plan *p, const struct workflow *w, const struct plan_event *ev,
	struct err *e) CHECK_RESULT;
/* The same with the repository's name and variables filled in (trigger.c). */
int trigger_plan(const struct trigger *t, const struct repo_row *row, const struct workflow *w,
	const struct plan_event *ev, struct run_plan *ret, struct err *e) CHECK_RESULT;
void run_plan_release(struct run_plan *p);
#define CLEAN_PLAN CLEANUP(run_plan_release)

#endif
