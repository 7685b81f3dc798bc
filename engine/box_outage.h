/*
 * An engine that does not answer for a while: restarted, its socket gone, a connection that breaks.
 * What runs in the boxes may well run on, so nobody gives up on them at once. One object a job,
 * shared by its boxes; the first failure begins an outage, the next answer ends it, each is one
 * line in the log. Plain value, no loop.
 */
#ifndef ENGINE_BOX_OUTAGE_H
#define ENGINE_BOX_OUTAGE_H

#include "base/clock.h"
#include "base/err.h"

#define BOX_OUTAGE_US (120 * USEC_PER_SEC) /* then it counts as lost */

struct box_outage {
	struct mono since; /* us 0: it answers */
};
/* True when the error says that nobody answered and it is worth asking again after *ret_pause_us.
 * Any other error was an answer. */
bool box_outage_wait(
	struct box_outage *o, struct mono now, const struct err *e, int64_t *ret_pause_us);
void box_outage_end(struct box_outage *o, struct mono now); /* it answered */
static inline bool box_outage_on(const struct box_outage *o)
{
	return o->since.us != 0;
}

#endif
