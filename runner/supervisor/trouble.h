/*
 * Says to the coordinator why this runner asks for no work: POST /runners/trouble, at once when the
 * trouble begins or becomes another one, then every TROUBLE_EVERY_S while it lasts. That it is over
 * is said by the next heartbeat.
 *
 * It is a call of its own, as a heartbeat may be answered with a job. A coordinator that does not
 * know it answers 404, 405 or 501, and is not told again before this trouble is over or its URL
 * changes: it may be a newer one by then. Supervisor only.
 */
#ifndef RUNNER_SUPERVISOR_TROUBLE_H
#define RUNNER_SUPERVISOR_TROUBLE_H

#include "base/http/http.h"
#include "base/limits.h"

enum { TROUBLE_EVERY_S = 30 };

/* A plain value. */
struct trouble {
	const char *kind; /* "disk", "engine", "machine" */
	char text[LIMIT_TROUBLE + 1];
	struct wall since; /* us 0: now */
};

struct trouble_sender;
struct trouble_sender *trouble_sender_new(struct loop *l, struct http *h); /* never NULL */
void trouble_sender_free(struct trouble_sender *t);                        /* NULL fine */
/* Copied; before the first report. */
void trouble_sender_set_self(struct trouble_sender *t, const char *base_url, const char *token);
/* Not while a heartbeat is in flight: what the coordinator hears last is what it believes. */
void trouble_report(struct trouble_sender *t, const struct trouble *now);
/* Nothing is said any longer; one that is in flight is given up. */
void trouble_over(struct trouble_sender *t);

#endif
