/*
 * Docker takes the bridge's name as an option of the driver and tells it the same way. Podman's
 * compatible calls know no such option (its bridge would be podman1, podman2, …), its own calls
 * say network_interface; they also turn its DNS server off, which else takes the gateway's port 53
 * before the allowlist's resolver. Which containers are attached only the compatible call says.
 */
#include "engine/network.h"

#include "base/json.h"
#include "base/limits.h"
#include "engine/engine_private.h"

/* Podman's own calls count their versions apart, and these two check them. */
#define LIBPOD_VERSION "4.0.0"
#define OPTION_BRIDGE "com.docker.network.bridge.name"
#define OPTION_ICC "com.docker.network.bridge.enable_icc"

/* ---- create ---- */

const char *network_create_path(const struct dialect *d)
{
	return d->libpod_networks ? "/libpod/networks/create" : "/networks/create";
}

static void write_labels(struct json_writer *w, const char *key, const char *owner)
{
	json_key(w, key);
	json_begin_object(w);
	json_kv_str(w, NETWORK_LABEL, owner);
	json_end_object(w);
}

static void write_subnets(struct json_writer *w, const struct network_spec *s, bool libpod)
{
	json_begin_array(w);
	json_begin_object(w);
	json_kv_str(w, libpod ? "subnet" : "Subnet", s->subnet);
	json_kv_str(w, libpod ? "gateway" : "Gateway", s->gateway);
	json_end_object(w);
	json_end_array(w);
}

static void libpod_body(struct json_writer *w, const struct network_spec *s)
{
	json_kv_str(w, "name", s->name);
	json_kv_str(w, "driver", "bridge");
	json_kv_str(w, "network_interface", s->bridge);
	json_kv_bool(w, "ipv6_enabled", false);
	json_kv_bool(w, "dns_enabled", false);
	json_key(w, "subnets");
	write_subnets(w, s, true);
	write_labels(w, "labels", s->owner);
}

static void docker_body(struct json_writer *w, const struct network_spec *s)
{
	json_kv_str(w, "Name", s->name);
	json_kv_bool(w, "CheckDuplicate", true); /* else Docker makes a second of that name */
	json_kv_str(w, "Driver", "bridge");
	json_kv_bool(w, "EnableIPv6", false);
	json_key(w, "IPAM");
	json_begin_object(w);
	json_key(w, "Config");
	write_subnets(w, s, false);
	json_end_object(w);
	json_key(w, "Options");
	json_begin_object(w);
	json_kv_str(w, OPTION_BRIDGE, s->bridge);
	json_kv_str(w, OPTION_ICC, "false");
	json_end_object(w);
	write_labels(w, "Labels", s->owner);
}

int network_body(
	const struct network_spec *s, const struct dialect *d, struct buf *out, struct err *e)
{
	struct json_writer w;

	json_writer_init(&w, out, false);
	json_begin_object(&w);
	if (d->libpod_networks)
		libpod_body(&w, s);
	else
		docker_body(&w, s);
	json_end_object(&w);
	return json_writer_finish(&w, e) < 0 ? err_wrap(e, "network body") : 0;
}

int engine_network_create(struct engine *g, const struct network_spec *s, struct err *e)
{
	CLEAN_BUF struct buf body = BUF_INIT(KIB(16));
	CLEAN_EXCHANGE struct http_exchange *x = NULL;
	struct engine_request r = { .method = "POST",
		.version = g->dialect->libpod_networks ? LIBPOD_VERSION : NULL,
		.path = network_create_path(g->dialect),
		.body = &body };

	if (network_body(s, g->dialect, &body, e) < 0)
		return -1;
	x = engine_call(g, &r, e);
	return x ? 0 : err_wrap(e, "create network %s", s->name);
}

/* ---- inspect ---- */

static char *text_of(const struct json_value *v, const char *key)
{
	const char *text = json_get_string(v, key);

	return xstrdup(text ? text : "");
}

