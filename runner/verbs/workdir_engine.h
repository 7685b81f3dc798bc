/*
 * What the workdir verbs ask an engine: which folders are mounted by containers that did not start
 * yet. The engine is the configured one, opened at the first question; where none answers there is
 * nothing to ask, and a runner without containers needs none.
 */
#ifndef RUNNER_VERBS_WORKDIR_ENGINE_H
#define RUNNER_VERBS_WORKDIR_ENGINE_H

#include "config/runner_config.h"
#include "engine/engine.h"
#include "hygiene/workdir/in_use.h"

struct workdir_engine {
	const struct runner_config *config; /* borrowed */
	struct loop *loop;
	struct http *http;
	struct engine *engine;
	bool tried;
	struct in_use_engine ask; /* data is this struct: it must not move */
};
void workdir_engine_init(struct workdir_engine *w, const struct runner_config *c);
void workdir_engine_release(struct workdir_engine *w);

#endif
