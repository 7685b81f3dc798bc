/*
 * One connection to a container engine (Docker or Podman) over its unix socket. Every call here
 * blocks on the loop (request_wait style) unless named _start. Errors are ERR_ENGINE with the
 * engine's own words, ERR_NET when the socket refuses (text says path and remedy).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/http/http.h"
#include "config/runner_config.h"

struct engine;

struct engine_info {
	enum engine_kind kind; /* ENGINE_DOCKER or ENGINE_PODMAN, never AUTO */
	bool rootless;         /* runs as an ordinary user */
	uid_t owner;           /* that user; steps can run as no other when rootless */
	char api_version[16];  /* what we speak, "1.41" */
	char server[96];       /* Server header: "Docker/20.10.24 (linux)" */
};

/* Probes _ping, negotiates the version (1.44 when offered, else 1.41; older is refused). socket
 * NULL: the places of engine/socket.h in order, the first whose engine answers. Podman is told
 * apart by its Libpod-Api-Version header, a rootless one by who listens on the socket. */
struct engine *engine_open(struct loop *l, struct http *h, enum engine_kind kind,
	const char *socket, struct err *e) CHECK_RESULT;
void engine_free(struct engine *g);
const struct engine_info *engine_info(const struct engine *g);
const char *engine_socket(const struct engine *g);

/* The network of steps behind engine.network: "none" in place of the default bridge where the
 * engine can have none (rootless). */
const char *engine_network(const struct engine *g, const char *name);
/* ERR_NOT_FOUND when there is no such network; "none" is always there. */
int engine_network_check(struct engine *g, const char *name, struct err *e) CHECK_RESULT;

/* One container to be made: all of docs/SECURITY.md that the engine builds. */
struct container_mount {
	const char *source, *target;
	bool read_only;
};
struct container_spec {
	const char *name; /* deterministic, so that a retried create cannot make a twin */
	const char *image;
	const struct strv *argv; /* entrypoint and arguments */
	const struct strv *env;  /* NAME=value */
	const char *working_dir;
	const struct pairs *labels;
	int64_t uid, gid;
	const struct container_mount *mounts;
	size_t n_mounts;
	const char *network;    /* "none", a network's name, "container:<id>" */
	const struct strv *dns; /* not sent with container: and none */
	uint64_t memory;        /* no extra swap */
	int64_t nano_cpus, pids_limit, nofile_limit;
	int64_t nproc_limit; /* for engines that need one named; not a limit that protects, see
				engine/body.c */
	uint64_t tmp_size;   /* of /tmp, and of each volume */
	const struct strv *volumes; /* a tmpfs at each of these */
	const char *seccomp_json;
	const char *seccomp_path; /* host file with the same profile: Podman takes no inline one */
};

struct container_state {
	bool exists, running, oom_killed;
	int exit_code;
	int64_t pid; /* of process 1 as the engine sees it, 0 when not running */
	char error[256];
};
int engine_container_inspect(struct engine *g, const char *id, struct container_state *ret,
	struct err *e) CHECK_RESULT; /* a missing one is exists = false, not an error */
/* Sends SIGKILL through the engine; a container that is gone or not running is no error. */
int engine_container_kill(struct engine *g, const char *id, struct err *e) CHECK_RESULT;
/* DELETE force=1&v=1; missing is no error. */
int engine_container_remove(struct engine *g, const char *id, struct err *e) CHECK_RESULT;
/* Ids of all containers (any state) that carry label key=value. */
int engine_container_list(struct engine *g, const char *label, const char *value, struct strv *ret,
	struct err *e) CHECK_RESULT;

/*
 * The same without blocking: _begin starts the exchange (done as in http_start, may be NULL), _end
 * reads its result after it finished; the caller frees the exchange. A NULL exchange is the error.
 */
struct http_exchange *engine_create_begin(struct engine *g, const struct container_spec *s,
	http_done_fn done, void *data, struct err *e) CHECK_RESULT;
/* ERR_CONFLICT: the name is taken. An ambiguous transport loss is ERR_NET. */
int engine_create_end(
	struct engine *g, struct http_exchange *x, char **ret_id, struct err *e) CHECK_RESULT;
struct http_exchange *engine_start_begin(struct engine *g, const char *id, http_done_fn done,
	void *data, struct err *e) CHECK_RESULT;
int engine_start_end(struct engine *g, struct http_exchange *x, struct err *e) CHECK_RESULT;
struct http_exchange *engine_inspect_begin(struct engine *g, const char *id, http_done_fn done,
	void *data, struct err *e) CHECK_RESULT;
int engine_inspect_end(struct engine *g, struct http_exchange *x, struct container_state *ret,
	struct err *e) CHECK_RESULT;
struct http_exchange *engine_kill_begin(struct engine *g, const char *id, int sig,
	http_done_fn done, void *data, struct err *e) CHECK_RESULT;
int engine_kill_end(struct engine *g, struct http_exchange *x, struct err *e) CHECK_RESULT;
/* Stops (on) all processes of a container where they are, or lets them go on. */
struct http_exchange *engine_pause_begin(struct engine *g, const char *id, bool on,
	http_done_fn done, void *data, struct err *e) CHECK_RESULT;
int engine_pause_end(struct engine *g, struct http_exchange *x, struct err *e) CHECK_RESULT;
struct http_exchange *engine_remove_begin(struct engine *g, const char *id_or_name,
	http_done_fn done, void *data, struct err *e) CHECK_RESULT;
int engine_remove_end(struct engine *g, struct http_exchange *x, struct err *e) CHECK_RESULT;

/* The output of a container as frames (engine/demux.h). Attach before start, and start only after
 * on_headers said 200: earlier bytes are lost. Ends when the container's output does; never stop
 * reading it. Callbacks as in struct http_request. */
struct engine_attach {
	int (*on_body)(void *data, const char *p, size_t n);
	void (*on_headers)(void *data, long status);
	void *data;
};
struct http_exchange *engine_attach_begin(struct engine *g, const char *id,
	const struct engine_attach *a, http_done_fn done, struct err *e) CHECK_RESULT;
/* Why the attach failed, in the engine's words. Always -1. */
int engine_exchange_error(struct engine *g, struct http_exchange *x, struct err *e);

#endif
