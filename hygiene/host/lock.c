/*
 * The engine's lock is an empty file in the one folder of a machine that users, units with a
 * private /tmp and network namespaces have in common. It stays for ever, readable for all, as a
 * lock needs no more; it is never opened for creation when it is there, because the kernel then
 * refuses other users (fs.protected_regular). Its name is made of what the engine calls itself, not
 * of the socket that this runner happens to use: Docker's id, which all dockerds of a machine may
 * share (/etc/docker/key.json), and the data folder. Podman makes up a new id for each answer.
 */
#include "hygiene/host/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "base/fs.h"

#define SHARED "/dev/shm"

/* Nobody deletes it, so what is opened is what all others open. */
static int open_shared(const char *path)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd;

	do {
		fd = open(path, flags);
		if (fd < 0 && errno == ENOENT)
			fd = open(path, flags | O_CREAT | O_EXCL, 0444);
	} while (fd < 0 && errno == EEXIST); /* another one made it just now */
	return fd;
}

static int lock_engine(const char *id, struct err *e)
{
	unsigned char sum[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	CLEAN_STR char *path = NULL;
	CLEAN_FD int fd = -1;

	sha256(id, strlen(id), sum);
	hex_encode(sum, sizeof(sum), hex);
	path = xasprintf(SHARED "/shithubd-hygiene-%.32s.lock", hex);
	fd = open_shared(path);
	/* whoever made it with a narrower umask */
	if (fd >= 0 && fchmod(fd, 0444) < 0 && errno != EPERM)
		return err_set_errno(e, errno, "lock of the engine: %s", path);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return TAKE_FD(fd);
	if (errno != EWOULDBLOCK)
		return err_set_errno(e, errno, "lock of the engine: %s", path);
	return err_set(e, ERR_CONFLICT, "another hygiene run changes this engine");
}

static char *engine_id(const struct host_context *h, struct host_calls *calls, struct err *e)
{
	CLEAN_JSON struct json_doc *doc = storage_ask(
		h->engine, STORAGE_INFO, h->config->hygiene.timeout_us, host_calls_add(calls), e);
	bool docker = engine_info(h->engine)->kind == ENGINE_DOCKER;
	const char *id, *root;

	if (!doc)
		return NULL;
	id = docker ? json_get_string(json_root(doc), "ID") : NULL;
	root = json_get_string(json_root(doc), "DockerRootDir");
	if (str_empty(id) && str_empty(root)) {
		err_set(e, ERR_PROTO, "the engine's answer to /info names neither ID nor folder");
		return NULL;
	}
	return xasprintf("%s:%s:%s", docker ? "docker" : "podman", str_empty(id) ? "" : id,
		str_empty(root) ? "" : root);
}

int host_lock_take(
	struct host_lock *l, const struct host_context *h, struct host_calls *calls, struct err *e)
{
	CLEAN_STR char *path = path_join(h->config->runner.state_dir, "hygiene/lock");
	CLEAN_STR char *id = NULL;

	*l = (struct host_lock)HOST_LOCK_INIT;
	l->records = lock_file(path, e);
	id = l->records < 0 ? NULL : engine_id(h, calls, e);
	l->engine = id ? lock_engine(id, e) : -1;
	if (l->engine >= 0)
		return 0;
	host_lock_release(l);
	return -1;
}

void host_lock_release(struct host_lock *l)
{
	close_fdp(&l->engine);
	close_fdp(&l->records);
}
