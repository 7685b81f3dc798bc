/* See orphans.h. */
#include "runner/orphans.h"

#include "base/log.h"
#include "engine/step_box.h"

static void remove_containers(struct engine *g, const char *instance)
{
	CLEANUP(strv_release) struct strv ids = { 0 };
	struct err e = { 0 };

	if (engine_container_list(g, BOX_LABEL_RUNNER, instance, &ids, &e) < 0) {
		log_warn("supervisor", "orphans_unknown", F_ERR(&e));
		return;
	}
	strv_each (id, &ids) {
		struct err one = { 0 };

		if (engine_container_remove(g, id, &one) < 0)
			log_warn("supervisor", "orphan_kept", F_STR("container", id), F_ERR(&one));
		else
			log_info("supervisor", "orphan_removed", F_STR("container", id));
	}
}

void orphans_remove(struct loop *l, struct http *h, const struct runner_config *c,
	const struct state_dir *state)
{
	struct err e = { 0 };
	uint64_t folders = 0;
	struct engine *g = engine_open(l, h, c->engine.kind, c->engine.socket, &e);

	if (g) {
		log_info("supervisor", "engine", F_STR("server", engine_info(g)->server),
			F_STR("api", engine_info(g)->api_version),
			F_STR("socket", engine_socket(g)));
		remove_containers(g, state->instance_id);
		engine_free(g);
	} else {
		log_warn("supervisor", "engine_unavailable", F_ERR(&e));
	}
	err_clear(&e);
	if (state_dir_sweep(state, &folders, &e) < 0)
		log_warn("supervisor", "job_folders_kept", F_ERR(&e));
	else if (folders)
		log_info("supervisor", "job_folders_removed", F_INT("folders", (int64_t)folders));
}
