/*
 * One request through libmicrohttpd's callbacks, on the connections' thread. What handlers do is
 * asked of the application's thread: the request sleeps (MHD_suspend_connection) until it answers,
 * and libmicrohttpd then calls again with the same words. Only what costs nothing is answered here:
 * paths that do not exist, bodies that are too large, routes that say `at_once`.
 *
 * libmicrohttpd does not look at the socket of a sleeping connection, so we watch it ourselves for
 * a peer that hangs up whenever the application has nothing to do for it now; the descriptor cannot
 * be closed under anybody because only a woken connection is ever closed.
 */
#include <poll.h>
#include <stdio.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/http/connection.h"
#include "coordinator/http/private.h"
#include "coordinator/http/tls.h"

#define CONNECTION_MEMORY KIB(32) /* cleared after each request: more costs each one */
#define DROPPED_BODY_MAX KIB(64)
#define DRAIN_MAX MIB(64)       /* of a refused body, so that the client reads the answer */
#define ALL_BODIES_MAX MIB(128) /* collected at one time over all connections */
#define CONNECTIONS_SPARE 64    /* beyond the limit, until those that make room are closed */
#define IDLE_DEFAULT_S 60

static void tell(struct httpd_request *r, unsigned what)
{
	r->io.crossed = true;
	crossing_send(&r->h->to_app, r, what);
}

static struct connection *connection(const struct httpd_request *r)
{
	return connection_of(r->io.c);
}

/* ---- peers ---- */

/* Bytes that nobody has read yet say nothing: a peer that ends TLS in order sends some before it
 * closes. A reset is an error on the socket, or one that the next read reports. */
enum peer peer_state(int socket)
{
	struct pollfd p = { .fd = socket, .events = POLLRDHUP };
	char byte;

	if (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)))
		return PEER_OPEN;
	if (p.revents & (POLLERR | POLLNVAL))
		return PEER_RESET;
	return recv(p.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 ? PEER_RESET : PEER_CLOSED;
}

/* Everything was written. A peer that has closed since had read all of it, or its kernel would have
 * reset the connection or not acknowledged the rest. */
