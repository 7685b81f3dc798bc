/*
 * Half of each wait is fixed and half is random: runners that lost the same coordinator at the
 * same moment do not come back together, and none of them comes back at once. A server that asks
 * for more is believed, up to ten minutes.
 */
#include "base/backoff.h"

#include "base/codec.h"

#define RETRY_AFTER_MAX_US (600 * USEC_PER_SEC)

void backoff_init(struct backoff *b, int64_t first_us, int64_t most_us)
{
	*b = (struct backoff){ .first_us = first_us, .most_us = most_us };
}

void backoff_reset(struct backoff *b)
{
	b->failures = 0;
	b->until = (struct mono){ 0 };
}

int64_t backoff_next(struct backoff *b, struct mono now, int64_t retry_after_us)
{
	int64_t whole = b->most_us, wait;

	if (b->failures < 20 && b->first_us < (b->most_us >> b->failures))
		whole = b->first_us << b->failures;
	wait = whole / 2 + (int64_t)random_below((uint64_t)whole / 2 + 1);
	if (retry_after_us > RETRY_AFTER_MAX_US)
		retry_after_us = RETRY_AFTER_MAX_US;
	if (wait < retry_after_us)
		wait = retry_after_us;
	b->failures++;
	b->until = mono_add(now, wait);
	return wait;
}
