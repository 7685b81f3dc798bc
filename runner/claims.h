/*
 * Claims that came while every slot was taken. They are ours, so they wait here, oldest first, and
 * are never refused. Owns copies of their bytes; wipes them. Supervisor only.
 */
#ifndef RUNNER_CLAIMS_H
#define RUNNER_CLAIMS_H

#include "base/buf.h"

struct waiting_claim {
	struct waiting_claim *next;
	struct buf bytes;
	bool cut; /* it was larger than LIMIT_CLAIM_BYTES */
};
struct claims {
	struct waiting_claim *first;
	size_t n;
};

void claims_put(struct claims *c, struct slice claim, bool cut);
struct waiting_claim *claims_take(struct claims *c) CHECK_RESULT; /* NULL: none; the caller's */
void waiting_claim_free(struct waiting_claim *w);
void claims_release(struct claims *c);

#endif
