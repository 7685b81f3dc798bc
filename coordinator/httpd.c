/*
 * The server's engine room.
 *
 * libmicrohttpd runs without threads of its own: its epoll descriptor is a source of our loop, its
 * timeout a timer, and whatever happens outside its callbacks (an answer to a held request, a pipe
 * that can be read again) arms a deferred source that runs it in the next tick.
 *
 * A request sleeps (MHD_suspend_connection) while it is held or its sink or reader cannot go on.
 * libmicrohttpd does not look at the socket of a sleeping connection, so we watch it ourselves for
 * a peer that hangs up; the descriptor cannot be closed under us because only a woken connection
 * is ever closed.
 */
#include "coordinator/httpd_private.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/log.h"

#define CONNECTION_MEMORY KIB(128)
#define DROPPED_BODY_MAX KIB(64)
#define DRAIN_MAX MIB(64)       /* of a refused body, so that the client reads the answer */
#define ALL_BODIES_MAX MIB(128) /* collected at one time over all connections */
#define CONNECTIONS_DEFAULT 1024
#define IDLE_DEFAULT_S 60
#define FLUSH_ROUNDS 4

/* ---- running the daemon on the loop ---- */

static void timer_arm(struct httpd *h)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct mono at = MONO_NEVER;
	if (MHD_get_timeout(h->daemon, &ms) == MHD_YES) {
		int64_t us = ms > 3600000 ? 3600000 * USEC_PER_MSEC : (int64_t)ms * USEC_PER_MSEC;
		at = mono_add(mono_now(), us);
	}
	loop_timer_set(h->timer, at);
}

static void daemon_run(struct httpd *h)
{
	MHD_run(h->daemon);
	timer_arm(h);
}

static void on_io(struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	daemon_run(data);
}

static void on_tick(struct loop_source *s UNUSED, void *data)
{
	daemon_run(data);
}

void httpd_kick(struct httpd *h)
{
	if (!h->stopping)
		loop_defer_arm(h->kick);
}

/* ---- sleeping and waking ---- */

static int request_socket(const struct httpd_request *r)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(r->c, MHD_CONNECTION_INFO_CONNECTION_FD);
	return i ? i->connect_fd : -1;
}

enum peer { PEER_OPEN, PEER_CLOSED, PEER_RESET };

static enum peer peer_state(const struct httpd_request *r)
{
	char byte;
	ssize_t n = recv(request_socket(r), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)))
		return PEER_OPEN;
	return n == 0 ? PEER_CLOSED : PEER_RESET;
}

bool httpd_alive(const struct httpd_request *r)
{
	return !r->gone && peer_state(r) == PEER_OPEN;
}

/* Everything was written. A peer that has closed since had read all of it, or its kernel would have
 * reset the connection or not acknowledged the rest. */
