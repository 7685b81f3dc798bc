/*
 * Telling the coordinator: each state of an audit record is one message (POST
 * /api/v1/runners/evidence), kept as the exact bytes until it was taken, sent in the order of the
 * records, always with the same Idempotency-Key, so that sending twice is telling once.
 *
 *   pending        not told yet, or nobody answered: tried again by every later run
 *   delivered      stored there
 *   refused        it says no for good (409, 400, 413): a person must look; blocks changes
 *   not_supported  this coordinator takes no evidence (404, 405): the spool here is all there is
 *   abandoned      was refused, and a person closed it (`apply --resolve`)
 */
#ifndef HYGIENE_HOST_OUTBOX_H
#define HYGIENE_HOST_OUTBOX_H

#include "base/http/http.h"
#include "hygiene/host/audit.h"

enum outbox_state {
	OUTBOX_PENDING,
	OUTBOX_DELIVERED,
	OUTBOX_REFUSED,
	OUTBOX_NOT_SUPPORTED,
	OUTBOX_ABANDONED,
	OUTBOX_STATES,
};
const char *outbox_state_name(enum outbox_state s);

bool outbox_is_message(const char *path); /* a file that can be read as one */

/* Queues the record as it is now; a message of the same key and status stays the first one. */
int audit_outbox_add(
	const struct audit *a, const struct audit_record *r, struct err *e) CHECK_RESULT;

struct audit_target {
	struct http *http;
	const char *base_url, *token; /* either NULL: there is nobody to tell */
	int64_t timeout_us;
};
struct outbox_count {
	size_t of[OUTBOX_STATES];
	char why[256]; /* of the first that is still pending or refused */
};
/* Sends what is pending, ends at the first one that nobody answered; counts all. */
int audit_deliver(const struct audit *a, const struct audit_target *t, struct outbox_count *ret,
	struct err *e) CHECK_RESULT;
/* refused -> abandoned */
int audit_abandon(const struct audit *a, struct err *e) CHECK_RESULT;
/* Forgets what is older than that, settled, and known to the coordinator if there is one. */
int audit_trim(const struct audit *a, const struct audit_target *t, struct wall before,
	struct err *e) CHECK_RESULT;
/* Something that the coordinator should know and does not. */
bool audit_owes(const struct audit_target *t, const struct outbox_count *c);

#endif
