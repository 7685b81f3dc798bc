/*
 * One ping every ten seconds on a new connection: a kept one would say that the engine was alive
 * once, but a job needs a new one. Only an engine that answered before can be lost; one that never
 * answered is left to the platform probe and to the jobs' own error messages.
 */
#include "runner/supervisor/engine_watch.h"

#include <stdio.h>

#include "base/log.h"
#include "engine/socket.h"

#define PING_TIMEOUT_US (5 * USEC_PER_SEC)

struct engine_watch {
	struct loop *loop;
	struct http *http;
	struct strv sockets;
	size_t asking; /* which of them */
	struct http_exchange *ping;
	struct loop_source *timer;
	enum engine_state state;
	struct wall since;
	char server[96];
	struct err error;
	size_t answered; /* which of them did last */
	uint64_t failures;
	void (*on_change)(void *data);
	void *data;
};

static void ask(struct engine_watch *w);

static void enter(struct engine_watch *w, enum engine_state state)
{
	if (w->state == state)
		return;
	if (state == ENGINE_DOWN)
		log_warn("supervisor", "engine_down", F_ERR(&w->error));
	else if (w->state == ENGINE_DOWN)
		log_info("supervisor", "engine_up", F_STR("server", w->server));
	w->state = state;
	w->since = wall_now();
	if (w->on_change && *w->server)
		w->on_change(w->data);
}

static void settle(struct engine_watch *w, const struct http_result *r)
{
	const char *server = http_header(r, "server");
	struct err e = { 0 };

	if (r->outcome == HTTP_DONE && r->status == 200) {
		snprintf(w->server, sizeof(w->server), "%s", server ? server : "unknown");
		w->answered = w->asking;
		enter(w, ENGINE_UP);
		return;
	}
	http_result_error(r, &e);
	if (w->asking == 0) {
		w->error = e;
		err_wrap(&w->error, "%s", w->sockets.v[0]);
	}
	if (++w->asking < w->sockets.n) {
		ask(w);
		return;
	}
	w->failures++;
	enter(w, ENGINE_DOWN);
}

static void on_pong(struct http_exchange *x, void *data)
{
	struct engine_watch *w = data;

	w->ping = NULL;
	settle(w, http_result(x));
	http_exchange_free(x);
}

static void ask(struct engine_watch *w)
{
	/* on a connection of its own: what matters is whether the next job can make one */
	const struct strv headers = { (char *[]){ (char *)"Connection: close", NULL }, 1 };
	struct http_request r = { .method = "GET",
		.url = "http://engine/_ping",
		.headers = &headers,
		.unix_socket = w->sockets.v[w->asking],
		.timeout_us = PING_TIMEOUT_US };
	struct err e = { 0 };

	w->ping = http_start(w->http, &r, on_pong, w, &e);
	if (!w->ping)
		BUG("engine ping: %s", e.text);
}

static void on_timer(struct loop_source *src, void *data)
{
	struct engine_watch *w = data;

	loop_timer_set(src, mono_add(loop_now(w->loop), ENGINE_WATCH_S * USEC_PER_SEC));
	if (w->ping)
		return;
	if (w->sockets.n == 0) { /* configure said why */
		w->failures++;
		enter(w, ENGINE_DOWN);
		return;
	}
	w->asking = 0;
	ask(w);
}

struct engine_watch *engine_watch_new(struct loop *l, struct http *h, const struct runner_config *c)
{
	struct engine_watch *w = xcalloc(1, sizeof(*w));

	w->loop = l;
	w->http = h;
	w->timer = loop_timer(l, MONO_NEVER, on_timer, w);
	engine_watch_configure(w, c);
	return w;
}

void engine_watch_configure(struct engine_watch *w, const struct runner_config *c)
{
	struct err e = { 0 };

	http_exchange_free(TAKE(w->ping));
	strv_release(&w->sockets);
	w->answered = 0;
	if (!str_empty(c->engine.socket))
		strv_add(&w->sockets, c->engine.socket);
	else if (engine_socket_places(c->engine.kind, &w->sockets, &e) < 0) {
		strv_release(&w->sockets);
		w->error = e;
	}
	loop_timer_set(w->timer, loop_now(w->loop));
}

void engine_watch_on_change(struct engine_watch *w, void (*fn)(void *data), void *data)
{
	w->on_change = fn;
	w->data = data;
}

bool engine_watch_lost(const struct engine_watch *w)
{
	return w->state == ENGINE_DOWN && *w->server;
}

void engine_watch_free(struct engine_watch *w)
{
	if (!w)
		return;
	http_exchange_free(w->ping);
	loop_source_unref(&w->timer);
	strv_release(&w->sockets);
	free(w);
}

struct engine_view engine_watch_view(const struct engine_watch *w)
{
	return (struct engine_view){ .state = w->state,
		.since = w->since,
		.server = *w->server ? w->server : NULL,
		.socket = w->sockets.n ? w->sockets.v[w->answered] : NULL,
		.error = w->state == ENGINE_DOWN ? w->error.text : NULL,
		.failures = w->failures };
}