static bool answer_arrived(const struct httpd_request *r)
{
	int unacknowledged = 0;
	enum peer peer = peer_state(r);
	if (peer != PEER_CLOSED)
		return peer == PEER_OPEN;
	return ioctl(request_socket(r), SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
}

static void request_close(struct httpd_request *r)
{
	void (*fn)(struct httpd_request *, void *) = r->on_close;
	r->on_close = NULL;
	if (fn)
		fn(r, r->close_data);
}

static void on_peer(struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct httpd_request *r = data;
	r->gone = true;
	request_close(r);
	request_wake(r);
}

void request_sleep(struct httpd_request *r)
{
	if (r->asleep)
		return;
	r->asleep = true;
	MHD_suspend_connection(r->c);
	r->watch = loop_io(r->h->loop, request_socket(r), EPOLLRDHUP, on_peer, r);
}

void request_wake(struct httpd_request *r)
{
	if (!r->asleep)
		return;
	r->asleep = false;
	loop_source_unref(&r->watch);
	MHD_resume_connection(r->c);
	httpd_kick(r->h);
}

/* ---- one request through libmicrohttpd's callbacks ---- */

/* libmicrohttpd takes an answer only right after the headers or when the whole body is in. */
static enum MHD_Result answer_queue(struct httpd_request *r)
{
	if (r->deliver && !httpd_alive(r))
		return MHD_NO;
	r->queued = true;
	return MHD_queue_response(r->c, r->status, r->response);
}

static uint64_t content_length(const struct httpd_request *r)
{
	int64_t n = 0;
	const char *text = httpd_header(r, "content-length");
	return text && parse_i64(text, 0, INT64_MAX, &n) ? (uint64_t)n : 0;
}

static size_t body_limit(const struct httpd_request *r)
{
	return r->route && r->route->body == HTTPD_BUFFERED ? r->route->max_body : DROPPED_BODY_MAX;
}

static bool streams(const struct httpd_request *r)
{
	return r->route && r->route->body == HTTPD_STREAMED && !r->response;
}

static enum MHD_Result headers_in(struct httpd_request *r)
{
	r->begun = true;
	request_route(r);
	if (r->route && r->route->begin)
		r->route->begin(r, r->h->config.app);
	/* A client that asked "Expect: 100-continue" has not sent its body: refuse before it does.
	 */
	bool waits = httpd_header(r, "expect") != NULL;
	if (!r->response && !streams(r) && content_length(r) > body_limit(r)) {
		r->too_large = true;
		httpd_error(r, 413, "body is larger than %zu bytes", body_limit(r));
	}
	if (r->response && (waits || content_length(r) > DRAIN_MAX))
		return answer_queue(r);
	return MHD_YES;
}

static bool body_collect(struct httpd_request *r, const char *p, size_t n)
{
	if (r->h->buffered + n > ALL_BODIES_MAX || buf_add(&r->body, p, n))
		return false;
	r->h->buffered += n;
	return true;
}

static enum MHD_Result body_stream(struct httpd_request *r, const char *p, size_t *n)
{
	ssize_t taken = r->sink(r->sink_data, p, *n);
	if (taken < 0)
		return MHD_NO;
	if (taken == 0)
		request_sleep(r);
	*n -= (size_t)taken;
	return MHD_YES;
}

static enum MHD_Result body_in(struct httpd_request *r, const char *p, size_t *n)
{
	if (streams(r) && r->sink)
		return body_stream(r, p, n);
	r->body_seen += *n;
	if (r->body_seen > DRAIN_MAX)
		return MHD_NO;
	bool collect = r->route && r->route->body == HTTPD_BUFFERED;
	bool fits = r->body_seen <= body_limit(r);
	if (!r->response && (!fits || (collect && !body_collect(r, p, *n)))) {
		if (fits)
			httpd_error(r, 503, "too many request bodies at one time");
		else
			httpd_error(r, 413, "body is larger than %zu bytes", body_limit(r));
	}
	*n = 0;
	return MHD_YES;
}

static enum MHD_Result whole_in(struct httpd_request *r)
{
	if (!r->handled && !r->response) {
		r->handled = true;
		r->route->handle(r, r->h->config.app);
	}
	if (r->response)
		return answer_queue(r);
	if (!r->held)
		BUG("%s %s: the handler neither answered nor held", r->method, r->path);
	request_sleep(r);
	return MHD_YES;
}

static struct httpd_request *request_new(
	struct httpd *h, struct MHD_Connection *c, const char *path, const char *method)
{
	struct httpd_request *r = xcalloc(1, sizeof(*r));
	r->h = h;
	r->c = c;
	r->path = xstrdup(path);
	r->method = xstrdup(method);
	r->next = h->requests;
	if (r->next)
		r->next->link = &r->next;
	r->link = &h->requests;
	h->requests = r;
	return r;
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *c, const char *path,
	const char *method, const char *version UNUSED, const char *p, size_t *n, void **con)
{
	struct httpd_request *r = *con;
	if (!r)
		*con = r = request_new(cls, c, path, method);
	if (r->gone || r->queued)
		return r->gone ? MHD_NO : MHD_YES;
	r->in_call = true;
	enum MHD_Result rc = !r->begun ? headers_in(r) : *n ? body_in(r, p, n) : whole_in(r);
	r->in_call = false;
	return rc;
}

static void on_completed(void *cls UNUSED, struct MHD_Connection *c UNUSED, void **con,
	enum MHD_RequestTerminationCode code)
{
	struct httpd_request *r = *con;
	if (!r)
		return;
	*con = NULL;
	r->delivered =
		code == MHD_REQUEST_TERMINATED_COMPLETED_OK && r->deliver && answer_arrived(r);
	request_close(r);
	*r->link = r->next;
	if (r->next)
		r->next->link = r->link;
	loop_source_unref(&r->watch);
	r->h->buffered -= r->body.len;
	if (r->response)
		MHD_destroy_response(r->response);
	buf_release_wipe(&r->body);
	pairs_release(&r->params);
	pairs_release(&r->headers);
	free(r->method);
	free(r->path);
	free(r);
}

/* Paths are matched as they were sent. */
static size_t keep_escapes(void *cls UNUSED, struct MHD_Connection *c UNUSED, char *s)
{
	return strlen(s);
}

static void on_library_log(void *cls UNUSED, const char *fmt, va_list ap)
{
	char line[512];
	vsnprintf(line, sizeof(line), fmt, ap);
	trace("http", "libmicrohttpd: %s", line);
}

/* ---- the listening socket ---- */

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
		bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 1024))
		return -1;
	return TAKE_FD(fd);
}

