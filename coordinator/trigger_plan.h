/*
 * A parsed workflow as what the store takes: the job and step rows of a run, with the workflow's
 * env, permissions and run defaults folded into each job and step. Borrows from the workflow.
 */
#ifndef COORDINATOR_TRIGGER_PLAN_H
#define COORDINATOR_TRIGGER_PLAN_H

#include "coordinator/store.h"
#include "workflow/workflow.h"

struct run_plan {
	struct run_job_spec *jobs;
	size_t n_jobs;
	/* owned, one per job */
	struct pairs *env;
	char **permissions;
};

int run_plan_make(struct run_plan *p, const struct workflow *w, struct err *e) CHECK_RESULT;
void run_plan_release(struct run_plan *p);
#define CLEAN_PLAN CLEANUP(run_plan_release)

#endif
