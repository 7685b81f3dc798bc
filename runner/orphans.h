/*
 * What a crash may have left behind, removed at start: containers that carry our instance id, and
 * job folders. The caller holds the state directory's lock, so no job of this instance is alive.
 * Never by name, never anyone else's. Failures are logged, never fatal: an engine that is down now
 * may be up when the first job comes.
 */
#ifndef RUNNER_ORPHANS_H
#define RUNNER_ORPHANS_H

#include "base/http.h"
#include "config/runner_config.h"
#include "state/state_dir.h"

void orphans_remove(struct loop *l, struct http *h, const struct runner_config *c,
	const struct state_dir *state);

#endif
