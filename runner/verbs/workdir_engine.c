/*
 * Only containers in the state "created" count. One that runs shows in /proc, with the mounts that
 * it really has; one that has ended may be started again, but so may any that is made a moment
 * later.
 */
#include "runner/verbs/workdir_engine.h"

#include "engine/storage.h"

#define PATIENCE_US (30 * USEC_PER_SEC)

static struct engine *opened(struct workdir_engine *w, struct err *e)
{
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION };

	if (w->tried)
		return w->engine;
	w->tried = true;
	w->loop = loop_new(e);
	w->http = w->loop ? http_new(w->loop, &http, e) : NULL;
	w->engine = w->http ? engine_open(w->loop, w->http, w->config->engine.kind,
				      w->config->engine.socket, e)
			    : NULL;
	return w->engine;
}

static void add_mounts(const struct json_value *container, struct strv *ret)
{
	if (!str_eq(json_get_string(container, "State"), "created"))
		return;
	json_array_each (mount, json_get(container, "Mounts")) {
		const char *source = json_get_string(mount, "Source");

		if (source && *source == '/')
			strv_add(ret, source);
	}
}

static void ask_mounts(void *data, struct strv *ret)
{
	struct storage_call call = { 0 };
	struct err ignored = { 0 };
	struct engine *g = opened(data, &ignored);
	CLEAN_JSON struct json_doc *doc =
		g ? storage_ask(g, STORAGE_CONTAINERS, PATIENCE_US, &call, &ignored) : NULL;

	if (doc && json_root(doc)->type == JSON_ARRAY)
		json_array_each (container, json_root(doc))
			add_mounts(container, ret);
	storage_call_release(&call);
}

void workdir_engine_init(struct workdir_engine *w, const struct runner_config *c)
{
	*w = (struct workdir_engine){ .config = c, .ask = { ask_mounts, w } };
}

void workdir_engine_release(struct workdir_engine *w)
{
	engine_free(w->engine);
	http_free(w->http);
	loop_free(w->loop);
	*w = (struct workdir_engine){ 0 };
}
