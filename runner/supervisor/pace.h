/*
 * When the next heartbeat may leave: not before it is due, not before a backoff after failures has
 * passed, and never more than the coordinator's allowance of 60 a minute. A plain value.
 */
#ifndef RUNNER_SUPERVISOR_PACE_H
#define RUNNER_SUPERVISOR_PACE_H

#include "base/backoff.h"

struct pace {
	struct backoff backoff;
	struct mono next;
	struct mono credit; /* when the allowance is full again */
};

void pace_init(struct pace *p);
/* The earliest time for the next one. */
struct mono pace_due(const struct pace *p);
/* One leaves now. */
void pace_spend(struct pace *p, struct mono now);
/* It failed; the wait in microseconds. retry_after_us as backoff_next. */
int64_t pace_failed(struct pace *p, struct mono now, int64_t retry_after_us);
static inline unsigned pace_failures(const struct pace *p)
{
	return backoff_count(&p->backoff);
}

#endif
