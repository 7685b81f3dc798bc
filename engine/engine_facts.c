/*
 * Facts for people: nothing here decides what a job may do. Engines leave members out or call them
 * differently; what is missing is reported as missing and not guessed.
 */
#include "engine/engine_facts.h"

#include "base/json.h"
#include "engine/engine_private.h"
#include "engine/step_box.h"

/* Docker and Podman list "name=seccomp,profile=…", "name=userns", "name=rootless". */
static bool has_security(const struct json_value *info, const char *name)
{
	const struct json_value *options = json_get(info, "SecurityOptions");
	CLEAN_STR char *wanted = xasprintf("name=%s", name);

	if (!options || options->type != JSON_ARRAY)
		return false;
	json_array_each (item, options)
		if (item->type == JSON_STRING && str_starts(item->string, wanted))
			return true;
	return false;
}

int engine_facts_read(struct engine *g, struct engine_facts *ret, struct err *e)
{
	struct engine_request r = { .method = "GET", .path = "/info" };
	CLEAN_EXCHANGE struct http_exchange *x = engine_call(g, &r, e);
	CLEAN_JSON struct json_doc *doc = x ? engine_json(x, e) : NULL;
	const struct json_value *info;

	if (!doc)
		return -1;
	info = json_root(doc);
	*ret = (struct engine_facts){ .storage = xstrdup(json_get_string(info, "Driver")),
		.cgroup_version = xstrdup(json_get_string(info, "CgroupVersion")),
		.cgroup_driver = xstrdup(json_get_string(info, "CgroupDriver")),
		.seccomp = has_security(info, "seccomp"),
		.userns = has_security(info, "userns"),
		.memory_limit = json_get_bool(info, "MemoryLimit", false),
		.pids_limit = json_get_bool(info, "PidsLimit", false) };
	return 0;
}

void engine_facts_release(struct engine_facts *f)
{
	free(f->storage);
	free(f->cgroup_version);
	free(f->cgroup_driver);
	*f = (struct engine_facts){ 0 };
}

static void add_box(struct engine_boxes *b, const struct json_value *item)
{
	const struct json_value *labels = json_get(item, "Labels");
	const char *id = json_get_string(item, "Id"),
		   *runner = json_get_string(labels, BOX_LABEL_RUNNER),
		   *job = json_get_string(labels, BOX_LABEL_JOB);

	if (str_empty(id) || str_empty(runner))
		return;
	b->v = xrealloc(b->v, (b->n + 1) * sizeof(*b->v));
	b->v[b->n++] = (struct engine_box){ xstrdup(id), xstrdup(runner), xstrdup(job ? job : "") };
}

int engine_boxes_list(struct engine *g, struct engine_boxes *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = engine_list_by_label(g, BOX_LABEL_RUNNER, NULL, e);

	*ret = (struct engine_boxes){ 0 };
	if (!doc)
		return -1;
	json_array_each (item, json_root(doc))
		add_box(ret, item);
	return 0;
}

void engine_boxes_release(struct engine_boxes *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->v[i].id);
		free(b->v[i].runner);
		free(b->v[i].job);
	}
	free(b->v);
	*b = (struct engine_boxes){ 0 };
}
