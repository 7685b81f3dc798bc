/* A runner as listings and the API show it. */
#ifndef COORDINATOR_RUNNER_VIEW_H
#define COORDINATOR_RUNNER_VIEW_H

#include "base/json.h"
#include "coordinator/store.h"

#define RUNNER_STALE_US (2 * 60 * USEC_PER_SEC) /* silent longer: not online */
#define RUNNER_DEAF_US (60 * USEC_PER_SEC)

bool runner_online(const struct runner_row *r, struct wall now);
const char *runner_mood(const struct runner_row *r, struct wall now); /* "online", "draining", … */
/* Online and idle, and yet a job that it could take has been waiting for longer than any claim
 * takes: it asks, but not for work, or with other labels than it registered. */
bool runner_deaf(const struct runner_row *r, const struct matching *m, struct wall now);
/* Members, for the caller's open object. */
void runner_write(struct json_writer *w, const struct runner_row *r, struct wall now);
void matching_write(struct json_writer *w, const struct runner_row *r, const struct matching *m,
	struct wall now);

#endif
