/*
 * Sends what stands in the outbox (store/webhook.h): a thread of serve with a loop, a store and an
 * HTTP client of its own, so that a slow receiver holds up nobody else.
 *
 * One request a hook at a time, SENDER_FLIGHTS in all; the next one of a hook goes out when the
 * last was taken. A request has ten seconds, redirects are not followed, certificates are verified,
 * of an answer 64 KiB are read. Taken is what was answered 2xx; everything else is sent again,
 * after a second at first and ten minutes at most, until it is given up.
 *
 * Of several serves the one that leads sends. One that dies or is stopped between sending and
 * noting it is followed by another that sends the same delivery again: its number tells.
 *
 * An operator chooses the URL, so it may lead into private networks.
 */
#ifndef COORDINATOR_WEBHOOK_SENDER_H
#define COORDINATOR_WEBHOOK_SENDER_H

#include "coordinator/app/keys.h"
#include "coordinator/instance/instance.h"

struct sender;
enum { SENDER_FLIGHTS = 64 };

struct sender_config {
	const char *store_path, *public_url; /* copied */
	bool pages;                          /* payload.h */
	const struct keys *keys;             /* the caller's, until sender_stop */
	const struct instance *instance;     /* likewise: which serve sends */
};
/* After the signals that the process waits for are blocked. NULL: the thread cannot be made. */
struct sender *sender_start(const struct sender_config *c, struct err *e) CHECK_RESULT;
/* Ends what is in flight (it is sent again by the next serve) and waits for the thread. NULL fine.
 */
void sender_stop(struct sender *s);

#endif
