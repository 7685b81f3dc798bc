/*
 * The connection: finding the socket, negotiating the version, calls. Podman answers on Docker's
 * paths under a version that it chooses; the kind is read from what it says about itself and not
 * from the socket's name.
 */
#include "engine/engine_private.h"

#include <ctype.h>
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "engine/socket.h"

/* ---- calls ---- */

void engine_escape(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr("-._~", *text))
			buf_addc(out, *text);
		else
			buf_addf(out, "%%%02X", (unsigned char)*text);
	}
}

struct http_exchange *engine_begin(struct engine *g, const struct engine_request *r,
	http_done_fn done, void *data, struct err *e)
{
	const char *version = r->version ? r->version : g->info.api_version;
	CLEAN_STR char *url =
		xasprintf("http://engine%s%s%s", *version ? "/v" : "", version, r->path);
	int64_t timeout = r->timeout_us ? r->timeout_us : ENGINE_CALL_TIMEOUT_S * USEC_PER_SEC;
	struct http_request q = {
		.method = r->method,
		.url = url,
		.unix_socket = g->socket,
		.headers = r->headers,
		.body = r->body ? r->body->data : NULL,
		.body_len = r->body ? r->body->len : 0,
		.timeout_us = timeout > 0 ? timeout : 0,
		.max_answer = LIMIT_ENGINE_ANSWER,
	};

	if (r->stream) {
		q.on_body = r->stream->on_body;
		q.on_headers = r->stream->on_headers;
		q.data = r->stream->data;
	}
	return http_start(g->http, &q, done, data, e);
}

int engine_check(struct engine *g, struct http_exchange *x, struct err *e)
{
	const struct http_result *r = http_result(x);

	if (r->outcome == HTTP_NOT_SENT)
		return err_set(e, ERR_NET,
			"container engine socket %s: %s (is the engine still running?)", g->socket,
			r->error);
	if (r->outcome == HTTP_DONE && r->status < 400)
		return 0;
	if (r->outcome == HTTP_DONE && g->dialect)
		return dialect_error(g->dialect, r->status, buf_slice(&r->body), e);
	http_result_error(r, e);
	return err_wrap(e, "container engine %s", g->socket);
}

int engine_exchange_error(struct engine *g, struct http_exchange *x, struct err *e)
{
	if (engine_check(g, x, e) == 0)
		err_set(e, ERR_PROTO, "container engine %s: unexpected answer HTTP %ld", g->socket,
			http_result(x)->status);
	return -1;
}

struct http_exchange *engine_call(struct engine *g, const struct engine_request *r, struct err *e)
{
	CLEAN_EXCHANGE struct http_exchange *x = engine_begin(g, r, NULL, NULL, e);

	if (!x)
		return NULL;
	http_wait(x);
	if (engine_check(g, x, e) < 0)
		return NULL;
	return TAKE(x);
}

struct json_doc *engine_json(struct http_exchange *x, struct err *e)
{
	const struct buf *body = &http_result(x)->body;
	struct json_limits lim = { .bytes = LIMIT_ENGINE_ANSWER };
	struct json_doc *doc = json_parse(buf_cstr(body), body->len, &lim, e);

	if (!doc)
		err_wrap(e, "container engine's answer");
	return doc;
}

/* ---- opening ---- */

static const struct {
	int major, minor;
} versions[] = { { 1, 44 }, { 1, 41 } }; /* what we speak, newest first */

static bool parse_version(const char *text, int *major, int *minor)
{
	CLEAN_STR char *copy = xstrdup(text);
	char *dot = strchr(copy, '.');
	int64_t a, b;

	if (!dot)
		return false;
	*dot = '\0';
	if (!parse_i64(copy, 0, 1000, &a) || !parse_i64(dot + 1, 0, 1000, &b))
		return false;
	*major = (int)a;
	*minor = (int)b;
	return true;
}

static int choose_version(struct engine_info *info, const char *offered, struct err *e)
{
	int major, minor;

	if (!offered || !parse_version(offered, &major, &minor))
		return err_set(e, ERR_PROTO, "_ping: Api-Version %s: expected MAJOR.MINOR",
			offered ? offered : "is missing");
	for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
		if (major > versions[i].major ||
			(major == versions[i].major && minor >= versions[i].minor)) {
			snprintf(info->api_version, sizeof(info->api_version), "%d.%d",
				versions[i].major, versions[i].minor);
			return 0;
		}
	}
	return err_set(
		e, ERR_ENGINE, "the engine's API %s is too old: 1.41 or newer is needed", offered);
}

/* Somebody else than root listens: an engine of that user. Docker is asked, because people put
 * proxies before it; asking Podman would cost a tenth of a second and more for each job. */
