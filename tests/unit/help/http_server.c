/*
 * Threads and raw sockets instead of a library: a test must be able to close, stall or lie at any
 * byte. A connection is closed on its own thread; whoever counts descriptors waits with
 * http_server_await_open, because the client can see the end earlier.
 */
#include "tests/unit/help/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/util.h"

enum { REQUEST_MAX = 256 << 10, CONNECTIONS_MAX = 4096 };

struct conn {
	struct http_server *server;
	pthread_t thread;
	int fd;
	bool drop_next; /* read the next request, then close without a word */
};

struct http_server {
	int listener, port;
	char *unix_path;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t ended; /* a connection was closed; open counts them */
	int open;
	atomic_int requests, accepted;
	char *last; /* request; under the lock */
	atomic_bool stopping;
	struct conn *conns[CONNECTIONS_MAX];
};

struct request {
	char *text; /* head and body, NUL-terminated */
	const char *path, *body;
	size_t body_len;
};

static void must(bool ok, const char *what)
{
	if (!ok)
		BUG("%s: %s", what, strerror(errno));
}

static void say(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		p += sent;
		n -= (size_t)sent;
	}
}

static void says(int fd, const char *text)
{
	say(fd, text, strlen(text));
}

static void answer(int fd, const char *status, const char *headers, const char *body, size_t n)
{
	char *head CLEAN_STR =
		xasprintf("HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, headers, n);
	char *all CLEAN_STR = xmalloc(strlen(head) + n);

	memcpy(all, head, strlen(head));
	memcpy(all + strlen(head), body, n);
	say(fd, all, strlen(head) + n);
}

/* Until the client closes. */
static void await_close(int fd)
{
	char c[512];

	while (recv(fd, c, sizeof(c), 0) > 0)
		;
}

/* scripts: true keeps the connection */

static bool serve_ok(struct conn *c, const struct request *r UNUSED)
{
	answer(c->fd, "200 OK", "", "hello", 5);
	return true;
}

static bool serve_echo(struct conn *c, const struct request *r)
{
	answer(c->fd, "200 OK", "Content-Type: text/plain\r\n", r->text, strlen(r->text));
	return true;
}

static bool serve_chunked(struct conn *c, const struct request *r UNUSED)
{
	says(c->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-After\r\n\r\n"
		    "3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-After: late\r\n\r\n");
	return true;
}

static bool serve_chunked_cut(struct conn *c, const struct request *r UNUSED)
{
	says(c->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\nde");
	return false;
}

static bool serve_truncated(struct conn *c, const struct request *r UNUSED)
{
	says(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
	return false;
}

static bool serve_reset(struct conn *c, const struct request *r UNUSED)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	return false;
}

static bool serve_close(struct conn *c UNUSED, const struct request *r UNUSED)
{
	return false;
}

static bool serve_drop_next(struct conn *c, const struct request *r UNUSED)
{
	c->drop_next = true;
	answer(c->fd, "200 OK", "", "last", 4);
	return true;
}

static bool serve_garbage(struct conn *c, const struct request *r UNUSED)
{
	says(c->fd, "not http at all\r\n\r\n");
	return false;
}

static bool serve_hang(struct conn *c, const struct request *r UNUSED)
{
	await_close(c->fd);
	return false;
}

static bool serve_stall(struct conn *c, const struct request *r UNUSED)
{
	says(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
	await_close(c->fd);
	return false;
}

static bool serve_400(struct conn *c, const struct request *r UNUSED)
{
	answer(c->fd, "400 Bad Request", "", "", 0);
	return true;
}

static bool serve_401(struct conn *c, const struct request *r UNUSED)
{
	const char *body = "{\"error\":\"token\\nrefused\"}";

	answer(c->fd, "401 Unauthorized", "", body, strlen(body));
	return true;
}

static bool serve_429(struct conn *c, const struct request *r UNUSED)
{
	answer(c->fd, "429 Too Many Requests", "Retry-After: 7\r\n", "slow down\nplease", 16);
	return true;
}

static bool serve_503(struct conn *c, const struct request *r UNUSED)
{
	answer(c->fd, "503 Service Unavailable", "RETRY-AFTER: Fri, 31 Dec 2100 23:59:59 GMT\r\n",
		"", 0);
	return true;
}

static bool serve_big_error(struct conn *c, const struct request *r UNUSED)
{
	char *body CLEAN_STR = xmalloc(200 << 10);

	memset(body, 'e', 200 << 10);
	answer(c->fd, "500 Internal Server Error", "", body, 200 << 10);
	return true;
}

static bool serve_big_body(struct conn *c, const struct request *r UNUSED)
{
	char *body CLEAN_STR = xmalloc(3 << 20);

	memset(body, 'b', 3 << 20);
	answer(c->fd, "200 OK", "", body, 3 << 20);
	return true;
}

static bool serve_big_headers(struct conn *c, const struct request *r UNUSED)
{
	char filler[1001];

	memset(filler, 'h', 1000);
	filler[1000] = '\0';
	says(c->fd, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 80; i++) {
		char *line CLEAN_STR = xasprintf("X-Filler-%d: %s\r\n", i, filler);
		says(c->fd, line);
	}
	says(c->fd, "Content-Length: 0\r\n\r\n");
	return true;
}

static bool serve_headers(struct conn *c, const struct request *r UNUSED)
{
	says(c->fd, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
		    "HTTP/1.1 200 OK\r\nX-One:  first \r\nx-ONE: second\r\nX-Empty:\r\n"
		    "Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
	return true;
}

static bool serve_redirect(struct conn *c, const struct request *r UNUSED)
{
	answer(c->fd, "302 Found", "Location: /ok\r\n", "", 0);
	return true;
}

static bool serve_stream(struct conn *c, const struct request *r UNUSED)
{
	says(c->fd, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n");
	for (int i = 0; i < 1000; i++)
		says(c->fd, "0123456789");
	return false;
}

static bool serve_upgrade(struct conn *c, const struct request *r UNUSED)
{
	says(c->fd,
		"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw bytes");
	return false;
}

static const struct {
	const char *path;
	bool (*serve)(struct conn *c, const struct request *r);
} SCRIPTS[] = {
	{ "/ok", serve_ok },
	{ "/echo", serve_echo },
	{ "/chunked", serve_chunked },
	{ "/chunked-cut", serve_chunked_cut },
	{ "/truncated", serve_truncated },
	{ "/reset", serve_reset },
	{ "/close", serve_close },
	{ "/drop-next", serve_drop_next },
	{ "/garbage", serve_garbage },
	{ "/hang", serve_hang },
	{ "/stall", serve_stall },
	{ "/400", serve_400 },
	{ "/401", serve_401 },
	{ "/429", serve_429 },
	{ "/503", serve_503 },
	{ "/big-error", serve_big_error },
	{ "/big-body", serve_big_body },
	{ "/big-headers", serve_big_headers },
	{ "/headers", serve_headers },
	{ "/redirect", serve_redirect },
	{ "/stream", serve_stream },
	{ "/upgrade", serve_upgrade },
};

static bool serve(struct conn *c, const struct request *r)
{
	if (c->drop_next)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(SCRIPTS); i++) {
		size_t n = strlen(SCRIPTS[i].path);

		if (strncmp(r->path, SCRIPTS[i].path, n) == 0 && strchr(" ?", r->path[n]))
			return SCRIPTS[i].serve(c, r);
	}
	answer(c->fd, "404 Not Found", "", "no such script", 14);
	return true;
}

/* One request; requests never overlap here. False at the end of the connection. */
static bool read_request(int fd, struct request *r)
{
	size_t len = 0, need = SIZE_MAX;

	r->body = NULL;
	while (len < need) {
		ssize_t got = recv(fd, r->text + len, REQUEST_MAX - len, 0);

		if (got <= 0)
			return false;
		len += (size_t)got;
		r->text[len] = '\0';
		char *end = strstr(r->text, "\r\n\r\n");
		if (!end || r->body)
			continue;
		char *length = strcasestr(r->text, "\r\nContent-Length:");
		r->body = end + 4;
		r->body_len = length && length < end ? strtoul(length + 17, NULL, 10) : 0;
		need = (size_t)(r->body - r->text) + r->body_len;
	}
	const char *space = strchr(r->text, ' ');
	r->path = space ? space + 1 : r->text;
	return true;
}

static void note_last(struct http_server *s, const char *text)
{
	pthread_mutex_lock(&s->lock);
	free(s->last);
	s->last = xstrdup(text);
	pthread_mutex_unlock(&s->lock);
}

static void *conn_main(void *data)
{
	struct conn *c = data;
	struct request r = { .text = xmalloc(REQUEST_MAX + 1) };

	do {
		if (!read_request(c->fd, &r))
			break;
		note_last(c->server, r.text);
		atomic_fetch_add(&c->server->requests, 1);
	} while (serve(c, &r));
	free(r.text);
	pthread_mutex_lock(&c->server->lock);
	close_fdp(&c->fd);
	c->server->open--;
	pthread_cond_broadcast(&c->server->ended);
	pthread_mutex_unlock(&c->server->lock);
	return NULL;
}

static void *server_main(void *data)
{
	struct http_server *s = data;

	for (;;) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC), one = 1;

		if (fd < 0 || atomic_load(&s->stopping)) {
			close_fdp(&fd);
			return NULL;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		struct conn *c = xcalloc(1, sizeof(*c));
		*c = (struct conn){ .server = s, .fd = fd };
		int i = atomic_fetch_add(&s->accepted, 1);
		must(i < CONNECTIONS_MAX, "connections");
		s->conns[i] = c;
		pthread_mutex_lock(&s->lock);
		s->open++;
		pthread_mutex_unlock(&s->lock);
		must(pthread_create(&c->thread, NULL, conn_main, c) == 0, "thread");
	}
}

static void listen_tcp(struct http_server *s)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind");
	must(getsockname(s->listener, (struct sockaddr *)&addr, &len) == 0, "getsockname");
	s->port = ntohs(addr.sin_port);
}

static void listen_unix(struct http_server *s, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	must(strlen(path) < sizeof(addr.sun_path), "path");
	memcpy(addr.sun_path, path, strlen(path) + 1);
	s->unix_path = xstrdup(path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind");
}

struct http_server *http_server_start(const char *unix_path)
{
	struct http_server *s = xcalloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->ended, NULL);
	if (unix_path)
		listen_unix(s, unix_path);
	else
		listen_tcp(s);
	must(listen(s->listener, 128) == 0, "listen");
	must(pthread_create(&s->thread, NULL, server_main, s) == 0, "thread");
	return s;
}

void http_server_stop(struct http_server *s)
{
	atomic_store(&s->stopping, true);
	shutdown(s->listener, SHUT_RDWR); /* wakes accept */
	pthread_join(s->thread, NULL);
	for (int i = 0; i < atomic_load(&s->accepted); i++) {
		pthread_mutex_lock(&s->lock);
		if (s->conns[i]->fd >= 0)
			shutdown(s->conns[i]->fd, SHUT_RDWR);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->conns[i]->thread, NULL);
		free(s->conns[i]);
	}
	close(s->listener);
	if (s->unix_path)
		unlink(s->unix_path);
	free(s->unix_path);
	free(s->last);
	pthread_cond_destroy(&s->ended);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int http_server_port(const struct http_server *s)
{
	return s->port;
}

char *http_server_last(struct http_server *s)
{
	pthread_mutex_lock(&s->lock);
	char *text = xstrdup(s->last);
	pthread_mutex_unlock(&s->lock);
	return text;
}

int http_server_requests(struct http_server *s)
{
	return atomic_load(&s->requests);
}

int http_server_connections(struct http_server *s)
{
	return atomic_load(&s->accepted);
}

void http_server_await_open(struct http_server *s, int n)
{
	pthread_mutex_lock(&s->lock);
	while (s->open > n)
		pthread_cond_wait(&s->ended, &s->lock);
	pthread_mutex_unlock(&s->lock);
}
