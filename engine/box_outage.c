/*
 * Pauses grow with the age of the outage, from 50 ms to a second, so a restart of the engine
 * costs a job little and an engine that is gone is not asked a thousand times.
 */
#include "engine/box_outage.h"

#include "base/log.h"

#define PAUSE_FIRST_US (50 * USEC_PER_MSEC)
#define PAUSE_MAX_US (1 * USEC_PER_SEC)

bool box_outage_wait(
	struct box_outage *o, struct mono now, const struct err *e, int64_t *ret_pause_us)
{
	int64_t away;

	if (!err_is(e, ERR_NET) && !err_is(e, ERR_TIMEOUT)) {
		box_outage_end(o, now);
		return false;
	}
	if (!box_outage_on(o)) {
		o->since = now;
		log_warn("box", "engine_away", F_ERR(e),
			F_INT("patience_s", BOX_OUTAGE_US / USEC_PER_SEC));
	}
	away = now.us - o->since.us;
	*ret_pause_us = away < PAUSE_FIRST_US ? PAUSE_FIRST_US
			: away < PAUSE_MAX_US ? away
					      : PAUSE_MAX_US;
	return away < BOX_OUTAGE_US;
}

void box_outage_end(struct box_outage *o, struct mono now)
{
	if (!box_outage_on(o))
		return;
	log_info("box", "engine_back", F_INT("after_ms", (now.us - o->since.us) / USEC_PER_MSEC));
	*o = (struct box_outage){ 0 };
}
