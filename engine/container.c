/*
 * Each operation is a begin, which starts the exchange, and an end, which reads its result.
 * Callers that must not block use the pair; the calls without a suffix do both and wait.
 */
#include "engine/engine_private.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/limits.h"

/* METHOD <prefix><id><suffix> */
static struct http_exchange *path_begin(struct engine *g, const char *method, const char *prefix,
	const char *id, const char *suffix, http_done_fn done, void *data, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(4));
	struct engine_request r = { .method = method };

	buf_adds(&path, prefix);
	engine_escape(&path, id);
	buf_adds(&path, suffix);
	r.path = buf_cstr(&path);
	return engine_begin(g, &r, done, data, e);
}

static struct http_exchange *container_begin(struct engine *g, const char *method, const char *id,
	const char *suffix, http_done_fn done, void *data, struct err *e)
{
	return path_begin(g, method, "/containers/", id, suffix, done, data, e);
}

/* ---- create ---- */

/* Docker refuses a missing source, Podman silently makes a folder of root's: told apart here. */
static int mounts_check(const struct container_spec *s, struct err *e)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		struct stat st;

		if (s->mounts[i].source[0] != '/')
			return err_set(e, ERR_INPUT, "mount %s: expected an absolute path",
				s->mounts[i].source);
		if (stat(s->mounts[i].source, &st) < 0)
			return err_set_errno(e, errno, "mount %s", s->mounts[i].source);
	}
	return 0;
}

/* A rootless engine maps its own user only; any other would find nothing it may write to. */
static int user_check(const struct engine *g, const struct container_spec *s, struct err *e)
{
	if (!g->info.rootless || s->uid == (int64_t)g->info.owner)
		return 0;
	return err_set(e, ERR_INPUT,
		"engine.user %" PRId64 ": the rootless %s at %s runs steps as its own user only, "
		"expected %s",
		s->uid, g->dialect->name, g->socket,
		g->info.owner == getuid() ? "\"auto\"" : "the uid that owns the socket");
}

struct http_exchange *engine_create_begin(struct engine *g, const struct container_spec *s,
	http_done_fn done, void *data, struct err *e)
{
	CLEANUP(buf_release_wipe) struct buf body = BUF_INIT(LIMIT_GATE_MESSAGE * 2);
	CLEAN_BUF struct buf path = BUF_INIT(KIB(4));
	struct engine_request r = { .method = "POST", .body = &body };

	if (user_check(g, s, e) < 0 || mounts_check(s, e) < 0 ||
		container_body(s, g->dialect, &body, e) < 0)
		return NULL;
	buf_adds(&path, "/containers/create?name=");
	engine_escape(&path, s->name);
	r.path = buf_cstr(&path);
	return engine_begin(g, &r, done, data, e);
}

int engine_create_end(struct engine *g, struct http_exchange *x, char **ret_id, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = NULL;
	const char *id;

	if (engine_check(g, x, e) < 0)
		return -1;
	doc = engine_json(x, e);
	if (!doc)
		return -1;
	id = json_get_string(json_root(doc), "Id");
	if (str_empty(id))
		return err_set(e, ERR_PROTO, "create: the engine's answer has no Id");
	*ret_id = xstrdup(id);
	return 0;
}

/* ---- start, kill, remove ---- */

struct http_exchange *engine_start_begin(
	struct engine *g, const char *id, http_done_fn done, void *data, struct err *e)
{
	return container_begin(g, "POST", id, "/start", done, data, e);
}

int engine_start_end(struct engine *g, struct http_exchange *x, struct err *e)
{
	return engine_check(g, x, e);
}

struct http_exchange *engine_kill_begin(
	struct engine *g, const char *id, int sig, http_done_fn done, void *data, struct err *e)
{
	char suffix[32];

	snprintf(suffix, sizeof(suffix), "/kill?signal=%d", sig);
	return container_begin(
		g, "POST", id, sig == SIGKILL ? g->dialect->kill : suffix, done, data, e);
}

struct http_exchange *engine_pause_begin(
	struct engine *g, const char *id, bool on, http_done_fn done, void *data, struct err *e)
{
	return container_begin(g, "POST", id, on ? "/pause" : "/unpause", done, data, e);
}

int engine_pause_end(struct engine *g, struct http_exchange *x, struct err *e)
{
	return engine_check(g, x, e);
}

/* Gone or not running is what was wanted. */
static int gone_is_fine(int rc, struct err *e)
{
	if (rc == 0)
		return 0;
	if (!err_is(e, ERR_NOT_FOUND) && !err_is(e, ERR_CONFLICT))
		return -1;
	err_clear(e);
	return 0;
}

int engine_kill_end(struct engine *g, struct http_exchange *x, struct err *e)
{
	struct err own = { 0 };

	e = e ? e : &own;
	return gone_is_fine(engine_check(g, x, e), e);
}

int engine_container_kill(struct engine *g, const char *id, struct err *e)
{
	CLEAN_EXCHANGE struct http_exchange *x = engine_kill_begin(g, id, 9, NULL, NULL, e);

	if (!x)
		return -1;
	http_wait(x);
	return engine_kill_end(g, x, e);
}

