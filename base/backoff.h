/* Exponential backoff with jitter; honours a server's Retry-After. Plain value, no loop. */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include "base/clock.h"

struct backoff {
	int64_t first_us, most_us;
	unsigned failures; /* in a row */
	struct mono until; /* no attempt before */
};
void backoff_init(struct backoff *b, int64_t first_us, int64_t most_us);
void backoff_reset(struct backoff *b);
/* One more failure at `now`: sets until and returns the wait: uniform in [half, whole] of
 * min(most, first * 2^failures), but never less than retry_after_us (-1: none; capped at 10
 * minutes). */
int64_t backoff_next(struct backoff *b, struct mono now, int64_t retry_after_us);
static inline bool backoff_waiting(const struct backoff *b, struct mono now)
{
	return b->until.us > now.us;
}
static inline unsigned backoff_count(const struct backoff *b)
{
	return b->failures;
}

#endif
