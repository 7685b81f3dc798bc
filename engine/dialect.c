/*
 * Rows of data instead of branches: a new engine is a new row, and every difference has one
 * place. Each value was measured against the engine that it names.
 */
#include "engine/dialect.h"

#include "base/json.h"

#define DEFAULT_BRIDGE "shithub-actions" /* of engine.network */

static const struct dialect_tmpfs podman_tmpfs[] = {
	{ "/run", "rw,noexec,nosuid,nodev,size=64k,mode=755" },
	{ "/var/tmp", "rw,noexec,nosuid,nodev,size=64k,mode=755" },
};

#define PODMAN                                                                                   \
	.command = "podman", .tmpfs = podman_tmpfs, .n_tmpfs = ARRAY_LEN(podman_tmpfs),          \
	.nproc_needed = true, .libpod_networks = true, .kill = "/stop?t=0", .holder_last = true, \
	.remove = { "/libpod/containers/", "?force=1&v=1&depend=1" }

static const struct dialect docker = { .name = "Docker",
	.command = "docker",
	.seccomp_inline = true,
	.network_disabled = true,
	.kill = "/kill?signal=9",
	.remove = { "/containers/", "?force=1&v=1" },
	.conflict_removes = true };
static const struct dialect podman = { .name = "Podman", PODMAN };
static const struct dialect rootless_podman = { .name = "Podman",
	PODMAN,
	.userns = "keep-id",
	.one_create = true,
	.no_bridge = true,
	.network_mode = "slirp4netns" };

const struct dialect *dialect_of(enum engine_kind kind, bool rootless)
{
	if (kind == ENGINE_PODMAN)
		return rootless ? &rootless_podman : &podman;
	if (kind != ENGINE_DOCKER)
		BUG("engine kind %d has no dialect", (int)kind);
	return rootless ? NULL : &docker;
}

const char *dialect_network(const struct dialect *d, const char *name)
{
	return d->no_bridge && str_eq(name, DEFAULT_BRIDGE) ? "none" : name;
}

bool dialect_network_built_in(const struct dialect *d, const char *network)
{
	return str_eq(network, "none") || (d->network_mode && str_eq(network, d->network_mode));
}

/* {"message": …} of both, or the bare text both use now and then. */
static char *error_words(struct slice body)
{
	CLEAN_JSON struct json_doc *doc = json_parse(body.ptr, body.len, NULL, NULL);
	const char *message = doc ? json_get_string(json_root(doc), "message") : NULL;
	size_t n = body.len < 300 ? body.len : 300;

	if (message)
		return xstrdup(message);
	while (n > 0 && (body.ptr[n - 1] == '\n' || body.ptr[n - 1] == '\r'))
		n--;
	return n ? xmemdup0(body.ptr, n) : xstrdup("no reason given");
}

int dialect_error(const struct dialect *d, long status, struct slice body, struct err *e)
{
	static const struct {
		long status;      /* 0: any */
		const char *text; /* NULL: any */
		enum err_class class;
	} rules[] = {
		{ 404, NULL, ERR_NOT_FOUND },
		{ 409, NULL, ERR_CONFLICT },
		{ 0, "already in use", ERR_CONFLICT },
		{ 0, "container state improper", ERR_CONFLICT },
		{ 0, "no such container", ERR_NOT_FOUND },
		{ 0, "image not known", ERR_NOT_FOUND },
		{ 0, "network not found", ERR_NOT_FOUND },
	};
	CLEAN_STR char *words = error_words(body);
	enum err_class class = ERR_ENGINE;

	for (size_t i = 0; i < ARRAY_LEN(rules) && class == ERR_ENGINE; i++) {
		if ((!rules[i].status || rules[i].status == status) &&
			(!rules[i].text || strstr(words, rules[i].text)))
			class = rules[i].class;
	}
	return err_set(e, class, "%s: %s (HTTP %ld)", d->name, words, status);
}
