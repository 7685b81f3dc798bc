/*
 * Three limits, the latest wins: the poll interval, the backoff after failures, and the service's
 * allowance of 60 heartbeats a minute, kept as a virtual clock that each heartbeat moves forward
 * (GCRA).
 */
#include "runner/supervisor/pace.h"

/* The service allows 60 heartbeats a minute: a few at once, then one in little over a second. */
#define BURST 5
#define REFILL_US (1100 * USEC_PER_MSEC)
#define BACKOFF_FIRST_US (1 * USEC_PER_SEC)
#define BACKOFF_MAX_US (60 * USEC_PER_SEC)

void pace_init(struct pace *p)
{
	*p = (struct pace){ 0 };
	backoff_init(&p->backoff, BACKOFF_FIRST_US, BACKOFF_MAX_US);
}

static struct mono later(struct mono a, struct mono b)
{
	return a.us > b.us ? a : b;
}

struct mono pace_due(const struct pace *p)
{
	struct mono allowed = { p->credit.us - (BURST - 1) * REFILL_US };

	return later(p->next, later(p->backoff.until, allowed));
}

void pace_spend(struct pace *p, struct mono now)
{
	p->credit = mono_add(later(p->credit, now), REFILL_US);
}

int64_t pace_failed(struct pace *p, struct mono now, int64_t retry_after_us)
{
	int64_t wait = backoff_next(&p->backoff, now, retry_after_us);

	p->next = p->backoff.until;
	return wait;
}
