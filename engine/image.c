/*
 * An engine reports a failed pull inside an answer of 200 and in words only. The words are mapped
 * to classes here, because the runner must know whether another try can help.
 */
#include "engine/image.h"

#include <strings.h>

#include "base/json.h"
#include "base/limits.h"
#include "engine/engine_private.h"
#include "engine/volumes.h"

/* ---- what is there ---- */

/* RepoDigests: "name@sha256:…" for each registry that gave or took it; ours first. */
static char *digest_of(const struct json_value *digests, const char *ref)
{
	CLEAN_IMAGE_REF struct image_ref wanted = { 0 };
	CLEAN_STR char *name = NULL;
	struct err ignored = { 0 };

	if (image_ref_parse(ref, &wanted, &ignored) < 0)
		return NULL;
	name = image_ref_repository(&wanted);
	json_array_each (item, digests) {
		CLEAN_IMAGE_REF struct image_ref r = { 0 };
		CLEAN_STR char *other = NULL;

		if (item->type != JSON_STRING || image_ref_parse(item->string, &r, &ignored) < 0)
			continue;
		other = image_ref_repository(&r);
		if (r.digest && (!wanted.registry || str_eq(name, other)))
			return TAKE(r.digest);
	}
	return NULL;
}

static int not_here(struct engine *g, const char *ref, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND,
		"image %s is not on this machine: pull or build it first (%s pull %s)", ref,
		g->dialect->command, ref);
}

/* {"/data":{}, …} */
static void read_volumes(const struct json_value *config, struct strv *ret)
{
	const struct json_value *volumes = json_get(config, "Volumes");

	if (!volumes || volumes->type != JSON_OBJECT)
		return;
	for (size_t i = 0; i < volumes->count; i++)
		strv_add(ret, volumes->items[i]->key);
}

/* ["PATH=/usr/bin", …]; an engine keeps a name without a value as it is, and it sets nothing. */
static void read_env(const struct json_value *config, struct pairs *ret)
{
	const struct json_value *env = json_get(config, "Env");

	if (!env || env->type != JSON_ARRAY)
		return;
	json_array_each (item, env) {
		const char *equals = item->type == JSON_STRING ? strchr(item->string, '=') : NULL;

		if (!equals || equals == item->string)
			continue;
		CLEAN_STR char *name = xmemdup0(item->string, (size_t)(equals - item->string));

		pairs_set(ret, name, equals + 1);
	}
}

int engine_image_inspect(struct engine *g, const char *ref, struct image *ret, struct err *e)
{
	CLEAN_EXCHANGE struct http_exchange *x = NULL;
	CLEAN_JSON struct json_doc *doc = NULL;
	const struct json_value *digests;
	const char *id;

	if (str_empty(ref))
		return err_set(e, ERR_INPUT, "image: expected a reference, got an empty one");
	x = engine_get_named(g, "/images/", ref, "/json", e);
	if (!x)
		return e && err_is(e, ERR_NOT_FOUND) ? not_here(g, ref, e) : -1;
	doc = engine_json(x, e);
	if (!doc)
		return err_wrap(e, "image %s", ref);
	id = json_get_string(json_root(doc), "Id");
	if (str_empty(id))
		return err_set(e, ERR_PROTO, "image %s: the engine's answer has no Id", ref);
	digests = json_get(json_root(doc), "RepoDigests");
	*ret = (struct image){
		.id = xasprintf("%s%s", str_starts(id, "sha256:") ? "" : "sha256:", id),
		.digest = digests && digests->type == JSON_ARRAY ? digest_of(digests, ref) : NULL,
		.size = json_get_int(json_root(doc), "Size", 0),
	};
	read_volumes(json_get(json_root(doc), "Config"), &ret->volumes);
	read_env(json_get(json_root(doc), "Config"), &ret->env);
	return 0;
}

const char *image_home(const struct image *i)
{
	const char *home = pairs_get(&i->env, "HOME");

	return volumes_home_fits(home) ? home : NULL;
}

void image_release(struct image *i)
{
	free(i->id);
	free(i->digest);
	strv_release(&i->volumes);
	pairs_release(&i->env);
	*i = (struct image){ 0 };
}

/* ---- pulling ---- */

struct image_pull {
	struct engine *engine;
	struct http_exchange *x;
	struct engine_attach stream_to;
	struct pull_stream stream;
	char *registry;
	struct err error; /* of the stream */
	void (*done)(void *data);
	void *data;
};

/* What registries and engines say, in the order in which it is searched for: a refusal often names
 * the address too. */
