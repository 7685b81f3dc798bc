/*
 * The HTTP server: libmicrohttpd on a thread of its own (exchange.c), handlers on the application's
 * loop; over TLS with the certificate that tls.h has in use at the time.
 *
 * A route names a method, a path pattern and two handlers. `begin` (may be NULL) runs when the
 * headers are in and may refuse at once; `handle` runs when the whole body is in. A handler answers
 * exactly once, with httpd_reply*, at once or later: then it calls httpd_hold and answers from a
 * loop callback. Handlers never block and never call loop_wait.
 *
 * Bodies: HTTPD_BUFFERED ones are collected up to max_body (413 beyond, the rest is drained so that
 * the client can read the answer); HTTPD_STREAMED ones go to the sink that `begin` set.
 * Answers: whole, or streamed from a reader. A sink or reader that cannot go on returns 0; the
 * connection then sleeps until httpd_resume. The close callback runs exactly once per request,
 * whatever happened; it owns the handler's data.
 * A request's headers have ten seconds in all, a collected body a minute; connections that only
 * wait make room for new ones (connection.h).
 * A client that goes away while a request is held or asleep is noticed at once: the request is
 * closed (close callback), no answer is needed or allowed afterwards.
 */
#ifndef COORDINATOR_HTTP_HTTPD_H
#define COORDINATOR_HTTP_HTTPD_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "coordinator/http/address.h"

struct httpd;
struct httpd_request;

typedef void (*httpd_fn)(struct httpd_request *r, void *app);
enum httpd_body { HTTPD_NO_BODY, HTTPD_BUFFERED, HTTPD_STREAMED };
struct httpd_route {
	const char *method;  /* "GET", "POST"; HEAD is answered by GET's */
	const char *pattern; /* "/api/v1/jobs/{id}/status": {name} matches one segment; the path is
			      * matched as sent, without percent-decoding */
	enum httpd_body body;
	size_t max_body; /* HTTPD_BUFFERED; HTTPD_NO_BODY routes drop a body of up to 64 KiB */
	httpd_fn begin;  /* NULL: none */
	httpd_fn handle;
	/* handle runs on the connections' thread, answers at once, and only reads what every thread
	 * may read. No begin, no body. */
	bool at_once;
};

/* What the handlers of one turn of the server store is committed together. An answer that was given
 * after the first change leaves when commit has returned 0, else it becomes 503. */
struct httpd_turn {
	void (*begin)(void *app);
	/* Before each handler: how long it has been there. What waits for another process should
	 * not wait longer than its caller. */
	void (*call)(void *app, struct mono arrived);
	bool (*changed)(void *app);              /* something waits for the commit */
	int (*commit)(void *app, struct err *e); /* -1: what was changed is lost */
};

struct httpd_config {
	const char *listen; /* "127.0.0.1:8080", "[::1]:0", port 0: a free one */
	const struct httpd_route *const *tables; /* searched in order */
	const size_t *table_sizes;
	size_t n_tables;
	/* its begin answers a path that no table has; NULL: a JSON error */
	const struct httpd_route *lost;
	void *app;                     /* handed to the handlers */
	const struct httpd_turn *turn; /* NULL: answers leave at once */
	unsigned max_connections;      /* 0: 4096 */
	unsigned max_per_peer;         /* that wait and that no handler vouched for; 0: 256 */
	int64_t headers_us;            /* for the headers of a first request; 0: ten seconds */
	struct networks trusted;       /* proxies whose X-Forwarded-For counts; borrowed */
	bool tls;                      /* tls_identity_use came before */
	unsigned idle_timeout_s;       /* 0: 60; held requests do not count as idle */
};
struct httpd *httpd_new(struct loop *l, const struct httpd_config *c, struct err *e) CHECK_RESULT;
struct loop *httpd_loop(const struct httpd *h);   /* of its connections: to ask how it does */
const char *httpd_address(const struct httpd *h); /* "127.0.0.1:40123", the real port */
void httpd_free(struct httpd *h); /* closes every connection; close callbacks run. NULL fine */

/* Around work outside of handlers that answers many held requests: they are one turn. NULL fine. */
void httpd_turn_begin(struct httpd *h);
void httpd_turn_end(struct httpd *h);
/* What was changed so far is stored: the answers that wait for that leave. NULL, and outside of a
 * turn: nothing waits. */
void httpd_turn_flushed(struct httpd *h);

