/*
 * The thread that hears the words of other serves, with a connection of its own, and hands them to
 * the application's loop.
 */
#ifndef COORDINATOR_INSTANCE_LISTENER_H
#define COORDINATOR_INSTANCE_LISTENER_H

#include "base/loop.h"

struct listener;
/* On the loop. word NULL: some may have been missed. */
typedef void (*listener_fn)(void *data, const char *word);

/* place: a database (coordinator/sql/place.h). */
struct listener *listener_start(const char *place, struct loop *loop, listener_fn heard, void *data,
	struct err *e) CHECK_RESULT;
void listener_stop(struct listener *l); /* NULL fine */

#endif
