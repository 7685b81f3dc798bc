/*
 * Everything that one observation needs, in one pass. An answer that is missing ends it with an
 * error: half an observation would look like a host with little on it.
 */
#include "hygiene/host/collect.h"

#include <errno.h>
#include <fcntl.h>

#include "base/tree/walk.h"
#include "hygiene/disk/disk.h"

struct storage_call *host_calls_add(struct host_calls *c)
{
	c->v = xrealloc(c->v, (c->n + 1) * sizeof(*c->v));
	c->v[c->n] = (struct storage_call){ 0 };
	return &c->v[c->n++];
}

void host_calls_release(struct host_calls *c)
{
	for (size_t i = 0; i < c->n; i++)
		storage_call_release(&c->v[i]);
	free(c->v);
	*c = (struct host_calls){ 0 };
}

/* Answers to GET are long and stand in the observation; others are what happened. */
static bool worth_keeping(const struct storage_call *c)
{
	return c->output && (c->returncode || !str_starts(c->call, "GET "));
}

void host_calls_write(const struct host_calls *c, struct json_writer *w)
{
	json_begin_array(w);
	for (size_t i = 0; i < c->n; i++) {
		const struct storage_call *x = &c->v[i];

		json_begin_object(w);
		json_kv_str(w, "call", x->call);
		json_kv_int(w, "returncode", x->returncode);
		json_kv_int(w, "http_status", x->status);
		json_kv_int(w, "took_ms", x->took_us / USEC_PER_MSEC);
		json_kv_str(w, "output", worth_keeping(x) ? x->output : NULL);
		json_kv_str(w, "error", x->error);
		json_end_object(w);
	}
	json_end_array(w);
}

/* ---- the engine ---- */

enum { ANSWERS = STORAGE_INFO + 1 };

static void free_docs(struct json_doc *(*docs)[ANSWERS])
{
	for (size_t i = 0; i < ANSWERS; i++)
		json_free((*docs)[i]);
}

static int read_engine(const struct host_context *h, struct host_observation *o,
	struct host_calls *calls, char **ret_root, struct err *e)
{
	CLEANUP(free_docs) struct json_doc *docs[ANSWERS] = { NULL };
	const struct engine_info *info = engine_info(h->engine);
	struct inventory_source from = { .has_build_cache = info->kind == ENGINE_DOCKER,
		.warm_builders = &h->policy->warm_builders };

	/* one after the other: older engines refuse two at a time */
	for (unsigned i = 0; i < ANSWERS; i++) {
		docs[i] = storage_ask(
			h->engine, i, h->config->hygiene.timeout_us, host_calls_add(calls), e);
		if (!docs[i])
			return -1;
	}
	from.usage = json_root(docs[STORAGE_USAGE]);
	from.images = json_root(docs[STORAGE_IMAGES]);
	from.containers = json_root(docs[STORAGE_CONTAINERS]);
	from.volumes = json_root(docs[STORAGE_VOLUMES]);
	from.engine_root = json_get_string(json_root(docs[STORAGE_INFO]), "DockerRootDir");
	*ret_root = xstrdup(from.engine_root);
	o->engine = xstrdup(info->kind == ENGINE_PODMAN ? "podman" : "docker");
	o->server = xstrdup(info->server);
	if (inventory_read(&o->inventory, &from, e) < 0)
		return -1;
	o->reclaimable = inventory_reclaimable(&o->inventory);
	return 0;
}

/* ---- disks ---- */

static void add_place(struct host_observation *o, const char *key, const char *path)
{
	struct host_place *p = &o->places[o->n_places++];
	struct disk_space disk;
	struct err ignored = { 0 };

	*p = (struct host_place){ xstrdup(key), -1, -1, -1, -1, -1 };
	/* an engine elsewhere has its files elsewhere: not known is no error */
	if (!path || access(path, F_OK) < 0 || disk_measure(path, &disk, &ignored) < 0)
		return;
	p->used = (int64_t)disk.used;
	p->avail = (int64_t)disk.avail;
	if (o->free < 0 || p->avail < o->free)
		o->free = p->avail;
}

static int measure_workspaces(struct host_observation *o, const char *path, struct err *e)
{
	int fd CLEAN_FD = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct host_place *p = &o->places[o->n_places - 1];
	struct walk_usage u;

	if (fd < 0)
		return err_set_errno(e, errno, "runner.workspace_root");
	if (walk_usage(fd, ".", 2, &u, e) < 0)
		return err_wrap(e, "runner.workspace_root");
	p->bytes = (int64_t)u.apparent;
	p->allocated = (int64_t)u.allocated;
	p->unseen = (int64_t)u.blind;
	o->workdir = p->bytes;
	o->workdir_allocated = p->allocated;
	o->workdir_unseen = p->unseen;
	return 0;
}

int host_collect(const struct host_context *h, struct host_observation *ret,
	struct host_calls *calls, struct err *e)
{
	CLEAN_STR char *root = NULL;
	char host[256] = "";

	*ret = (struct host_observation){ .at = wall_now(),
		.free = -1,
		.reclaimable = -1,
		.workdir = -1,
		.workdir_allocated = -1,
		.workdir_unseen = -1 };
	if (gethostname(host, sizeof(host) - 1) < 0)
		return err_set_errno(e, errno, "the name of this host");
	ret->host = xstrdup(host);
	if (read_engine(h, ret, calls, &root, e) < 0)
		return -1;
	add_place(ret, "engine", root);
	add_place(ret, "state", h->config->runner.state_dir);
	add_place(ret, "workspaces", h->config->runner.workspace_root);
	return measure_workspaces(ret, h->config->runner.workspace_root, e);
}