static int listen_open(const char *text, struct err *e)
{
	char host[256];
	const char *port = NULL;
	if (listen_split(text, host, sizeof(host), &port, e))
		return -1;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list;
	int rc = getaddrinfo(host, port, &hints, &list);
	if (rc)
		return err_set(e, ERR_INPUT, "listen address %s: %s", text, gai_strerror(rc));
	int fd = listen_socket(list), cause = errno;
	freeaddrinfo(list);
	if (fd < 0)
		return err_set_errno(e, cause, "listen on %s", text);
	return fd;
}

static void address_read(struct httpd *h, int fd)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);
	char host[48] = "", port[8] = "";
	if (getsockname(fd, (struct sockaddr *)&a, &n) == 0)
		getnameinfo((struct sockaddr *)&a, n, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(h->address, sizeof(h->address), a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		host, port);
}

/* ---- life ---- */

static int daemon_start(struct httpd *h, int fd, struct err *e)
{
	const struct httpd_config *c = &h->config;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_access, h, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_TIMEOUT,
		c->idle_timeout_s ? c->idle_timeout_s : IDLE_DEFAULT_S, MHD_OPTION_CONNECTION_LIMIT,
		c->max_connections ? c->max_connections : CONNECTIONS_DEFAULT,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	if (!h->daemon)
		return err_set(e, ERR_INTERNAL, "HTTP server did not start");
	return 0;
}

/* The caller's arrays may be on its stack. */
static void config_keep(struct httpd *h)
{
	size_t n = h->config.n_tables;
	h->tables = xcalloc(n, sizeof(*h->tables));
	h->table_sizes = xcalloc(n, sizeof(*h->table_sizes));
	memcpy(h->tables, h->config.tables, n * sizeof(*h->tables));
	memcpy(h->table_sizes, h->config.table_sizes, n * sizeof(*h->table_sizes));
}

static void httpd_forget(struct httpd *h)
{
	free(h->tables);
	free(h->table_sizes);
	free(h);
}

struct httpd *httpd_new(struct loop *l, const struct httpd_config *c, struct err *e)
{
	CLEAN_FD int fd = listen_open(c->listen, e);
	if (fd < 0)
		return NULL;
	struct httpd *h = xcalloc(1, sizeof(*h));
	h->loop = l;
	h->config = *c;
	config_keep(h);
	address_read(h, fd);
	if (daemon_start(h, fd, e)) {
		httpd_forget(h);
		return NULL;
	}
	(void)TAKE_FD(fd); /* the daemon closes it */
	const union MHD_DaemonInfo *i = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	h->io = loop_io(l, i->epoll_fd, EPOLLIN, on_io, h);
	h->timer = loop_timer(l, MONO_NEVER, on_tick, h);
	h->kick = loop_defer(l, on_tick, h);
	return h;
}

const char *httpd_address(const struct httpd *h)
{
	return h->address;
}

void httpd_free(struct httpd *h)
{
	if (!h)
		return;
	h->stopping = true;
	loop_source_unref(&h->io);
	loop_source_unref(&h->timer);
	loop_source_unref(&h->kick);
	/* Answers given just now leave; then nothing may sleep when the daemon stops. */
	for (int i = 0; i < FLUSH_ROUNDS; i++)
		MHD_run(h->daemon);
	for (struct httpd_request *r = h->requests; r; r = r->next) {
		if (!r->asleep)
			continue;
		r->gone = true;
		request_close(r);
		request_wake(r);
	}
	MHD_stop_daemon(h->daemon);
	httpd_forget(h);
}
