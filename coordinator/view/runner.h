/* A runner as listings and the API show it. */
#ifndef COORDINATOR_VIEW_RUNNER_H
#define COORDINATOR_VIEW_RUNNER_H

#include "base/json.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/store/runner.h"

#define RUNNER_STALE_US (2 * 60 * USEC_PER_SEC) /* silent longer: not online */
#define RUNNER_DEAF_US (60 * USEC_PER_SEC)

/* A heartbeat, not long ago, and no word of trouble since. */
bool runner_online(const struct runner_row *r, struct wall now);
const char *runner_mood(const struct runner_row *r, struct wall now); /* "online", "draining",
									 "troubled", … */
/* It says so itself, and did not long ago. */
bool runner_in_trouble(const struct runner_row *r, struct wall now);
struct wall runner_heard_of(const struct runner_row *r); /* us 0: never */
/* As the hosted service has it: "idle", "busy", "offline". */
const char *runner_work_status(const struct runner_row *r, struct wall now);
/* Online and with a free slot, and yet a job that it could take has been waiting for longer than
 * any claim takes, while the slot was free for as long: it asks, but not for work, or with other
 * labels than it registered. A runner that was busy until just now is not deaf. */
bool runner_deaf(const struct runner_row *r, const struct matching *m, struct wall now);
/* Members, for the caller's open object. */
void runner_scope_write(struct json_writer *w, const struct runner_row *r);
void runner_write(struct json_writer *w, const struct runner_row *r, struct wall now);
void matching_write(struct json_writer *w, const struct runner_row *r, const struct matching *m,
	struct wall now);

#endif
