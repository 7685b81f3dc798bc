/*
 * `on.schedule`: the cron lines of a repository's default branch, in UTC. A push to that branch
 * replaces them; `serve` starts the runs whose time has come. However many times of a line passed
 * while serve was down, it starts one run.
 */
#ifndef COORDINATOR_TRIGGER_SCHEDULE_H
#define COORDINATOR_TRIGGER_SCHEDULE_H

#include "coordinator/store/schedule.h"
#include "coordinator/trigger/trigger.h"
#include "workflow/workflow.h"

/* Adds the lines of one workflow file; those that never fire are left out. */
void schedule_collect(struct schedule_list *l, const char *file, const struct workflow_on *on,
	const char *actor, struct wall now);

/* Starts what is due at t->now. A line whose run cannot be made (the branch or the file is gone)
 * is dropped, with an entry of the audit table; -1 only when the store fails. */
int trigger_schedules(const struct trigger *t, size_t *ret_runs, struct err *e) CHECK_RESULT;

#endif
