/* Making the legs of jobs that depend on other jobs (coordinator/queue/unfold.h). */
#ifndef COORDINATOR_TRIGGER_UNFOLD_H
#define COORDINATOR_TRIGGER_UNFOLD_H

#include "coordinator/trigger/trigger.h"

/* Every job whose needs are over gets its legs, or ends: skipped when its condition is false,
 * failed with a reason when what it needs gave something else than its workflow expects. */
int trigger_unfold(const struct trigger *t, size_t *ret_n, struct err *e) CHECK_RESULT;

#endif
