/*
 * curl's multi socket interface as loop sources. The rules, each learned from a way to crash:
 * - curl's timer callback runs inside curl: it arms our timer and never calls curl back. A timeout
 *   of zero is a deferred call, which is cheaper than a timer.
 * - A socket leaves the loop the moment curl says so, because its number may be open again as
 *   another socket before we are back. Sockets are found by number, and the close callback
 *   deregisters once more, so a close that curl did not announce cannot leave a stale source.
 * - Completions are collected by a deferred source: callers' done callbacks may then start, cancel
 *   and free exchanges with curl off the stack.
 */
#include "base/http/private.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"

enum { IDLE_CONNECTIONS = 32 };

struct http_socket {
	struct http_socket *next;
	struct http *http;
	curl_socket_t fd;
	struct loop_source *source;
};

/* Runs curl; afterwards, if a transfer ended meanwhile, the drain is due. */
static void multi_action(struct http *h, curl_socket_t fd, int mask)
{
	int running = 0;

	h->in_curl = true;
	CURLMcode rc = curl_multi_socket_action(h->multi, fd, mask, &running);
	h->in_curl = false;
	if (rc != CURLM_OK)
		BUG("curl_multi_socket_action: %s", curl_multi_strerror(rc));
	if (running < h->attached)
		loop_defer_arm(h->drain);
}

/* ---- sockets ---- */

static struct http_socket **socket_find(struct http *h, curl_socket_t fd)
{
	struct http_socket **p = &h->sockets;

	while (*p && (*p)->fd != fd)
		p = &(*p)->next;
	return p;
}

static void socket_forget(struct http *h, curl_socket_t fd)
{
	struct http_socket **p = socket_find(h, fd);
	struct http_socket *s = *p;

	if (!s)
		return;
	*p = s->next;
	loop_source_unref(&s->source);
	free(s);
}

static void on_socket_ready(struct loop_source *source UNUSED, int fd, uint32_t events, void *data)
{
	struct http *h = ((struct http_socket *)data)->http;
	int mask = 0;

	/* errors are offered as readiness: recv and send then tell curl which error it is */
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		mask |= CURL_CSELECT_IN;
	if (events & (EPOLLOUT | EPOLLERR))
		mask |= CURL_CSELECT_OUT;
	multi_action(h, fd, mask);
}

static uint32_t socket_events(int what)
{
	return ((what & CURL_POLL_IN) ? (uint32_t)EPOLLIN : 0) |
	       ((what & CURL_POLL_OUT) ? (uint32_t)EPOLLOUT : 0);
}

static int on_curl_socket(
	CURL *easy UNUSED, curl_socket_t fd, int what, void *data, void *socketp UNUSED)
{
	struct http *h = data;
	struct http_socket *s = *socket_find(h, fd);

	if (what == CURL_POLL_REMOVE) {
		socket_forget(h, fd);
		return 0;
	}
	if (s) {
		loop_io_events(s->source, socket_events(what));
		return 0;
	}
	s = xcalloc(1, sizeof(*s));
	*s = (struct http_socket){ .next = h->sockets, .http = h, .fd = fd };
	h->sockets = s;
	s->source = loop_io(h->loop, fd, socket_events(what), on_socket_ready, s);
	return 0;
}

static int on_curl_close(void *data, curl_socket_t fd)
{
	socket_forget(data, fd);
	return close(fd);
}

/* timers */

static int on_curl_timer(CURLM *multi UNUSED, long timeout_ms, void *data)
{
	struct http *h = data;
	struct mono at = MONO_NEVER;

	if (timeout_ms == 0)
		loop_defer_arm(h->kick);
	else if (timeout_ms > 0)
		at = mono_add(mono_now(), timeout_ms * USEC_PER_MSEC);
	loop_timer_set(h->timer, at);
	return 0;
}

static void attach(struct http_exchange *x)
{
	x->queued = false;
	CURLMcode rc = curl_multi_add_handle(x->http->multi, x->easy);
	if (rc != CURLM_OK)
		BUG("curl_multi_add_handle: %s", curl_multi_strerror(rc));
	x->attached = true;
	x->http->attached++;
}

static void on_timer(struct loop_source *s UNUSED, void *data)
{
	multi_action(data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_kick(struct loop_source *s UNUSED, void *data)
{
	struct http *h = data;

	for (struct http_exchange *x = h->exchanges; x; x = x->next)
		if (x->queued)
			attach(x);
	multi_action(h, CURL_SOCKET_TIMEOUT, 0);
}

/* completions */

void multi_call_done(struct http_exchange *x)
{
	if (x->done)
		x->done(x, x->done_data);
}

/* The first exchange that its owner cancelled or freed since the last pass; a done callback may
 * change the list, so the search starts over each time. */
static struct http_exchange *next_withdrawn(struct http *h)
{
	for (struct http_exchange *x = h->exchanges; x; x = x->next)
		if (x->doomed || (x->cancelled && !x->finished))
			return x;
	return NULL;
}

static void drain_withdrawn(struct http *h)
{
	for (struct http_exchange *x; (x = next_withdrawn(h));) {
		if (x->doomed) {
			exchange_release(x);
			continue;
		}
		exchange_finish(x, CURLE_ABORTED_BY_CALLBACK);
		multi_call_done(x);
	}
}

static void on_drain(struct loop_source *s UNUSED, void *data)
{
	struct http *h = data;
	int left;

	h->draining = true;
	drain_withdrawn(h);
	for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));) {
		struct http_exchange *x = NULL;

		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
		/* m is gone after this */
		exchange_finish(x, code);
		multi_call_done(x);
	}
	h->draining = false;
}

void multi_add(struct http_exchange *x)
{
	struct http *h = x->http;

	if (h->in_curl) {
		x->queued = true;
		loop_defer_arm(h->kick);
		return;
	}
	attach(x);
}

void multi_remove(struct http_exchange *x)
{
	x->queued = false;
	if (!x->attached)
		return;
	CURLMcode rc = curl_multi_remove_handle(x->http->multi, x->easy);
	if (rc != CURLM_OK)
		BUG("curl_multi_remove_handle: %s", curl_multi_strerror(rc));
	x->attached = false;
	x->http->attached--;
}

void multi_setup_easy(struct http *h, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_curl_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, h);
}

int multi_init(struct http *h, struct err *e)
{
	h->multi = curl_multi_init();
	if (!h->multi)
		return err_set(e, ERR_INTERNAL, "http: cannot make a multi handle");
	h->timer = loop_timer(h->loop, MONO_NEVER, on_timer, h);
	h->kick = loop_defer(h->loop, on_kick, h);
	h->drain = loop_defer(h->loop, on_drain, h);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
	return 0;
}

void multi_release(struct http *h)
{
	if (h->in_curl || h->draining)
		BUG("http_free inside one of its callbacks");
	/* closes idle connections, through the callbacks above */
	curl_multi_cleanup(h->multi);
	while (h->sockets)
		socket_forget(h, h->sockets->fd);
	loop_source_unref(&h->timer);
	loop_source_unref(&h->kick);
	loop_source_unref(&h->drain);
}
