/*
 * No push without its runs: git moves the refs in a child process, the runs are made after it
 * ended, and a crash between the two would lose them. So the commands of a push are stored before
 * git gets to see their end (it moves nothing before), and the row goes in the transaction that
 * makes the runs. What is left at the start of serve is tried again: refs that did move start
 * their runs, exactly once; refs that did not start nothing.
 */
#ifndef COORDINATOR_TRIGGER_PUSH_JOURNAL_H
#define COORDINATOR_TRIGGER_PUSH_JOURNAL_H

#include "coordinator/app/app.h"
#include "coordinator/store/push.h"
#include "coordinator/store/repo.h"
#include "coordinator/trigger/trigger.h"

/* p->id is set. An error must stop the push. */
int push_journal_open(struct app *a, struct push_row *p, struct err *e) CHECK_RESULT;
/* The child has ended: makes the runs, forgets the row, logs what came of it. A failure keeps the
 * row for the next start. *ret: zeroed; of a only what stores and reads is used, so another
 * thread can do it with a connection of its own. 1: another process has the store's lock for long;
 * nothing was done, the row stands, try again. Else 0. */
int push_journal_file(struct app *a, const struct repo_row *repo, const struct push_row *p,
	struct push_made *ret) CHECK_RESULT;
/* So many runs were made: they are counted, and runners hear of them. */
void push_journal_made(struct app *a, size_t runs);
/* git was kept from moving any ref: no runs. */
void push_journal_drop(struct app *a, const struct push_row *p);
/* Before serve listens, when the public URL is known. ERR_TIMEOUT: another process has the lock of
 * the store for long; what is left is tried at the next start. */
int push_journal_sweep(struct app *a, struct err *e) CHECK_RESULT;

#endif
