/*
 * The threads that wait for disk and network: syncing what a runner sent in a second may take many,
 * and calls wait for nothing of that. Tasks are as many as there are requests that hold for them.
 */
#ifndef COORDINATOR_OBJECT_SYNCER_H
#define COORDINATOR_OBJECT_SYNCER_H

#include "base/err.h"
#include "base/loop.h"

struct syncer;
struct sync_task {
	int (*work)(void *data, struct err *e); /* on one of the threads */
	void (*done)(void *data);               /* on the loop; data is nobody else's until then */
	void *data;
	const char *name; /* NULL, or what it is about (syncer_busy) */
	/* what became of it, for `done` */
	struct err error;
	bool failed;
	/* the syncer's */
	struct sync_task *next;
};
enum { SYNCER_THREADS_MAX = 8 };
struct syncer *syncer_start(struct loop *l, unsigned threads, struct err *e) CHECK_RESULT;
void syncer_submit(struct syncer *s, struct sync_task *t);
/* A task of that name was submitted and is not done. On the loop's thread. */
bool syncer_busy(struct syncer *s, const char *name);
void syncer_stop(struct syncer *s); /* all tasks are run, and their `done`. NULL fine */

#endif
