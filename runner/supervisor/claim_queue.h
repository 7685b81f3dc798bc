/*
 * Claims that came while every slot was taken. They are ours, so they wait here, oldest first, and
 * are never refused. Owns copies of their bytes; wipes them. Supervisor only.
 */
#ifndef RUNNER_SUPERVISOR_CLAIM_QUEUE_H
#define RUNNER_SUPERVISOR_CLAIM_QUEUE_H

#include "base/buf.h"
#include "base/codec.h"

struct waiting_claim {
	struct waiting_claim *next;
	struct buf bytes;
	bool cut;                /* it was larger than LIMIT_CLAIM_BYTES */
	bool returnable;         /* the coordinator queues the job again when it is handed back */
	char key[UUID_TEXT_MAX]; /* of the heartbeat that brought it */
};
struct claim_queue {
	struct waiting_claim *first;
	size_t n;
};

/* The caller sets the rest of the claim's members. */
struct waiting_claim *claim_queue_put(struct claim_queue *c, struct slice claim, const char *key);
struct waiting_claim *claim_queue_take(
	struct claim_queue *c) CHECK_RESULT; /* NULL: none; the caller's */
void waiting_claim_free(struct waiting_claim *w);
void claim_queue_release(struct claim_queue *c);

#endif