static bool answer_arrived(const struct httpd_request *r)
{
	int unacknowledged = 0;
	enum peer peer = peer_state(r->socket);

	if (peer != PEER_CLOSED)
		return peer == PEER_OPEN;
	return ioctl(r->socket, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged == 0;
}

static void on_peer(struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct httpd_request *r = data;

	r->io.gone = true;
	loop_source_unref(&r->io.watch);
	tell(r, APP_GONE);
}

/* ---- sleeping and waking ---- */

static enum MHD_Result request_sleep(struct httpd_request *r)
{
	r->io.asleep = true;
	MHD_suspend_connection(r->io.c);
	return MHD_YES;
}

void exchange_wake(struct httpd_request *r)
{
	if (!r->io.asleep)
		return;
	r->io.asleep = false;
	loop_source_unref(&r->io.watch);
	MHD_resume_connection(r->io.c);
	httpd_kick(r->h);
}

/* Once the peer has gone, the application must have heard of it before the socket is closed. */
void exchange_hear(struct httpd_request *r, unsigned what)
{
	if (what & IO_FREE) {
		exchange_free(r);
		return;
	}
	if (r->io.closed)
		return;
	if (r->trusted)
		connection_trust(connection(r));
	r->io.answered |= (what & IO_ANSWER) != 0;
	r->io.has_data |= (what & IO_DATA) != 0;
	if (what & IO_END || (!r->io.gone && what & ~(unsigned)IO_WATCH))
		exchange_wake(r);
	else if (!r->io.gone && r->io.asleep && !r->io.watch)
		r->io.watch = loop_io(r->h->io_loop, r->socket, EPOLLRDHUP, on_peer, r);
}

/* ---- answers ---- */

/* libmicrohttpd takes an answer only right after the headers or when the whole body is in. */
static enum MHD_Result answer_queue(struct httpd_request *r)
{
	if (r->deliver && peer_state(r->socket) != PEER_OPEN)
		return MHD_NO;
	r->io.queued = true;
	return MHD_queue_response(r->io.c, r->status, r->response);
}

/* Here, without the application. */
static void exchange_refuse(struct httpd_request *r, unsigned status, const char *why, size_t limit)
{
	r->at_once = true;
	httpd_error(r, status, why, limit);
	r->io.answered = true;
}

static ssize_t data_give(struct httpd_request *r, char *out, size_t max)
{
	size_t left = (size_t)r->n_data - r->io.data_at, n = left < max ? left : max;

	memcpy(out, r->data + r->io.data_at, n);
	r->io.data_at += n;
	if (n == left) {
		r->io.has_data = false;
		r->io.data_at = 0;
	}
	return (ssize_t)n;
}

ssize_t exchange_read(void *request, uint64_t at UNUSED, char *out, size_t max)
{
	struct httpd_request *r = request;

	if (r->io.gone)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (r->io.has_data && r->n_data > 0)
		return data_give(r, out, max);
	if (r->io.has_data)
		return r->n_data == HTTPD_END ? MHD_CONTENT_READER_END_OF_STREAM
					      : MHD_CONTENT_READER_END_WITH_ERROR;
	tell(r, APP_WANT);
	request_sleep(r);
	return 0;
}

/* ---- the headers ---- */

static const char *header(const struct httpd_request *r, const char *name)
{
	return MHD_lookup_connection_value(r->io.c, MHD_HEADER_KIND, name);
}

static uint64_t content_length(const struct httpd_request *r)
{
	int64_t n = 0;
	const char *text = header(r, "content-length");

	return text && parse_i64(text, 0, INT64_MAX, &n) ? (uint64_t)n : 0;
}

static size_t body_limit(const struct httpd_request *r)
{
	return r->route && r->route->body == HTTPD_BUFFERED ? r->route->max_body : DROPPED_BODY_MAX;
}

static bool body_streamed(const struct httpd_request *r)
{
	return r->route && r->route->body == HTTPD_STREAMED && !r->io.answered;
}

/* Whether it has begun or not: it is waited for. */
static bool body_announced(const struct httpd_request *r)
{
	return content_length(r) > 0 || header(r, "transfer-encoding");
}

/* A client that asked "Expect: 100-continue" has not sent its body: refuse before it does. */
static enum MHD_Result headers_end(struct httpd_request *r)
{
	bool waits = header(r, "expect") != NULL;

	r->io.phase = REQUEST_BODY;
	if (r->body_limited || (!body_streamed(r) && body_announced(r)))
		connection_sends_body(connection(r));
	if (!r->io.answered && !body_streamed(r) && content_length(r) > body_limit(r))
		exchange_refuse(r, 413, "body is larger than %zu bytes", body_limit(r));
	if (r->io.answered && (waits || content_length(r) > DRAIN_MAX))
		return answer_queue(r);
	return MHD_YES;
}

static enum MHD_Result headers_in(struct httpd_request *r)
{
	connection_request(connection(r));
	request_route(r);
	if (!r->io.answered)
		request_query(r);
	if (!r->io.answered)
		request_check(r);
	if (r->io.answered || !r->route->begin)
		return headers_end(r);
	request_read(r);
	r->arrived = loop_now(r->h->io_loop);
	r->io.phase = REQUEST_BEGINS;
	tell(r, APP_BEGIN);
	return request_sleep(r);
}

/* ---- the body ---- */

/* n 0: a body that is only drained has the same time. */
static bool body_collect(struct httpd_request *r, const char *p, size_t n)
{
	if (r->h->buffered + n > ALL_BODIES_MAX || !connection_body(connection(r), n) ||
		buf_add(&r->body, p, n) < 0)
		return false;
	r->h->buffered += n;
	return true;
}

/* A copy: the library moves what it has not given yet. */
static enum MHD_Result body_stream(struct httpd_request *r, const char *p, size_t *n)
{
	buf_clear(&r->chunk);
	if (buf_add(&r->chunk, p, *n) < 0)
		return MHD_NO;
	*n = 0;
	tell(r, APP_CHUNK);
	return request_sleep(r);
}

static enum MHD_Result body_in(struct httpd_request *r, const char *p, size_t *n)
{
	if (body_streamed(r) && r->sink)
		return body_stream(r, p, n);
	r->io.body_seen += *n;
	if (r->io.body_seen > DRAIN_MAX)
		return MHD_NO;
	bool collect = r->route && r->route->body == HTTPD_BUFFERED && !r->io.answered;
	bool fits = r->io.body_seen <= body_limit(r);
	bool room = body_collect(r, p, collect && fits ? *n : 0);
	if (!r->io.answered && !fits)
		exchange_refuse(r, 413, "body is larger than %zu bytes", body_limit(r));
	else if (!r->io.answered && !room)
		exchange_refuse(r, 503, "too many request bodies at one time", 0);
	*n = 0;
	return MHD_YES;
}

static enum MHD_Result whole_in(struct httpd_request *r)
{
	connection_whole(connection(r));
	if (r->io.answered)
		return answer_queue(r);
	r->io.phase = REQUEST_HANDLED;
	if (!r->io.crossed)
		request_read(r);
	if (r->route->at_once) {
		r->at_once = true;
		r->route->handle(r, r->h->config.app);
		return answer_queue(r);
	}
	r->arrived = (struct mono){ loop_now(r->h->io_loop).us - r->io.waited_us };
	tell(r, APP_HANDLE);
	return request_sleep(r);
}

/* ---- one request ---- */

static struct httpd_request *request_new(
	struct httpd *h, struct MHD_Connection *c, const char *path, const char *method)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct httpd_request *r = xcalloc(1, sizeof(*r));

	r->h = h;
	r->path = xstrdup(path);
	r->method = xstrdup(method);
	r->socket = i ? i->connect_fd : -1;
	request_forwarded(c);
	r->peer = connection_peer(connection_of(c));
	r->address = connection_address(connection_of(c));
	buf_init(&r->chunk, CONNECTION_MEMORY);
	r->io.c = c;
	r->io.next = h->requests;
	if (r->io.next)
		r->io.next->io.link = &r->io.next;
	r->io.link = &h->requests;
	h->requests = r;
	return r;
}

