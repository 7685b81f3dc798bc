/*
 * Running again, for those who ask for it: a run with jobs is copied (queue/rerun.h). One that was
 * refused when its event came has none; it is judged anew, from its file, commit and event, with
 * the policies, quotas and variables of today.
 */
#ifndef COORDINATOR_TRIGGER_RERUN_H
#define COORDINATOR_TRIGGER_RERUN_H

#include "coordinator/queue/rerun.h"
#include "coordinator/trigger/trigger.h"

/* Errors as of store_run_rerun; ERR_LIMIT, ERR_INPUT: it is refused once more, and nothing is
 * stored. */
int trigger_rerun(const struct trigger *t, const struct rerun_spec *spec, struct run_created *ret,
	struct err *e) CHECK_RESULT;

#endif
