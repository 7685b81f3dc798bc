/* The contexts of what is rendered when a run is made: names, labels, concurrency groups. */
#ifndef COORDINATOR_TRIGGER_CONTEXTS_H
#define COORDINATOR_TRIGGER_CONTEXTS_H

#include "coordinator/trigger/plan.h"
#include "workflow/expr/expr.h"

/* The texts of an event as values, read once for all jobs of a run. */
struct plan_values {
	struct json_doc *event, *inputs, *needs;
};
int plan_values_read(
	const struct plan_event *ev, struct plan_values *ret, struct err *e) CHECK_RESULT;
void plan_values_release(struct plan_values *v);

/* job NULL: of the run as a whole; row NULL: there is no matrix. What is returned lives in a. */
struct expr_context plan_context(const struct plan_event *ev, const struct plan_values *v,
	const struct workflow_job *job, const struct pairs *row, struct expr_arena *a);

#endif