void exchange_free(struct httpd_request *r)
{
	if (r->response)
		MHD_destroy_response(r->response);
	buf_release_wipe(&r->body);
	buf_release(&r->chunk);
	pairs_release(&r->params);
	pairs_release(&r->headers);
	strv_release(&r->fields);
	pairs_release(&r->query);
	free(r->data);
	free(r->method);
	free(r->path);
	free(r);
}

static enum MHD_Result request_step(struct httpd_request *r, const char *p, size_t *n)
{
	switch (r->io.phase) {
	case REQUEST_NEW:
		return headers_in(r);
	case REQUEST_BEGINS:
		r->io.waited_us = mono_diff(loop_now(r->h->io_loop), r->arrived);
		return headers_end(r);
	default:
		return *n ? body_in(r, p, n) : whole_in(r);
	}
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *c, const char *path,
	const char *method, const char *version UNUSED, const char *p, size_t *n, void **con)
{
	struct httpd_request *r = *con;

	if (!r)
		*con = r = request_new(cls, c, path, method);
	if (r->io.asleep) /* the next chunk of the same bytes: not yet */
		return MHD_YES;
	if (r->io.gone || r->cut)
		return MHD_NO;
	return r->io.queued ? MHD_YES : request_step(r, p, n);
}

static void on_completed(void *cls UNUSED, struct MHD_Connection *c, void **con,
	enum MHD_RequestTerminationCode code)
{
	struct httpd_request *r = *con;

	if (!r)
		return;
	*con = NULL;
	connection_idle(connection_of(c));
	r->delivered = code == MHD_REQUEST_TERMINATED_COMPLETED_OK && r->io.queued && r->deliver &&
		       answer_arrived(r);
	r->io.closed = true;
	*r->io.link = r->io.next;
	if (r->io.next)
		r->io.next->io.link = r->io.link;
	loop_source_unref(&r->io.watch);
	r->h->buffered -= r->body.len;
	if (r->io.crossed)
		tell(r, APP_CLOSED);
	else
		exchange_free(r);
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

/* ---- the library ---- */

int exchange_daemon(struct httpd *h, int fd, struct err *e)
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
