/*
 * A unix socket file outlives its process. A public one is removed only after a connect showed
 * that nobody listens. The one in the state directory is replaced without a question: the lock of
 * that directory says that no other runner uses it. Its address goes through /proc/self/fd, since
 * a state directory may be longer than a socket's path.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fs.h"
#include "config/runner_check.h"
#include "runner/control/listener.h"

enum { BACKLOG = 16 };

static int unix_address(const char *path, struct sockaddr_un *a, struct err *e)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(a->sun_path))
		return err_set(e, ERR_INPUT, "%s: longer than a socket's path may be (%zu bytes)",
			path, sizeof(a->sun_path) - 1);
	memcpy(a->sun_path, path, strlen(path));
	return 0;
}

static int unix_socket(int flags, struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	return fd < 0 ? err_set_errno(e, errno, "unix socket") : fd;
}

/* A socket that somebody listens on is left alone, and so is anything that is not a socket. */
static int remove_dead_socket(const char *path, const struct sockaddr_un *a, struct err *e)
{
	CLEAN_FD int probe = unix_socket(SOCK_NONBLOCK, e);
	struct stat st;

	if (probe < 0)
		return -1;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(e, errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFLICT, "%s exists and is not a socket", path);
	if (connect(probe, (const struct sockaddr *)a, sizeof(*a)) == 0 || errno != ECONNREFUSED)
		return err_set(e, ERR_CONFLICT, "%s: another process already listens on it", path);
	return unlink(path) < 0 ? err_set_errno(e, errno, "%s", path) : 0;
}

static int listen_unix(const char *path, struct err *e)
{
	struct sockaddr_un a;
	CLEAN_FD int fd = unix_socket(SOCK_NONBLOCK, e);

	if (fd < 0 || unix_address(path, &a, e) < 0 || remove_dead_socket(path, &a, e) < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, BACKLOG) < 0)
		return err_set_errno(e, errno, "listen at %s", path);
	return TAKE_FD(fd);
}

static char *real_address(int fd, const char *host)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	char port[8] = "";
	bool six = strchr(host, ':');

	if (getsockname(fd, (struct sockaddr *)&a, &n) == 0)
		getnameinfo((struct sockaddr *)&a, n, NULL, 0, port, sizeof(port), NI_NUMERICSERV);
	return xasprintf("%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", port);
}

static int listen_inet(const char *where, char **ret_where, struct err *e)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct listen_address address;
	struct addrinfo *found;
	const int on = 1;

	if (!parse_listen_address(where, &address) ||
		getaddrinfo(address.host, address.port, &hints, &found) != 0)
		return err_set(e, ERR_INPUT, "%s: expected an address and a port", where);
	CLEAN_FD int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		 bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0;

	freeaddrinfo(found);
	if (rc)
		return err_set_errno(e, errno, "listen at %s", where);
	*ret_where = real_address(fd, address.host);
	return TAKE_FD(fd);
}

int listen_at(const char *where, char **ret_where, struct err *e)
{
	int fd;

	if (where[0] != '/')
		return listen_inet(where, ret_where, e);
	fd = listen_unix(where, e);
	if (fd >= 0)
		*ret_where = xstrdup(where);
	return fd;
}

/* By way of the folder's descriptor: its own path may be too long for a socket. */
static int address_in(int dir, const char *name, struct sockaddr_un *a, struct err *e)
{
	CLEAN_STR char *path = xasprintf("/proc/self/fd/%d/%s", dir, name);

	return unix_address(path, a, e);
}

int listen_in(const char *dir, const char *name, struct err *e)
{
	CLEAN_FD int at = dir_open(dir, e);
	CLEAN_FD int fd = at < 0 ? -1 : unix_socket(SOCK_NONBLOCK, e);
	struct sockaddr_un a;

	if (fd < 0 || address_in(at, name, &a, e) < 0)
		return -1;
	/* fchmod of the socket before bind decides the mode of the file, so that it is never open
	 * to others, not even for a moment */
	if ((unlinkat(at, name, 0) < 0 && errno != ENOENT) || fchmod(fd, 0600) < 0 ||
		bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, BACKLOG) < 0)
		return err_set_errno(e, errno, "%s/%s", dir, name);
	return TAKE_FD(fd);
}

int connect_in(const char *dir, const char *name, struct err *e)
{
	CLEAN_FD int at = dir_open(dir, e);
	CLEAN_FD int fd = at < 0 ? -1 : unix_socket(0, e);
	struct sockaddr_un a;

	if (fd < 0 || address_in(at, name, &a, e) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return TAKE_FD(fd);
	if (errno == ENOENT || errno == ECONNREFUSED)
		return err_set(e, ERR_NOT_FOUND, "%s/%s: nobody listens", dir, name);
	return err_set_errno(e, errno, "%s/%s", dir, name);
}
