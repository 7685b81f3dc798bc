/*
 * The address is one that a person wrote, so every refusal names it and what was expected. Port 0
 * is the tests': the real one is asked back from the socket.
 */
#include "coordinator/http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fs.h"

static int listen_split(
	const char *text, char *host, size_t n_host, const char **ret_port, struct err *e)
{
	const char *colon = strrchr(text, ':');
	int64_t port;

	if (!colon || colon == text || !parse_i64(colon + 1, 0, 65535, &port))
		return err_set(e, ERR_INPUT, "listen address \"%s\", expected HOST:PORT", text);
	size_t n = (size_t)(colon - text);
	bool v6 = text[0] == '[' && text[n - 1] == ']';
	snprintf(host, n_host, "%.*s", (int)(v6 ? n - 2 : n), v6 ? text + 1 : text);
	*ret_port = colon + 1;
	return 0;
}

static int listen_socket(const struct addrinfo *a)
{
	const int one = 1;
	CLEAN_FD int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 1024))
		return -1;
	return TAKE_FD(fd);
}

int listen_open(const char *text, struct err *e)
{
	char host[256];
	const char *port = NULL;

	if (listen_split(text, host, sizeof(host), &port, e) < 0)
		return -1;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	int rc = getaddrinfo(host, port, &hints, &list);
	if (rc != 0)
		return err_set(e, ERR_INPUT, "listen address %s: %s", text, gai_strerror(rc));
	int fd = listen_socket(list), cause = errno;
	freeaddrinfo(list);
	if (fd < 0)
		return err_set_errno(e, cause, "listen on %s", text);
	return fd;
}

void listen_address(int fd, char *out, size_t n_out)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);
	char host[48] = "", port[8] = "";

	if (getsockname(fd, (struct sockaddr *)&a, &n) == 0)
		getnameinfo((struct sockaddr *)&a, n, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(out, n_out, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}