static const struct json_value *first_item(const struct json_value *v, size_t *ret_count)
{
	*ret_count = v && v->type == JSON_ARRAY ? v->count : 0;
	return *ret_count ? v->items[0] : NULL;
}

static void read_docker(const struct json_value *root, struct engine_network *n)
{
	const struct json_value *options = json_get(root, "Options");
	const struct json_value *range =
		first_item(json_get(json_get(root, "IPAM"), "Config"), &n->subnets);
	const char *icc = json_get_string(options, OPTION_ICC);

	n->driver = text_of(root, "Driver");
	n->bridge = text_of(options, OPTION_BRIDGE);
	n->subnet = text_of(range, "Subnet");
	n->gateway = text_of(range, "Gateway");
	n->owner = text_of(json_get(root, "Labels"), NETWORK_LABEL);
	n->ipv6 = json_get_bool(root, "EnableIPv6", false);
	n->icc = !str_eq(icc, "false");
}

static void read_libpod(const struct json_value *root, struct engine_network *n)
{
	const struct json_value *range = first_item(json_get(root, "subnets"), &n->subnets);

	n->driver = text_of(root, "driver");
	n->bridge = text_of(root, "network_interface");
	n->subnet = text_of(range, "subnet");
	n->gateway = text_of(range, "gateway");
	n->owner = text_of(json_get(root, "labels"), NETWORK_LABEL);
	n->ipv6 = json_get_bool(root, "ipv6_enabled", false);
	n->icc = true; /* netavark knows no such option */
	n->engine_dns = json_get_bool(root, "dns_enabled", false);
}

/* The answer to GET prefix<name>suffix, or NULL. */
static struct json_doc *network_get(struct engine *g, const char *version, const char *prefix,
	const char *name, const char *suffix, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(4));
	CLEAN_EXCHANGE struct http_exchange *x = NULL;
	struct engine_request r = { .method = "GET", .version = version };

	buf_adds(&path, prefix);
	engine_escape(&path, name);
	buf_adds(&path, suffix);
	r.path = buf_cstr(&path);
	x = engine_call(g, &r, e);
	return x ? engine_json(x, e) : NULL;
}

static size_t attached(const struct json_value *root)
{
	const struct json_value *containers = json_get(root, "Containers");

	return containers && containers->type == JSON_OBJECT ? containers->count : 0;
}

int engine_network_inspect(
	struct engine *g, const char *name, struct engine_network *ret, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = NULL, *own = NULL;
	struct err why = { 0 };

	*ret = (struct engine_network){ 0 };
	doc = network_get(g, NULL, "/networks/", name, "", &why);
	if (!doc && err_is(&why, ERR_NOT_FOUND))
		return 0;
	if (doc && g->dialect->libpod_networks)
		own = network_get(g, LIBPOD_VERSION, "/libpod/networks/", name, "/json", &why);
	if (!doc || (g->dialect->libpod_networks && !own)) {
		if (e)
			*e = why;
		return err_wrap(e, "network %s", name);
	}
	ret->exists = true;
	ret->containers = attached(json_root(doc));
	if (own)
		read_libpod(json_root(own), ret);
	else
		read_docker(json_root(doc), ret);
	return 0;
}

void engine_network_release(struct engine_network *n)
{
	free(n->driver);
	free(n->bridge);
	free(n->subnet);
	free(n->gateway);
	free(n->owner);
	*n = (struct engine_network){ 0 };
}

/* ---- remove ---- */

int engine_network_remove(struct engine *g, const char *name, struct err *e)
{
	CLEAN_BUF struct buf path = BUF_INIT(KIB(4));
	CLEAN_EXCHANGE struct http_exchange *x = NULL;
	struct engine_request r = { .method = "DELETE" };
	struct err why = { 0 };

	buf_adds(&path, "/networks/");
	engine_escape(&path, name);
	r.path = buf_cstr(&path);
	x = engine_call(g, &r, &why);
	if (x || err_is(&why, ERR_NOT_FOUND))
		return 0;
	if (e)
		*e = why;
	return err_wrap(e, "remove network %s", name);
}