struct http_exchange *engine_remove_begin(
	struct engine *g, const char *id_or_name, http_done_fn done, void *data, struct err *e)
{
	/* v=1: an image's VOLUME would otherwise leave an anonymous volume each time */
	return path_begin(g, "DELETE", g->dialect->remove[0], id_or_name, g->dialect->remove[1],
		done, data, e);
}

int engine_remove_end(struct engine *g, struct http_exchange *x, struct err *e)
{
	struct err own = { 0 };

	e = e ? e : &own;
	if (engine_check(g, x, e) == 0)
		return 0;
	if (err_is(e, ERR_CONFLICT) && !g->dialect->conflict_removes)
		return -1;
	return gone_is_fine(-1, e);
}

int engine_container_remove(struct engine *g, const char *id, struct err *e)
{
	CLEAN_EXCHANGE struct http_exchange *x = engine_remove_begin(g, id, NULL, NULL, e);

	if (!x)
		return -1;
	http_wait(x);
	return engine_remove_end(g, x, e);
}

/* ---- inspect, list, attach ---- */

struct http_exchange *engine_inspect_begin(
	struct engine *g, const char *id, http_done_fn done, void *data, struct err *e)
{
	return container_begin(g, "GET", id, "/json", done, data, e);
}

int engine_inspect_end(
	struct engine *g, struct http_exchange *x, struct container_state *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = NULL;
	const struct json_value *state;
	const char *error;
	struct err own = { 0 };

	e = e ? e : &own;
	if (engine_check(g, x, e) < 0) {
		if (!err_is(e, ERR_NOT_FOUND))
			return -1;
		err_clear(e);
		*ret = (struct container_state){ 0 };
		return 0;
	}
	doc = engine_json(x, e);
	if (!doc)
		return -1;
	state = json_get(json_root(doc), "State");
	if (!state)
		return err_set(e, ERR_PROTO, "inspect: the engine's answer has no State");
	error = json_get_string(state, "Error");
	*ret = (struct container_state){
		.exists = true,
		.running = json_get_bool(state, "Running", false),
		.oom_killed = json_get_bool(state, "OOMKilled", false),
		.exit_code = (int)json_get_int(state, "ExitCode", -1),
		.pid = json_get_int(state, "Pid", 0),
	};
	snprintf(ret->error, sizeof(ret->error), "%s", error ? error : "");
	return 0;
}

int engine_container_inspect(
	struct engine *g, const char *id, struct container_state *ret, struct err *e)
{
	CLEAN_EXCHANGE struct http_exchange *x = engine_inspect_begin(g, id, NULL, NULL, e);

	if (!x)
		return -1;
	http_wait(x);
	return engine_inspect_end(g, x, ret, e);
}

/* /containers/json?all=1&filters={"label":["key=value"]} */
/* ?filters={"label":["<label>=<value>"]} */
static int list_path(struct buf *path, const char *label, const char *value, struct err *e)
{
	CLEAN_BUF struct buf filters = BUF_INIT(KIB(4));
	CLEAN_STR char *pair = value ? xasprintf("%s=%s", label, value) : xstrdup(label);
	struct json_writer w;

	json_writer_init(&w, &filters, false);
	json_begin_object(&w);
	json_key(&w, "label");
	json_begin_array(&w);
	json_str(&w, pair);
	json_end_array(&w);
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return err_wrap(e, "label filter");
	buf_adds(path, "/containers/json?all=1&filters=");
	engine_escape(path, buf_cstr(&filters));
	return 0;
}

struct json_doc *engine_list_by_label(
	struct engine *g, const char *label, const char *value, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(16));
	CLEAN_EXCHANGE struct http_exchange *x = NULL;
	CLEAN_JSON struct json_doc *doc = NULL;
	struct engine_request r = { .method = "GET" };

	if (list_path(&path, label, value, e) < 0)
		return NULL;
	r.path = buf_cstr(&path);
	x = engine_call(g, &r, e);
	doc = x ? engine_json(x, e) : NULL;
	if (doc && json_root(doc)->type != JSON_ARRAY) {
		err_set(e, ERR_PROTO, "list: the engine's answer is not an array");
		return NULL;
	}
	return TAKE(doc);
}

int engine_container_list(
	struct engine *g, const char *label, const char *value, struct strv *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = engine_list_by_label(g, label, value, e);

	if (!doc)
		return -1;
	json_array_each (item, json_root(doc)) {
		const char *id = json_get_string(item, "Id");

		if (!str_empty(id))
			strv_add(ret, id);
	}
	return 0;
}

struct http_exchange *engine_attach_begin(struct engine *g, const char *id,
	const struct engine_attach *a, http_done_fn done, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(4));
	struct engine_request r = { .method = "POST", .timeout_us = -1, .stream = a };

	buf_adds(&path, "/containers/");
	engine_escape(&path, id);
	buf_adds(&path, "/attach?stream=1&stdin=0&stdout=1&stderr=1");
	r.path = buf_cstr(&path);
	return engine_begin(g, &r, done, a->data, e);
}