static int ask_rootless(struct engine *g, struct err *e)
{
	struct engine_request r = { .method = "GET", .path = "/info" };
	CLEAN_EXCHANGE struct http_exchange *x = NULL;
	CLEAN_JSON struct json_doc *doc = NULL;
	const struct json_value *options;

	if (g->info.kind == ENGINE_PODMAN) {
		g->info.rootless = true;
		g->dialect = dialect_of(ENGINE_PODMAN, true);
		return 0;
	}
	x = engine_call(g, &r, e);
	doc = x ? engine_json(x, e) : NULL;
	if (!doc)
		return err_wrap(e, "/info");
	options = json_get(json_root(doc), "SecurityOptions");
	if (!options || options->type != JSON_ARRAY)
		return 0;
	json_array_each (item, options)
		g->info.rootless |=
			item->type == JSON_STRING && str_eq(item->string, "name=rootless");
	if (!g->info.rootless)
		return 0;
	return err_set(e, ERR_ENGINE,
		"container engine socket %s: a rootless Docker cannot map the user of the steps "
		"(use a rootless Podman, or root's Docker)",
		g->socket);
}

static int negotiate(struct engine *g, struct err *e)
{
	struct engine_request r = {
		.method = "GET", .path = "/_ping", .timeout_us = 10 * USEC_PER_SEC
	};
	CLEAN_EXCHANGE struct http_exchange *x = engine_call(g, &r, e);
	const struct http_result *res;

	if (!x)
		return -1;
	res = http_result(x);
	const char *server = http_header(res, "server");
	snprintf(g->info.server, sizeof(g->info.server), "%s", server ? server : "unknown");
	g->info.kind = http_header(res, "libpod-api-version") ? ENGINE_PODMAN : ENGINE_DOCKER;
	g->dialect = dialect_of(g->info.kind, false);
	if (choose_version(&g->info, http_header(res, "api-version"), e) < 0)
		return -1;
	return g->info.owner == 0 ? 0 : ask_rootless(g, e);
}

static struct engine *engine_try(
	struct loop *l, struct http *h, enum engine_kind kind, const char *socket, struct err *e)
{
	struct engine *g = xcalloc(1, sizeof(*g));

	*g = (struct engine){ .loop = l, .http = h, .socket = xstrdup(socket) };
	if (engine_socket_probe(socket, kind, &g->info.owner, e) == 0 && negotiate(g, e) == 0) {
		if (kind == ENGINE_AUTO || kind == g->info.kind)
			return g;
		err_set(e, ERR_INPUT, "container engine socket %s: %s answers, expected %s", socket,
			g->dialect->name, dialect_of(kind, false)->name);
	}
	engine_free(g);
	return NULL;
}

struct engine *engine_open(
	struct loop *l, struct http *h, enum engine_kind kind, const char *socket, struct err *e)
{
	CLEANUP(strv_release) struct strv places = { 0 };

	if (!str_empty(socket))
		return engine_try(l, h, kind, socket, e);
	if (engine_socket_places(kind, &places, e) < 0)
		return NULL;
	strv_each (path, &places) {
		struct err why = { 0 };

		if (access(path, F_OK) < 0)
			continue;
		struct engine *g = engine_try(l, h, kind, path, &why);
		if (g)
			return g;
		if (e && e->class == ERR_NONE)
			*e = why; /* the first that exists says most */
	}
	if (e && e->class == ERR_NONE)
		engine_socket_none(&places, kind, e);
	return NULL;
}

void engine_free(struct engine *g)
{
	if (!g)
		return;
	free(g->socket);
	free(g);
}

const struct engine_info *engine_info(const struct engine *g)
{
	return &g->info;
}

const char *engine_socket(const struct engine *g)
{
	return g->socket;
}

const struct dialect *engine_dialect(const struct engine *g)
{
	return g->dialect;
}

/* ---- networks ---- */

struct http_exchange *engine_get_named(
	struct engine *g, const char *prefix, const char *name, const char *suffix, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(16));
	struct engine_request r = { .method = "GET" };

	buf_adds(&path, prefix);
	engine_escape(&path, name);
	buf_adds(&path, suffix);
	if (!buf_ok(&path)) {
		err_set(e, ERR_LIMIT, "name of %zu bytes is too long", strlen(name));
		return NULL;
	}
	r.path = path.data;
	return engine_call(g, &r, e);
}

const char *engine_network(const struct engine *g, const char *name)
{
	return dialect_network(g->dialect, name);
}

int engine_network_check(struct engine *g, const char *name, struct err *e)
{
	CLEAN_EXCHANGE struct http_exchange *x = NULL;

	name = engine_network(g, name);
	if (dialect_network_built_in(g->dialect, name))
		return 0;
	if (str_empty(name))
		return err_set(e, ERR_INPUT, "engine.network: expected a name, got an empty one");
	x = engine_get_named(g, "/networks/", name, "", e);
	if (!x && e && err_is(e, ERR_NOT_FOUND))
		err_set(e, ERR_NOT_FOUND,
			"network %s does not exist: create it with `shithubd-runner network up`",
			name);
	return x ? 0 : -1;
}
