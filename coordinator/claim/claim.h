/*
 * Handing out jobs: at once, or to heartbeats that are held (`Prefer: wait=N`) until a job becomes
 * claimable. Owns the held heartbeats, the rate limit of heartbeats and the wake socket
 * <data>/wake.sock through which the admin verbs of other processes say that something changed.
 */
#ifndef COORDINATOR_CLAIM_CLAIM_H
#define COORDINATOR_CLAIM_CLAIM_H

#include "coordinator/app/app.h"
#include "coordinator/store/job.h"
#include "coordinator/store/runner.h"

enum { WAIT_MAX_S = 30, HEARTBEATS_PER_MINUTE = 60, CLAIM_KEY_MAX = 128 };
#define CLAIM_KEY "Idempotency-Key"
/* With each claim: the job may be handed back. */
#define CLAIM_RETURN_HEADER "Shithub-Job-Return"

int waiters_new(struct app *a, struct err *e) CHECK_RESULT; /* fills a->waiters */
void waiters_free(struct app *a);                           /* answers 204 to everyone held */

struct claim {
	int64_t job_id;
	char jti[UUID_TEXT_MAX]; /* of its first token */
};
/* Tries to claim for the runner: 1, the answer's JSON in out and *ret filled, 0, -1. A job that
 * cannot be handed out (its secrets do not open, it is too large) fails with the reason in its log,
 * and the next one is tried. */
int claim_try(struct app *a, int64_t runner_id, const struct strv *labels, struct buf *out,
	struct claim *ret, struct err *e) CHECK_RESULT;
/* claim/delivery.c: answers with the claim. When the answer does not reach the runner, the job is
 * queued again at once. */
void claim_reply(
	struct app *a, struct httpd_request *r, const struct claim *c, const struct buf *answer);
void claim_back(struct app *a, const struct claim *c);
/* Behind a proxy an answer arrives as far as serve can see. A heartbeat that comes again with the
 * key of one before says that it did not: its claim is queued again unless its token was used, and
 * the one before, if it is still held, is answered with nothing. The key stands in the store with
 * the job, so it is good after a restart of either side. */
void claim_repeated(struct app *a, int64_t runner_id, const char *key);
void claim_note(struct app *a, struct httpd_request *r, const struct claim *c);
/* Claims of which nobody knows any more whether they arrived, as their serve is gone. */
int claims_recover(struct app *a, struct err *e) CHECK_RESULT;
/* Holds the request until a job is there or the seconds passed. Copies what it needs. */
void claim_wait(struct app *a, struct httpd_request *r, const struct runner_row *runner,
	const struct strv *labels, int64_t seconds);
/* Answers 204 to what this runner has held, 0: to all: it wants to know now whether it got a job.
 */
void claim_release(struct app *a, int64_t runner_id);
/* ... here and at the other serves. */
void claim_release_everywhere(struct app *a, int64_t runner_id);
/* app_wake for this serve alone. */
void claim_wake(struct app *a);
/* The word of another serve, NULL: some may have been missed. */
void claim_heard(struct app *a, const char *word);
/* Counts a heartbeat; 0, or the seconds to wait when it was one too many. */
int64_t heartbeat_limit(struct app *a, const struct runner_row *runner);

/* claim/json.c: the claim's answer. */
struct claim_tokens {
	const char *job_token, *checkout_token;
	struct wall expires_at;
	char jti[UUID_TEXT_MAX]; /* of the job token */
};
int claim_json(struct app *a, const struct job_row *job, const struct claim_tokens *t,
	struct buf *out, struct err *e) CHECK_RESULT;

/* Sends one datagram to the wake socket of data_dir; nobody listening is fine. */
void wake_send(const char *data_dir);

#endif
