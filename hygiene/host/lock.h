/*
 * Who may change an engine: one hygiene run at a time, of all runners of this machine. Two locks,
 * as a runner's records and its engine are different things: a file in the state directory, and one
 * in /dev/shm that is named after the engine. Both end with the process. A runner in a container
 * has the second one in common with others only when it shares the host's /dev/shm (--ipc=host).
 */
#ifndef HYGIENE_HOST_LOCK_H
#define HYGIENE_HOST_LOCK_H

#include "hygiene/host/collect.h"

struct host_lock {
	int records, engine; /* descriptors, -1 */
};
#define HOST_LOCK_INIT                      \
	{                                   \
		.records = -1, .engine = -1 \
	}
/* Asks the engine who it is. ERR_CONFLICT: somebody else has one of them. */
int host_lock_take(struct host_lock *l, const struct host_context *h, struct host_calls *calls,
	struct err *e) CHECK_RESULT;
void host_lock_release(struct host_lock *l);

#endif
