/*
 * Waiting between two readings of the store, for verbs that show what changes. Interrupt and
 * terminate end the wait, so that the verb can leave the terminal as it was; then the process ends
 * by that signal, as its caller expects. So does a reader of standard output that goes away. One at
 * a time in a process.
 */
#ifndef COORDINATOR_ADMIN_LIVE_H
#define COORDINATOR_ADMIN_LIVE_H

#include <signal.h>

#include "base/err.h"

struct live {
	int fd;          /* signalfd */
	int signal;      /* that came, 0: none */
	sigset_t before; /* the process's mask */
};
int live_begin(struct live *l, struct err *e) CHECK_RESULT;
/* false: end now. */
bool live_wait(struct live *l, int milliseconds) CHECK_RESULT;
/* Restores the mask; does not return when a signal came. */
void live_end(struct live *l);

#endif
