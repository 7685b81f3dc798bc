/*
 * What a webhook gets to hear: the body of one request. Format "json": an object {action,
 * workflow_run | workflow_job, repository, sender} with GitHub's keys. Format "forge": a commit
 * status for the API of a forge, POST <url>/statuses/<sha>; its ping has no body and asks for
 * <url>.
 */
#ifndef COORDINATOR_WEBHOOK_PAYLOAD_H
#define COORDINATOR_WEBHOOK_PAYLOAD_H

#include "base/buf.h"
#include "base/codec.h"
#include "coordinator/store/webhook.h"

enum { PAYLOAD_MAX = 1 << 20, SIGNATURE_TEXT_MAX = 7 + SHA256_HEX_MAX };

/* Where its links lead. */
struct payload_links {
	const char *public_url; /* of this coordinator */
	bool pages;             /* it has pages for browsers */
};
/* Appends the body to `out` and the request's URL to *ret_url (the caller's). 1, or 0: there is
 * nothing to say (a forge hears of pings, of jobs, of runs that have none, and of later attempts at
 * a run that was refused); -1: ERR_NOT_FOUND when the run is gone. */
int payload_write(struct store *s, const struct webhook_row *hook, const struct delivery_row *d,
	const struct payload_links *links, struct buf *out, char **ret_url,
	struct err *e) CHECK_RESULT;
/* "sha256=<hex>" of HMAC-SHA256, as X-Hub-Signature-256 has it. */
int payload_sign(const struct buf *secret, const struct buf *body, char out[SIGNATURE_TEXT_MAX],
	struct err *e) CHECK_RESULT;

#endif
