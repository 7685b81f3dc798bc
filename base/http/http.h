/*
 * HTTP client: libcurl's multi socket interface on the loop. One struct http per process; it keeps
 * connections alive per host and per unix socket. Only http and https, no redirects, no cookies,
 * no proxy from the environment for unix sockets, NOSIGNAL, TLS verified against the system store.
 *
 * An exchange is one request and its answer. Its done callback runs from a deferred source outside
 * curl's stack; afterwards the exchange and its result live until http_exchange_free.
 * Callbacks (on_body, on_headers, done) may start, cancel and free exchanges, also their own; after
 * a free nothing is called any more. They may not wait, nor free the struct http.
 *
 * Sending twice: a kept-alive connection may end just as a request goes out. GET, HEAD, PUT, DELETE
 * and OPTIONS are then sent once more on a fresh connection (no byte of an answer had arrived; the
 * server may have acted on the first). Any other method is never sent twice: HTTP_AMBIGUOUS.
 */
#ifndef BASE_HTTP_HTTP_H
#define BASE_HTTP_HTTP_H

#include "base/buf.h"
#include "base/loop.h"

struct http;
struct http_exchange;

enum http_outcome {
	HTTP_DONE, /* a complete answer; read status */
	/* resolve/connect/TLS failed or timed out before the first byte of the request was written:
	 * the server saw nothing, a retry is safe */
	HTTP_NOT_SENT,
	HTTP_AMBIGUOUS, /* sent (in part) and no complete answer: the server may have acted */
	HTTP_TOO_LARGE, /* the answer is larger than max_answer, or its headers than 64 KiB */
	HTTP_TIMED_OUT, /* overall deadline or stall after sending: as HTTP_AMBIGUOUS */
	HTTP_ABORTED,   /* http_exchange_cancel or the body callback returned -1 */
};

struct http_request {
	const char *method; /* "GET", "POST", … */
	const char *url; /* http(s)://…; with unix_socket its host only names the Host header */
	const char *unix_socket;     /* NULL: TCP */
	const struct strv *headers;  /* "Name: value"; copied */
	const char *bearer;          /* NULL or the token of Authorization: Bearer; copied, wiped */
	const char *user, *password; /* NULL or HTTP Basic; copied, wiped */
	/* NULL, or "aws:amz:REGION:SERVICE": user and password sign the request instead (AWS
	 * Signature Version 4, curl's). It signs a query as it stands: give it in order, each name
	 * with its "=". The body's hash is the caller's, in x-amz-content-sha256. */
	const char *sigv4;
	const void *body; /* copied unless body_static; NULL: none */
	/* Instead of body: body_len bytes of this regular file from body_from on, read as they go
	 * out; stays the caller's, open until the exchange ends. */
	const int *body_fd;
	int64_t body_from;
	size_t body_len;
	bool body_static;         /* the caller keeps body alive until the exchange ends */
	const char *content_type; /* NULL with a body: application/json */
	/* The URL is somebody else's choice: connect to public addresses, those of `reach`
	 * (base/http/reach.h) and those of the client's home only, judged by the address at the
	 * moment of the connection. Nothing of an answer that is not 2xx goes into error texts. */
	bool guarded;
	unsigned reach;
	int64_t connect_timeout_us; /* 0: 10 s */
	int64_t timeout_us;         /* 0: none */
	/* 0: none; abort when less than 1 byte/s moves for so long (whole seconds; noticed up to
	 * 6 s late, curl averages over 5 s) */
	int64_t stall_us;
	size_t max_answer; /* 0: LIMIT_API_ANSWER; ignored with on_body */
	/* Streaming: called with body bytes as they arrive; -1 aborts. NULL: collected in the
	 * result. Answers with status >= 400 are always collected, never streamed; past 64 KiB the
	 * rest is cut off and the answer counts as complete. */
	int (*on_body)(void *data, const char *p, size_t n);
	/* Called once when the final header line was read, before any body. NULL: none. */
	void (*on_headers)(void *data, long status);
	void *data;
};

struct http_result {
	enum http_outcome outcome;
	long status; /* 0 if no status line was seen */
	struct buf body;
	char error[256];        /* one line when outcome is not HTTP_DONE */
	int64_t retry_after_us; /* parsed Retry-After (seconds or date), -1 if none */
	struct strv headers;    /* "name: value", names lower-cased; at most 64 KiB in all */
	int64_t total_us;
	bool forbidden; /* of a guarded request: an address was refused; another try is in vain */
	bool quiet;     /* of a guarded request: the server's words stay out of http_result_error */
};

struct http_config {
	const char *user_agent;
	/* NULL, or the URL whose server is trusted: guarded requests may connect to the kinds of
	 * addresses from which its answers came. */
	const char *home;
	const char *ca_file; /* NULL: system store */
};

typedef void (*http_done_fn)(struct http_exchange *x, void *data);

struct http *http_new(struct loop *l, const struct http_config *c, struct err *e) CHECK_RESULT;
/* Aborts what is in flight without calling done; such exchanges are still to be freed. */
void http_free(struct http *h);

/* done may be NULL when the caller uses http_wait. NULL and err only for a malformed request. */
struct http_exchange *http_start(struct http *h, const struct http_request *r, http_done_fn done,
	void *done_data, struct err *e) CHECK_RESULT;
/* Dispatches the loop until the exchange ended (not from a callback); the result is x's. */
const struct http_result *http_wait(struct http_exchange *x);
bool http_finished(const struct http_exchange *x);
const struct http_result *http_result(const struct http_exchange *x);
void http_exchange_cancel(struct http_exchange *x); /* ends it as HTTP_ABORTED, done is called */
void http_exchange_free(struct http_exchange *x);   /* cancels without calling done; NULL fine */
static inline void http_exchange_freep(struct http_exchange **x)
{
	http_exchange_free(*x);
	*x = NULL;
}
#define CLEAN_EXCHANGE CLEANUP(http_exchange_freep)

/* Kinds of addresses (enum http_reach) from which home answered so far. */
unsigned http_home_reach(const struct http *h);
bool http_home_known(const struct http *h); /* it answered at least once */

/* First header of that lower-case name, or NULL. */
const char *http_header(const struct http_result *r, const char *name);
/* One line for people: "HTTP 503: upstream down" or the transport error. Sets class by status:
 * 401/403 ERR_AUTH, 404 ERR_NOT_FOUND, 409 ERR_CONFLICT, else ERR_PROTO; without an answer
 * ERR_TIMEOUT, ERR_LIMIT, ERR_CANCELLED, else ERR_NET. The server's words are the "error" or
 * "message" of a JSON body, else the body's first line. -1. */
int http_result_error(const struct http_result *r, struct err *e);

#endif
