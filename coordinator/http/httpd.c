/*
 * The life of the server: the thread of its connections and what runs on its loop. libmicrohttpd
 * has no threads of its own: its epoll descriptor is a source of that loop, its timeout a timer,
 * and whatever the application says arms a deferred source that runs it in the next tick.
 */
#include "coordinator/http/httpd.h"

#include <errno.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/proc.h"
#include "coordinator/http/connection.h"
#include "coordinator/http/listen.h"
#include "coordinator/http/private.h"

#define CONNECTIONS_DEFAULT 4096
#define PER_PEER_DEFAULT 256
#define FLUSH_ROUNDS 4

/* ---- the connections' thread ---- */

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

static bool is_stopping(struct httpd *h)
{
	pthread_mutex_lock(&h->to_io.lock);
	bool stop = h->stop;
	pthread_mutex_unlock(&h->to_io.lock);
	return stop;
}

/* Answers given just before the end leave. */
static void on_words(
	struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct httpd *h = data;
	struct httpd_request *r;
	unsigned what;

	crossing_acknowledge(&h->to_io);
	bool stop = is_stopping(h);
	while ((r = crossing_take(&h->to_io, &what)))
		exchange_hear(r, what);
	if (!stop)
		return;
	for (int i = 0; i < FLUSH_ROUNDS; i++)
		MHD_run(h->daemon);
	loop_stop(h->io_loop, 0);
}

static void *thread_main(void *data)
{
	struct httpd *h = data;
	struct err e = { 0 };

	if (loop_run(h->io_loop, &e) < 0)
		BUG("loop of the connections: %s", e.text);
	return NULL;
}

/* ---- the application's thread ---- */

/* A turn ends after that many requests, or when it took so long: the first of them waits. */
enum { TURN_REQUESTS = 64 };
#define TURN_US (5 * USEC_PER_MSEC)

static void on_events(
	struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct httpd *h = data;
	struct mono end = mono_add(mono_now(), TURN_US);
	struct httpd_request *r = NULL;
	unsigned what;

	crossing_acknowledge(&h->to_app);
	httpd_turn_begin(h);
	for (int n = 0; n < TURN_REQUESTS && (r = crossing_take(&h->to_app, &what)); n++) {
		call_hear(r, what);
		if (mono_diff(mono_now(), end) > 0)
			break;
	}
	httpd_turn_end(h);
	if (r)
		crossing_signal(&h->to_app); /* for the rest */
}

/* ---- life ---- */

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

static void sources_free(struct httpd *h)
{
	loop_source_unref(&h->io);
	loop_source_unref(&h->timer);
	loop_source_unref(&h->kick);
	loop_source_unref(&h->words);
	loop_source_unref(&h->events);
}

static void httpd_forget(struct httpd *h)
{
	sources_free(h);
	connections_free(h->connections);
	loop_free(h->io_loop);
	crossing_close(&h->to_app);
	crossing_close(&h->to_io);
	free(h->tables);
	free(h->table_sizes);
	free(h);
}

static void sources_make(struct httpd *h, struct loop *app)
{
	const union MHD_DaemonInfo *i = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	h->io = loop_io(h->io_loop, i->epoll_fd, EPOLLIN, on_io, h);
	h->timer = loop_timer(h->io_loop, MONO_NEVER, on_tick, h);
	h->kick = loop_defer(h->io_loop, on_tick, h);
	h->words = loop_io(h->io_loop, h->to_io.fd, EPOLLIN, on_words, h);
	h->events = loop_io(app, h->to_app.fd, EPOLLIN, on_events, h);
}

/* fd is the daemon's as soon as it has begun. */
static int httpd_begin(struct httpd *h, struct loop *app, int *fd, struct err *e)
{
	h->io_loop = loop_new(e);
	if (!h->io_loop)
		return -1;
	h->connections = connections_new(h->io_loop,
		&(struct connections_config){ h->config.max_connections, h->config.max_per_peer,
			h->config.headers_us, h->config.trusted });
	if (exchange_daemon(h, *fd, e) < 0)
		return -1;
	*fd = -1;
	sources_make(h, app);
	if (thread_start(&h->thread, thread_main, h, "thread of the connections", e) == 0)
		return 0;
	MHD_stop_daemon(h->daemon);
	return -1;
}

struct httpd *httpd_new(struct loop *l, const struct httpd_config *c, struct err *e)
{
	CLEAN_FD int fd = listen_open(c->listen, e);

	if (fd < 0)
		return NULL;
	struct httpd *h = xcalloc(1, sizeof(*h));
	h->config = *c;
	config_keep(h);
	listen_address(fd, h->address, sizeof(h->address));
	int rc = crossing_open(&h->to_app, SIDE_APP, e);
	if (crossing_open(&h->to_io, SIDE_IO, e) < 0 || rc < 0 || httpd_begin(h, l, &fd, e) < 0) {
		httpd_forget(h);
		return NULL;
	}
	return h;
}

bool httpd_crowded(const struct httpd *h)
{
	return connections_crowded(h->connections);
}

unsigned httpd_places(const struct httpd *h)
{
	return h->config.max_connections;
}

struct loop *httpd_loop(const struct httpd *h)
{
	return h->io_loop;
}

const char *httpd_address(const struct httpd *h)
{
	return h->address;
}

static void thread_stop(struct httpd *h)
{
	pthread_mutex_lock(&h->to_io.lock);
	h->stop = true;
	pthread_mutex_unlock(&h->to_io.lock);
	crossing_signal(&h->to_io);
	pthread_join(h->thread, NULL);
	h->stopping = true;
}

/* Nothing may sleep when the daemon stops. */
static void requests_end(struct httpd *h)
{
	struct httpd_request *r;
	unsigned what;

	for (r = h->requests; r; r = r->io.next) {
		if (!r->io.asleep)
			continue;
		r->io.gone = true;
		call_gone(r);
		exchange_wake(r);
	}
	MHD_stop_daemon(h->daemon);
	while ((r = crossing_take(&h->to_app, &what)))
		call_hear(r, what & APP_CLOSED);
	while ((r = crossing_take(&h->to_io, &what)))
		exchange_hear(r, what);
}

void httpd_free(struct httpd *h)
{
	if (!h)
		return;
	thread_stop(h);
	sources_free(h);
	requests_end(h);
	httpd_forget(h);
}
