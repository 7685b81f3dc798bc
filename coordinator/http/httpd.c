/*
 * The server over libmicrohttpd.
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
#include "coordinator/http/private.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/http/connection.h"
#include "coordinator/http/listen.h"
#include "coordinator/http/tls.h"

#define CONNECTION_MEMORY KIB(128)
#define DROPPED_BODY_MAX KIB(64)
#define DRAIN_MAX MIB(64)       /* of a refused body, so that the client reads the answer */
#define ALL_BODIES_MAX MIB(128) /* collected at one time over all connections */
#define CONNECTIONS_DEFAULT 4096
#define PER_PEER_DEFAULT 256
#define CONNECTIONS_SPARE 64 /* beyond the limit, until those that make room are closed */
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

/* Bytes that nobody has read yet say nothing: a peer that ends TLS in order sends some before it
 * closes. A reset is an error on the socket, or one that the next read reports. */
static enum peer peer_state(const struct httpd_request *r)
{
	struct pollfd p = { .fd = request_socket(r), .events = POLLRDHUP };
	char byte;

	if (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)))
		return PEER_OPEN;
	if (p.revents & (POLLERR | POLLNVAL))
		return PEER_RESET;
	return recv(p.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 ? PEER_RESET : PEER_CLOSED;
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

static bool body_streamed(const struct httpd_request *r)
{
	return r->route && r->route->body == HTTPD_STREAMED && !r->response;
}

static enum MHD_Result headers_in(struct httpd_request *r)
{
	r->begun = true;
	connection_request(connection_of(r->c));
	request_route(r);
	if (!r->response)
		request_query(r);
	if (!r->response && r->route->begin)
		r->route->begin(r, r->h->config.app);
	/* A client that asked "Expect: 100-continue" has not sent its body: refuse before it does.
	 */
	bool waits = httpd_header(r, "expect") != NULL;
	if (!r->response && !body_streamed(r) && content_length(r) > body_limit(r)) {
		r->too_large = true;
		httpd_error(r, 413, "body is larger than %zu bytes", body_limit(r));
	}
	if (r->response && (waits || content_length(r) > DRAIN_MAX))
		return answer_queue(r);
	return MHD_YES;
}

/* n 0: a body that is only drained has the same time. */
static bool body_collect(struct httpd_request *r, const char *p, size_t n)
{
	if (r->h->buffered + n > ALL_BODIES_MAX || !connection_body(connection_of(r->c), n) ||
		buf_add(&r->body, p, n) < 0)
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
	if (body_streamed(r) && r->sink)
		return body_stream(r, p, n);
	r->body_seen += *n;
	if (r->body_seen > DRAIN_MAX)
		return MHD_NO;
	bool collect = r->route && r->route->body == HTTPD_BUFFERED && !r->response;
	bool fits = r->body_seen <= body_limit(r);
	bool room = body_collect(r, p, collect && fits ? *n : 0);
	if (!r->response && (!fits || !room)) {
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
	connection_whole(connection_of(r->c));
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

static void on_completed(void *cls UNUSED, struct MHD_Connection *c, void **con,
	enum MHD_RequestTerminationCode code)
{
	struct httpd_request *r = *con;

	if (!r)
		return;
	*con = NULL;
	connection_idle(connection_of(c));
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
	pairs_release(&r->query);
	pairs_release(&r->headers);
	free(r->method);
	free(r->path);
	free(r);
}

/* Paths are matched as they were sent, and request_query must see a bad escape. */
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

/* ---- life ---- */

static int daemon_start(struct httpd *h, int fd, struct err *e)
{
	const struct httpd_config *c = &h->config;
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_retrieve_function() },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;

	if (c->tls)
		flags |= MHD_USE_TLS;
	h->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_access, h, MHD_OPTION_EXTERNAL_LOGGER,
		on_library_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
		MHD_OPTION_CONNECTION_TIMEOUT,
		c->idle_timeout_s ? c->idle_timeout_s : IDLE_DEFAULT_S, MHD_OPTION_CONNECTION_LIMIT,
		c->max_connections + CONNECTIONS_SPARE, MHD_OPTION_NOTIFY_CONNECTION,
		connection_notify, h->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_ARRAY, c->tls ? tls : tls + 2,
		MHD_OPTION_END);
	if (!h->daemon)
		return err_set(e, ERR_INTERNAL, "HTTP server did not start");
	return 0;
}

/* The caller's arrays may be on its stack; 0 means the default. */
static void config_keep(struct httpd *h)
{
	size_t n = h->config.n_tables;

	if (!h->config.max_connections)
		h->config.max_connections = CONNECTIONS_DEFAULT;
	if (!h->config.max_per_peer)
		h->config.max_per_peer = PER_PEER_DEFAULT;
	if (!h->config.headers_us)
		h->config.headers_us = CONNECTION_HEADERS_US;
	h->tables = xcalloc(n, sizeof(*h->tables));
	h->table_sizes = xcalloc(n, sizeof(*h->table_sizes));
	memcpy(h->tables, h->config.tables, n * sizeof(*h->tables));
	memcpy(h->table_sizes, h->config.table_sizes, n * sizeof(*h->table_sizes));
}

static void httpd_forget(struct httpd *h)
{
	connections_free(h->connections);
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
	h->connections = connections_new(l, &(struct connections_config){ h->config.max_connections,
						    h->config.max_per_peer, h->config.headers_us });
	listen_address(fd, h->address, sizeof(h->address));
	if (daemon_start(h, fd, e) < 0) {
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

void httpd_limit_body(struct httpd_request *r)
{
	connection_sends_body(connection_of(r->c));
}

uint64_t httpd_peer(const struct httpd_request *r)
{
	return connection_peer(connection_of(r->c));
}

bool httpd_is_local(const struct httpd_request *r)
{
	return connection_is_local(connection_of(r->c));
}

void httpd_trust(struct httpd_request *r)
{
	connection_trust(connection_of(r->c));
}

bool httpd_crowded(const struct httpd *h)
{
	return connections_crowded(h->connections);
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
