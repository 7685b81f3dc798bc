/*
 * A user whose socket refuses gets the one remedy that fits: start the service, join the group,
 * or name another path. So the reasons are told apart by what the file system and connect()
 * answer.
 */
#include "engine/socket.h"

#include <errno.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"

#define SOCKET_PROBE_S 10

/* ---- places ---- */

static int add_variable(const char *name, struct strv *ret, struct err *e)
{
	const char *value = getenv(name);

	if (str_empty(value))
		return 0;
	if (!str_starts(value, "unix:///"))
		return err_set(e, ERR_INPUT,
			"%s=%s: expected unix:///PATH, the runner speaks to engines of this "
			"machine only (unset it or set engine.socket)",
			name, value);
	strv_add(ret, value + strlen("unix://"));
	return 0;
}

int engine_socket_places(enum engine_kind kind, struct strv *ret, struct err *e)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (kind == ENGINE_PODMAN && add_variable("CONTAINER_HOST", ret, e) < 0)
		return -1;
	/* also of Podman: people point Docker's tools at it that way */
	if (add_variable("DOCKER_HOST", ret, e) < 0)
		return -1;
	if (kind == ENGINE_AUTO && add_variable("CONTAINER_HOST", ret, e) < 0)
		return -1;
	if (kind != ENGINE_PODMAN)
		strv_add(ret, "/var/run/docker.sock");
	if (kind != ENGINE_DOCKER) {
		strv_add(ret, "/run/podman/podman.sock");
		if (!str_empty(runtime))
			strv_addf(ret, "%s/podman/podman.sock", runtime);
	}
	return 0;
}

/* ---- remedies ---- */

/* A path says which engine was meant where the configuration does not. */
static bool means_podman(const char *path, enum engine_kind kind)
{
	return kind == ENGINE_PODMAN || (kind == ENGINE_AUTO && strstr(path, "podman"));
}

static const char *start_remedy(bool podman)
{
	if (!podman)
		return "start it: systemctl start docker";
	return getuid() == 0
		       ? "start it: systemctl enable --now podman.socket"
		       : "start it: systemctl --user enable --now podman.socket, and loginctl "
			 "enable-linger for a runner without a session";
}

static char *access_remedy(bool podman)
{
	/* cppcheck-suppress getpwuidCalled ; one thread */
	const struct passwd *me = getpwuid(getuid());

	if (podman)
		return xstrdup("root's Podman is for root alone: use one of this user's own "
			       "(systemctl --user enable --now podman.socket)");
	return xasprintf("add the user to the group docker: usermod -aG docker %s, then log in "
			 "again or restart the service",
		me ? me->pw_name : "USER");
}

static int refused(const char *path, enum engine_kind kind, int error, struct err *e)
{
	bool podman = means_podman(path, kind);
	CLEAN_STR char *remedy = error == EACCES || error == EPERM ? access_remedy(podman)
								   : xstrdup(start_remedy(podman));

	if (error == ENOTSOCK || error == ENAMETOOLONG) {
		free(remedy);
		remedy = xstrdup("set engine.socket to the socket the engine listens on");
	}
	return err_set(
		e, ERR_NET, "container engine socket %s: %s (%s)", path, strerror(error), remedy);
}

int engine_socket_none(const struct strv *places, enum engine_kind kind, struct err *e)
{
	CLEAN_BUF struct buf tried = BUF_INIT(KIB(8));

	strv_each (path, places)
		buf_addf(&tried, "%s%s", tried.len ? ", " : "", path);
	return err_set(e, ERR_NET,
		"no container engine socket found (tried %s): install Docker or Podman and "
		"%s; or set engine.socket",
		buf_cstr(&tried), start_remedy(kind == ENGINE_PODMAN));
}

/* ---- probe ---- */

static int probe_connect(int fd, const char *path)
{
	/* a service whose backlog is full must not hold us for ever */
	const struct timeval patience = { .tv_sec = SOCKET_PROBE_S };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct stat st;

	if (strlen(path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		errno = ENOTSOCK; /* connect would say that nobody listens */
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return -1;
	return connect(fd, (const struct sockaddr *)&to, sizeof(to));
}

int engine_socket_probe(const char *path, enum engine_kind kind, uid_t *ret_owner, struct err *e)
{
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (fd < 0)
		return err_set_errno(e, errno, "container engine socket %s", path);
	if (probe_connect(fd, path) < 0)
		return refused(path, kind, errno, e);
	/* the listener's credentials: of the service, or of the systemd that started it */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return err_set_errno(e, errno, "container engine socket %s", path);
	*ret_owner = peer.uid;
	return 0;
}
