/*
 * The thread that makes the runs of pushes: it reads git objects and parses and expands workflow
 * files, which may take longer than calls should wait. It has a connection to the store of its own
 * and takes the write lock for one run at a time; runners hear of them on the way.
 *
 * Tasks are as many as there are pushes under way, which coordinator/git limits. What is not made
 * when serve ends stands in the push journal and is made at the next start.
 */
#ifndef COORDINATOR_TRIGGER_PLANNER_H
#define COORDINATOR_TRIGGER_PLANNER_H

#include "coordinator/app/app.h"
#include "coordinator/store/push.h"
#include "coordinator/store/repo.h"
#include "coordinator/trigger/trigger.h"

struct planner;
struct plan_task {
	/* these stay where they are until `done` is called or the planner has stopped */
	const struct repo_row *repo;
	struct push_row push;
	void (*done)(void *data);    /* on the application's loop, after the commit */
	void (*dropped)(void *data); /* the planner stopped before; NULL: nobody need know */
	void *data;
	/* the planner's */
	struct plan_task *next;
	struct push_notes notes; /* for `done`, which frees them */
};
/* When a->public_url is known. */
struct planner *planner_start(struct app *a, struct err *e) CHECK_RESULT;
void planner_submit(struct planner *p, struct plan_task *t);
void planner_stop(struct planner *p); /* waits for the run at hand. NULL fine */

#endif
