/*
 * One request in the application's thread, from what happens to it to the handlers. Between two
 * words to the connections' thread the connection is suspended there, so its socket stays open.
 */
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/http/private.h"

static void say(struct httpd_request *r, unsigned what)
{
	crossing_send(&r->h->to_io, r, what);
}

static void announce(struct httpd_request *r, struct mono arrived)
{
	const struct httpd_turn *turn = r->h->config.turn;

	if (r->h->in_turn)
		turn->call(r->h->config.app, arrived);
}

static void call_close(struct httpd_request *r)
{
	void (*fn)(struct httpd_request *, void *) = r->on_close;

	r->on_close = NULL;
	if (fn)
		fn(r, r->close_data);
}

static void begin_run(struct httpd_request *r)
{
	r->route->begin(r, r->h->config.app);
	if (!r->response)
		say(r, IO_BEGUN);
}

static void handle_run(struct httpd_request *r)
{
	r->route->handle(r, r->h->config.app);
	if (r->response)
		return;
	if (!r->held)
		BUG("%s %s: the handler neither answered nor held", r->method, r->path);
	say(r, IO_WATCH);
}

static void sink_run(struct httpd_request *r)
{
	ssize_t n = 1;

	while (r->chunk.len > 0 && n > 0) {
		n = r->sink(r->sink_data, r->chunk.data, r->chunk.len);
		if (n > 0)
			buf_consume(&r->chunk, (size_t)n);
	}
	r->pending = n == 0 ? APP_CHUNK : 0;
	r->cut = n < 0;
	say(r, n == 0 ? IO_WATCH : IO_TAKEN);
}

static void reader_run(struct httpd_request *r)
{
	if (!r->data)
		r->data = xmalloc(STREAM_BLOCK);
	ssize_t n = r->reader(r->reader_data, r->data, STREAM_BLOCK);
	r->pending = n == 0 ? APP_WANT : 0;
	if (n != 0)
		r->n_data = n;
	say(r, n == 0 ? IO_WATCH : IO_DATA);
}

void call_gone(struct httpd_request *r)
{
	r->gone = true;
	r->pending = 0;
	turn_forget(r);
	call_close(r);
}

void call_hear(struct httpd_request *r, unsigned what)
{
	announce(r, what & (APP_BEGIN | APP_HANDLE) ? r->arrived : mono_now());
	if (what & APP_GONE) {
		call_gone(r);
		say(r, IO_END);
	}
	if (!r->gone && what & APP_BEGIN)
		begin_run(r);
	if (!r->gone && what & APP_CHUNK)
		sink_run(r);
	if (!r->gone && what & APP_HANDLE)
		handle_run(r);
	if (!r->gone && what & APP_WANT)
		reader_run(r);
	if (what & APP_CLOSED) {
		call_close(r);
		say(r, IO_FREE);
	}
}

void httpd_resume(struct httpd_request *r)
{
	if (r->pending)
		crossing_send(&r->h->to_app, r, r->pending);
}
