/*
 * The thread that syncs objects: the disk may take seconds for what a runner sent in one, and calls
 * wait for nothing of that. Tasks are as many as there are uploads under way.
 */
#ifndef COORDINATOR_OBJECT_SYNCER_H
#define COORDINATOR_OBJECT_SYNCER_H

#include "base/loop.h"
#include "coordinator/object/objects.h"

struct syncer;
struct sync_task {
	struct object_upload *upload; /* stays where it is, untouched, until `done` */
	void (*done)(void *data);     /* on the loop */
	void *data;
	/* what became of it, for `done` */
	struct err error;
	bool failed;
	/* the syncer's */
	struct sync_task *next;
};
struct syncer *syncer_start(struct loop *l, struct err *e) CHECK_RESULT;
void syncer_submit(struct syncer *s, struct sync_task *t);
void syncer_stop(struct syncer *s); /* all tasks are run, and their `done`. NULL fine */

#endif
