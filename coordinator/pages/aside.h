/*
 * Work that takes too long for the thread that serves: a password's digest, questions to a
 * provider. Each has a thread of its own, a few of a kind at a time, which touches nothing but the
 * data of the work and says over an eventfd that it is done; then the answer is given where all
 * answers are. A client that goes away meanwhile leaves the work behind; it is freed when its
 * thread is done, or joined when serve ends.
 */
#ifndef COORDINATOR_PAGES_ASIDE_H
#define COORDINATOR_PAGES_ASIDE_H

#include "coordinator/app/app.h"

struct aside_work {
	const char *name;                                    /* of the thread, for errors */
	void (*run)(void *data);                             /* on the thread */
	void (*answer)(void *data, struct httpd_request *r); /* request NULL: it is gone */
	void (*release)(void *data);
};

/* slots: of the app, which holds the work while it lasts. The request is held. ERR_TIMEOUT when no
 * slot is free; on an error data stays the caller's. */
int aside_start(struct app *a, struct aside **slots, size_t n_slots, const struct aside_work *w,
	void *data, struct httpd_request *r, struct err *e) CHECK_RESULT;
/* Waits for all of these and drops them. */
void asides_end(struct aside **slots, size_t n_slots);

#endif
