/*
 * What an engine says of itself and of the containers on it, for people who inspect a host. Every
 * call blocks on the loop; errors as in engine/engine.h.
 */
#ifndef ENGINE_ENGINE_FACTS_H
#define ENGINE_ENGINE_FACTS_H

#include "engine/engine.h"

/* Of /info; NULL and false when it does not say. Podman takes a tenth of a second for it. */
struct engine_facts {
	char *storage, *cgroup_version, *cgroup_driver;
	bool seccomp, userns, memory_limit, pids_limit;
};
int engine_facts_read(struct engine *g, struct engine_facts *ret, struct err *e) CHECK_RESULT;
void engine_facts_release(struct engine_facts *f);

/* All containers, in any state, that carry BOX_LABEL_RUNNER, whoever's they are. */
struct engine_boxes {
	struct engine_box {
		char *id, *runner, *job; /* job: "" when it has no such label */
	} * v;
	size_t n;
};
int engine_boxes_list(struct engine *g, struct engine_boxes *ret, struct err *e) CHECK_RESULT;
void engine_boxes_release(struct engine_boxes *b);

#endif
