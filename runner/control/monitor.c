/*
 * Every answer closes its connection. That makes the server two functions long, and a scraper that
 * opens one connection every 15 seconds does not notice.
 */
#include "runner/control/monitor.h"

#include "base/limits.h"
#include "runner/control/listener.h"
#include "runner/control/monitor_request.h"

#define PATIENCE_US (5 * USEC_PER_SEC)
#define PAGE_MAX KIB(256)

struct monitor {
	struct monitor_handler handler;
	struct listener *listener;
	char *where;
};

static void reply(struct listener_peer *p, bool head, const char *status, const char *type,
	const struct buf *body)
{
	CLEAN_BUF struct buf out = BUF_INIT(PAGE_MAX + KIB(1));

	buf_addf(&out,
		"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s"
		"Cache-Control: no-store\r\nConnection: close\r\n\r\n",
		status, type, body->len, str_starts(status, "405") ? "Allow: GET, HEAD\r\n" : "");
	if (!head)
		buf_add(&out, buf_cstr(body), body->len);
	listener_reply(p, &out);
}

static const char plain[] = "text/plain; charset=utf-8";

static void reply_refusal(struct listener_peer *p, struct monitor_request r, struct buf *body)
{
	static const struct {
		enum monitor_wants wants;
		const char *status, *text;
	} refusals[] = {
		{ MONITOR_NOTHING, "404 Not Found", "expected /metrics or /healthz\n" },
		{ MONITOR_METHOD, "405 Method Not Allowed", "expected GET or HEAD\n" },
		{ MONITOR_BAD, "400 Bad Request", "expected an HTTP/1.1 request\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (refusals[i].wants != r.wants)
			continue;
		buf_adds(body, refusals[i].text);
		reply(p, r.head, refusals[i].status, plain, body);
	}
}

static void serve(void *data, struct listener_peer *p, struct slice request, bool cut)
{
	struct monitor *m = data;
	struct monitor_request r = monitor_request_parse(request);
	CLEAN_BUF struct buf body = BUF_INIT(PAGE_MAX);

	if (cut) {
		buf_adds(&body, "the head of the request is too long\n");
		reply(p, false, "431 Request Header Fields Too Large", plain, &body);
	} else if (r.wants == MONITOR_METRICS) {
		m->handler.metrics(m->handler.data, &body);
		reply(p, r.head, buf_ok(&body) ? "200 OK" : "500 Internal Server Error",
			"text/plain; version=0.0.4; charset=utf-8", &body);
	} else if (r.wants == MONITOR_HEALTH) {
		bool good = m->handler.health(m->handler.data, &body);

		reply(p, r.head, good ? "200 OK" : "503 Service Unavailable", plain, &body);
	} else {
		reply_refusal(p, r, &body);
	}
}

struct monitor *monitor_new(
	struct loop *l, const char *where, const struct monitor_handler *handler, struct err *e)
{
	char *real = NULL;
	int fd = listen_at(where, &real, e);
	struct monitor *m;

	if (fd < 0) {
		err_wrap(e, "metrics.listen");
		return NULL;
	}
	m = xcalloc(1, sizeof(*m));
	m->handler = *handler;
	m->where = real;
	m->listener = listener_new(&(struct listener_spec){ .loop = l,
		.fd = fd,
		.most_peers = MONITOR_PEERS,
		.most_bytes = MONITOR_REQUEST_MAX,
		.patience_us = PATIENCE_US,
		.whole = monitor_request_whole,
		.serve = serve,
		.data = m });
	return m;
}

const char *monitor_where(const struct monitor *m)
{
	return m->where;
}

void monitor_free(struct monitor *m)
{
	if (!m)
		return;
	listener_free(m->listener);
	if (m->where[0] == '/')
		unlink(m->where);
	free(m->where);
	free(m);
}
