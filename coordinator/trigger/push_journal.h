/*
 * No push without its runs: git moves the refs in a child process, the runs are made after it
 * ended, and a crash between the two would lose them. So the commands of a push are stored before
 * git gets to see their end (it moves nothing before), each transaction that makes a run says in
 * the row how far the push has come, and the row goes when all are made. What is left at the start
 * of serve is gone on with: refs that did move start their runs, exactly once; refs that did not
 * start nothing.
 */
#ifndef COORDINATOR_TRIGGER_PUSH_JOURNAL_H
#define COORDINATOR_TRIGGER_PUSH_JOURNAL_H

#include "coordinator/app/app.h"
#include "coordinator/store/push.h"
#include "coordinator/store/repo.h"
#include "coordinator/trigger/trigger.h"

/* p->id is set. An error must stop the push. */
int push_journal_open(struct app *a, struct push_row *p, struct err *e) CHECK_RESULT;
/* Who makes the runs, and is told of them. */
struct push_maker {
	struct app
		*app; /* only what stores and reads is used: another thread's has its own store */
	void (*made)(void *data, size_t runs); /* so many more are there. NULL: nobody is told */
	bool (*stops)(void *data);             /* between two runs; NULL: never */
	void *data;
};
/* The child has ended: makes the runs, forgets the row, logs what came of it. A failure keeps the
 * row for the next start. Adds to notes. 1: `stops` said so, or another process has the store's
 * lock for long; the row stands, p says how far it came, try again. Else 0. */
int push_journal_file(const struct push_maker *m, const struct repo_row *repo, struct push_row *p,
	struct push_notes *notes) CHECK_RESULT;
/* A connection for making runs. Its commits wait for no disk: what a loss of power takes is made
 * again, as the row of the push is on the disk. */
struct store *push_journal_store(const struct app *a, struct err *e) CHECK_RESULT;
/* So many runs were made: they are counted, and runners hear of them. */
void push_journal_made(struct app *a, size_t runs);
/* git was kept from moving any ref: no runs. */
void push_journal_drop(struct app *a, const struct push_row *p);
/* What serves that are gone left, as far as its repositories are on this host. Before serve
 * listens, when the public URL is known. ERR_TIMEOUT: another process has the lock of the store for
 * long; what is left is tried at the next start. */
int push_journal_sweep(struct app *a, struct err *e) CHECK_RESULT;
/* The same later, by the planner. */
int push_journal_adopt(struct app *a, struct wall now, struct err *e) CHECK_RESULT;

#endif