enum err_class pull_error_class(const char *words)
{
	static const struct {
		const char *text;
		enum err_class class;
	} table[] = {
		{ "unauthorized", ERR_AUTH },
		{ "authentication required", ERR_AUTH },
		{ "no basic auth", ERR_AUTH },
		{ "access denied", ERR_AUTH },
		{ "access to the resource is denied", ERR_AUTH },
		{ "403 Forbidden", ERR_AUTH },
		{ "invalid username/password", ERR_AUTH },
		{ "manifest unknown", ERR_NOT_FOUND },
		{ "name unknown", ERR_NOT_FOUND },
		{ "repository name not known", ERR_NOT_FOUND },
		{ "not found", ERR_NOT_FOUND },
		{ "connection refused", ERR_NET },
		{ "connection reset", ERR_NET },
		{ "no such host", ERR_NET },
		{ "server misbehaving", ERR_NET },
		{ "temporary failure in name resolution", ERR_NET },
		{ "no route to host", ERR_NET },
		{ "network is unreachable", ERR_NET },
		{ "timeout", ERR_NET },
		{ "timed out", ERR_NET },
		{ "deadline exceeded", ERR_NET },
		{ "unexpected EOF", ERR_NET },
		{ ": EOF", ERR_NET },
		{ "500 Internal Server Error", ERR_NET },
		{ "502 Bad Gateway", ERR_NET },
		{ "503 Service Unavailable", ERR_NET },
		{ "504 Gateway", ERR_NET },
		{ "toomanyrequests", ERR_NET },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcasestr(words, table[i].text))
			return table[i].class;
	return ERR_ENGINE;
}

static int on_body(void *data, const char *p, size_t n)
{
	struct image_pull *pull = data;

	return pull_stream_feed(&pull->stream, p, n, &pull->error);
}

static void on_done(struct http_exchange *x, void *data)
{
	struct image_pull *p = data;
	const struct http_result *r = http_result(x);
	struct err e = { 0 };

	if (r->outcome == HTTP_DONE && r->status < 400 && pull_stream_end(&p->stream, &e) < 0)
		p->error = e;
	p->done(p->data);
}

/* The engine takes a digest in place of the tag, and the digest decides when both are known. */
static void pull_path(const struct image_ref *ref, struct buf *path)
{
	CLEAN_STR char *name = image_ref_repository(ref);

	buf_adds(path, "/images/create?fromImage=");
	engine_escape(path, name);
	buf_adds(path, "&tag=");
	engine_escape(path, ref->digest ? ref->digest : ref->tag);
}

struct image_pull *image_pull_start(struct engine *g, const struct image_ref *ref, const char *auth,
	void (*done)(void *data), void *data, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(4));
	CLEANUP(strv_release) struct strv headers = { 0 };
	struct image_pull *p;
	char *line = NULL;

	if (!ref->registry) {
		err_set(e, ERR_INPUT,
			"image sha256:%s: no registry knows an image by its id, "
			"expected a name to pull",
			ref->path);
		return NULL;
	}
	pull_path(ref, &path);
	if (auth) {
		line = xasprintf("X-Registry-Auth: %s", auth);
		strv_add_take(&headers, line);
	}
	p = xcalloc(1, sizeof(*p));
	*p = (struct image_pull){ .engine = g, .done = done, .data = data };
	p->registry = xstrdup(ref->registry);
	pull_stream_init(&p->stream);
	p->stream_to = (struct engine_attach){ .on_body = on_body, .data = p };
	struct engine_request r = { .method = "POST",
		.path = path.data,
		.timeout_us = -1,
		.headers = &headers,
		.stream = &p->stream_to };
	p->x = engine_begin(g, &r, on_done, p, e);
	if (line)
		wipe(line, strlen(line));
	if (p->x)
		return p;
	image_pull_free(p);
	return NULL;
}

struct pull_progress image_pull_progress(const struct image_pull *p)
{
	return pull_stream_progress(&p->stream);
}

/* One line: the words, and what to do about it. */
static int explain(const struct image_pull *p, const char *words, struct err *e)
{
	enum err_class class = pull_error_class(words);
	const char *command = p->engine->dialect->command;

	if (class == ERR_AUTH)
		return err_set(e, class,
			"registry %s refused: %s (wrong name, or missing or wrong credentials: %s "
			"login %s, or set engine.registry_auth_file)",
			p->registry, words, command, p->registry);
	if (class == ERR_NOT_FOUND)
		return err_set(e, class, "registry %s has no such image: %s (check name and tag)",
			p->registry, words);
	if (class == ERR_NET)
		return err_set(e, class, "registry %s did not serve it: %s", p->registry, words);
	return err_set(e, class, "%s", words);
}

int image_pull_result(const struct image_pull *p, struct err *e)
{
	const struct http_result *r = http_result(p->x);

	if (p->error.class) {
		*e = p->error;
		return -1;
	}
	if (engine_check(p->engine, p->x, e) < 0) {
		CLEAN_STR char *words = xstrdup(e->text);

		/* without an answer it is the engine's connection that failed, not the registry's
		 */
		return r->outcome == HTTP_DONE ? explain(p, words, e) : -1;
	}
	return *p->stream.error ? explain(p, p->stream.error, e) : 0;
}

void image_pull_free(struct image_pull *p)
{
	if (!p)
		return;
	http_exchange_free(p->x);
	pull_stream_release(&p->stream);
	free(p->registry);
	free(p);
}