/* The request; everything lives until its close callback returned. */
void *httpd_app(const struct httpd_request *r); /* as the handlers get it */
const char *httpd_path(const struct httpd_request *r);
/* UTF-8, as the path and all of its parameters are: a value that is none is refused before any
 * handler runs, or counts as absent where nobody acts on it. Cookie alone may be any bytes. */
const char *httpd_header(const struct httpd_request *r, const char *name); /* any case; NULL */
const char *httpd_query(const struct httpd_request *r, const char *name);  /* decoded; NULL */
const char *httpd_param(const struct httpd_request *r, const char *name);  /* of the pattern */
/* A pattern's number, 1..INT64_MAX without sign or leading zero; false otherwise. */
bool httpd_param_id(const struct httpd_request *r, const char *name, int64_t *ret) CHECK_RESULT;
struct slice httpd_body(const struct httpd_request *r); /* HTTPD_BUFFERED, in handle */
/* Token of `Authorization: Bearer`, NULL if there is none. */
const char *httpd_bearer(const struct httpd_request *r);
/* `Authorization: Basic`: false if absent or malformed. Strings are the caller's (wipe the second).
 */
bool httpd_basic(const struct httpd_request *r, char **ret_user, char **ret_password) CHECK_RESULT;

/* A number of its caller's address (of IPv6: its /64); behind a trusted proxy the caller's, too. */
uint64_t httpd_peer(const struct httpd_request *r);
/* That address, whole. Returns out. */
const char *httpd_address_of(const struct httpd_request *r, char out[ADDRESS_TEXT_MAX]);
/* It is a loopback one: a caller on this machine, or a proxy there that is not trusted. */
bool httpd_is_local(const struct httpd_request *r);
/* The caller of this request is known: its connection keeps its place when others must make room
 * (connection.h). */
void httpd_trust(struct httpd_request *r);
/* Three quarters of the connections are in use: no request should be held that can come again. */
bool httpd_crowded(const struct httpd *h);
unsigned httpd_places(const struct httpd *h); /* how many connections there may be */

/* Answers. A header is added before the reply; of one name the last counts, of Set-Cookie each. */
void httpd_add_header(struct httpd_request *r, const char *name, const char *value);
void httpd_reply(struct httpd_request *r, unsigned status, const char *content_type, const void *p,
	size_t n); /* copies; content_type NULL: none */
void httpd_reply_json(struct httpd_request *r, unsigned status, const struct buf *json);
void httpd_error(struct httpd_request *r, unsigned status, const char *fmt, ...)
	PRINTF_LIKE(3, 4); /* {"error":"…"} */
/* Status by class: INPUT 400, AUTH 401, DENIED 403, NOT_FOUND 404, CONFLICT 409, LIMIT 413, TIMEOUT
 * 503 with Retry-After, else 500 (whose text is logged, not sent, as that of TIMEOUT). */
void httpd_reply_err(struct httpd_request *r, const struct err *e);
enum { HTTPD_END = -1, HTTPD_ABORT = -2 };
/* read: > 0 bytes put into out, 0 not now (httpd_resume later), HTTPD_END, HTTPD_ABORT (the
 * connection is cut so that the client sees a truncated body). Chunked. */
void httpd_reply_stream(struct httpd_request *r, unsigned status, const char *content_type,
	ssize_t (*read)(void *data, char *out, size_t max), void *data);

/* HTTPD_STREAMED, called in begin. write: bytes taken (> 0), 0 not now, HTTPD_ABORT. */
void httpd_set_sink(
	struct httpd_request *r, ssize_t (*write)(void *data, const char *p, size_t n), void *data);
/* The whole streamed body must come within a minute, as a collected one. Called in begin. */
void httpd_limit_body(struct httpd_request *r);
void httpd_on_close(
	struct httpd_request *r, void (*fn)(struct httpd_request *r, void *data), void *data);
void *httpd_close_data(const struct httpd_request *r); /* what httpd_on_close was given */
void httpd_hold(struct httpd_request *r);              /* in handle: the answer comes later */
void httpd_resume(struct httpd_request *r); /* sink or reader can go on; harmless when awake */
/* False when the peer has closed: what was promised to it would be lost. */
bool httpd_alive(const struct httpd_request *r);
/* The answer matters: it is not sent to a peer that has closed meanwhile, and the close callback
 * may ask httpd_delivered. A peer that crashes with the answer unread in its kernel counts as
 * served. */
void httpd_watch_delivery(struct httpd_request *r);
bool httpd_delivered(const struct httpd_request *r); /* in the close callback */

#endif
