/* A run that is stored already, as what its plan is made from once more. */
#ifndef COORDINATOR_TRIGGER_STORED_RUN_H
#define COORDINATOR_TRIGGER_STORED_RUN_H

#include "coordinator/store/run.h"
#include "coordinator/trigger/plan.h"
#include "coordinator/trigger/trigger.h"

/* Its workflow file, as it is in the run's commit. ERR_NOT_FOUND, ERR_INPUT. */
int stored_run_workflow(const struct trigger *t, const struct repo_row *repo,
	const struct run_row *run, struct workflow *ret, struct err *e) CHECK_RESULT;
/* Borrows from the run. */
struct plan_event stored_run_event(const struct run_row *r);

#endif
