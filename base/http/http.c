/*
 * Exchanges from start to result; what is sent is request.c, the loop side multi.c.
 *
 * Sent or not: curl adds up every request byte it handed to the transport
 * (CURLINFO_REQUEST_SIZE), over all its attempts; TLS handshakes do not count. Zero means that the
 * server cannot have seen the request: NOT_SENT. Anything else without a complete answer is
 * ambiguous.
 *
 * Sent twice: when a kept-alive connection ends before the first byte of the answer, curl 7.88
 * silently sends the request again on a fresh connection, a POST too. The pre-request callback runs
 * ahead of every attempt, so there a second attempt of a non-idempotent request is stopped if the
 * first one had written anything.
 */
#include "base/http/private.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/json.h"
#include "base/late/late.h"
#include "base/limits.h"
#include "base/log.h"

static const char *const OUTCOMES[] = {
	[HTTP_DONE] = "done",
	[HTTP_NOT_SENT] = "not sent",
	[HTTP_AMBIGUOUS] = "ambiguous",
	[HTTP_TOO_LARGE] = "too large",
	[HTTP_TIMED_OUT] = "timed out",
	[HTTP_ABORTED] = "aborted",
};

/* callbacks inside curl */

static bool withdrawn(const struct http_exchange *x)
{
	return x->doomed || x->cancelled;
}

static long status_now(struct http_exchange *x)
{
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* The return value that tells curl to give up; never equal to n. */
static size_t stop(struct http_exchange *x, enum http_stop why, size_t n)
{
	if (x->stop == STOP_NONE)
		x->stop = why;
	return n == 0 ? 1 : 0;
}

static size_t collect(struct http_exchange *x, const char *p, size_t n, bool is_error)
{
	struct buf *body = &x->res.body;
	size_t cap = is_error ? HTTP_ERROR_BODY_CAP : x->max_answer;
	size_t room = cap > body->len ? cap - body->len : 0;

	if (n <= room)
		return buf_add(body, p, n) < 0 ? stop(x, STOP_TOO_LARGE, n) : n;
	if (!is_error)
		return stop(x, STOP_TOO_LARGE, n);
	buf_add(body, p, room);
	return stop(x, STOP_CUT, n);
}

static size_t on_write(char *p, size_t size, size_t count, void *data)
{
	struct http_exchange *x = data;
	size_t n = size * count;
	bool is_error = status_now(x) >= 400;

	if (withdrawn(x))
		return stop(x, STOP_ABORTED, n);
	if (!x->on_body || is_error)
		return collect(x, p, n, is_error);
	if (x->on_body(x->data, p, n) < 0 || withdrawn(x))
		return stop(x, STOP_ABORTED, n);
	return n;
}

/* The blank line: interim answers (100, 103) are followed by another header block, 101 by a stream.
 */
static size_t end_of_headers(struct http_exchange *x, size_t n)
{
	long status = status_now(x);

	if (status < 200 && status != 101)
		return n;
	x->headers_done = true;
	if (x->on_headers)
		x->on_headers(x->data, status);
	return withdrawn(x) ? stop(x, STOP_ABORTED, n) : n;
}

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
	struct http_exchange *x = data;
	size_t n = size * count;

	if (withdrawn(x))
		return stop(x, STOP_ABORTED, n);
	x->header_bytes += n;
	if (x->header_bytes > HTTP_HEADER_CAP)
		return stop(x, STOP_TOO_LARGE, n);
	if (x->headers_done) /* trailers */
		return n;
	if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		strv_release(&x->res.headers);
		return n;
	}
	if (n == 0 || line[0] == '\r' || line[0] == '\n')
		return end_of_headers(x, n);
	char *header = http_header_normalize(line, n);
	if (header)
		strv_add_take(&x->res.headers, header);
	return n;
}

static int on_attempt(void *data, char *remote_ip UNUSED, char *local_ip UNUSED,
	int remote_port UNUSED, int local_port UNUSED)
{
	struct http_exchange *x = data;
	long sent = 0;

	curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (withdrawn(x)) {
		stop(x, STOP_ABORTED, 0);
		return CURL_PREREQFUNC_ABORT;
	}
	if (sent > 0 && !x->idempotent) {
		stop(x, STOP_RESEND, 0);
		return CURL_PREREQFUNC_ABORT;
	}
	return CURL_PREREQFUNC_OK;
}

/* Before each connection: the address is the one that is connected to, whatever the name says. */
static curl_socket_t on_socket(void *data, curlsocktype purpose UNUSED, struct curl_sockaddr *a)
{
	struct http_exchange *x = data;
	unsigned reach = x->allowed == REACH_ANY ? REACH_PUBLIC : reach_of_address(&a->addr);

	if ((reach & ~x->allowed) != 0) {
		x->refused = reach;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void build_callbacks(struct http_exchange *x)
{
	CURL *easy = x->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, x);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, x->curl_error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, x);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_attempt);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, x);
	multi_setup_easy(x->http, easy);
}

static struct http_exchange *exchange_new(struct http *h, const struct http_request *r)
{
	struct http_exchange *x = xcalloc(1, sizeof(*x));

	x->http = h;
	x->easy = curl_easy_init();
	if (!x->easy)
		BUG("curl_easy_init: out of memory");
	x->unix_socket = xstrdup(r->unix_socket);
	x->on_body = r->on_body;
	x->on_headers = r->on_headers;
	x->data = r->data;
	x->max_answer = r->max_answer ? r->max_answer : LIMIT_API_ANSWER;
	size_t most = x->max_answer > HTTP_ERROR_BODY_CAP ? x->max_answer : HTTP_ERROR_BODY_CAP;
	buf_init(&x->res.body, most);
	x->res.retry_after_us = -1;
	x->to_home = h->home && !r->unix_socket && http_same_origin(h->home, r->url);
	x->allowed = r->guarded ? r->reach | h->home_reach : REACH_ANY;
	x->res.quiet = r->guarded;
	x->next = h->exchanges;
	if (x->next)
		x->next->prev = x;
	h->exchanges = x;
	return x;
}

struct http_exchange *http_start(struct http *h, const struct http_request *r, http_done_fn done,
	void *done_data, struct err *e)
{
	struct http_exchange *x = exchange_new(h, r);

	x->done = done;
	x->done_data = done_data;
	if (request_build(x, r, e) < 0) {
		exchange_release(x);
		return NULL;
	}
	build_callbacks(x);
	multi_add(x);
	return x;
}

/* the end of an exchange */

static enum http_outcome classify(const struct http_exchange *x, CURLcode code, long sent)
{
	if (x->cancelled || x->stop == STOP_ABORTED)
		return HTTP_ABORTED;
	if (x->stop == STOP_TOO_LARGE)
		return HTTP_TOO_LARGE;
	if (x->stop == STOP_CUT || (code == CURLE_OK && x->headers_done))
		return HTTP_DONE;
	if (sent == 0)
		return HTTP_NOT_SENT;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return HTTP_TIMED_OUT;
	return HTTP_AMBIGUOUS;
}

static void describe(struct http_exchange *x, CURLcode code)
{
	struct http_result *r = &x->res;
	const char *text = x->curl_error[0] ? x->curl_error : curl_easy_strerror(code);
	long os_errno = 0;
	char line[CURL_ERROR_SIZE + 128];

	curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &os_errno);
	snprintf(line, sizeof(line), "%s", text);
	if (x->refused)
		snprintf(line, sizeof(line),
			"the URL leads to an address that is %s, which this request may not reach",
			reach_name(x->refused));
	else if (r->quiet && r->outcome != HTTP_NOT_SENT && r->outcome != HTTP_TOO_LARGE)
		snprintf(line, sizeof(line), "%s", curl_easy_strerror(code));
	else if (r->outcome == HTTP_ABORTED)
		snprintf(line, sizeof(line), "%s", x->cancelled ? "cancelled" : "aborted");
	else if (r->outcome == HTTP_TOO_LARGE && x->header_bytes > HTTP_HEADER_CAP)
		snprintf(
			line, sizeof(line), "answer headers larger than %d bytes", HTTP_HEADER_CAP);
	else if (r->outcome == HTTP_TOO_LARGE)
		snprintf(line, sizeof(line), "answer larger than %zu bytes", x->max_answer);
	else if (x->stop == STOP_RESEND)
		snprintf(line, sizeof(line), "connection closed before any answer");
	else if (r->outcome == HTTP_NOT_SENT && code == CURLE_COULDNT_CONNECT && x->unix_socket)
		snprintf(line, sizeof(line), "connect %s: %s", x->unix_socket,
			os_errno ? strerror((int)os_errno) : text);
	http_one_line(r->error, sizeof(r->error), line, strlen(line));
}

/* Host and path only: queries may carry signatures. */
static void trace_end(struct http_exchange *x)
{
	char *host = NULL, *path = NULL;

	if (!trace_on("http"))
		return;
	curl_url_get(x->url, CURLUPART_HOST, &host, 0);
	curl_url_get(x->url, CURLUPART_PATH, &path, 0);
	trace("http", "%s %s%s: %s status=%ld us=%" PRId64 "%s%s", x->method,
		x->unix_socket ? x->unix_socket : host, path, OUTCOMES[x->res.outcome],
		x->res.status, x->res.total_us, x->res.error[0] ? " " : "", x->res.error);
	curl_free(host);
	curl_free(path);
}

/* What home answers from is what others may be connected to. */
static void note_home(struct http_exchange *x)
{
	const char *ip = NULL;

	if (x->to_home && x->res.outcome == HTTP_DONE &&
		curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_IP, &ip) == CURLE_OK &&
		!str_empty(ip)) {
		x->http->home_reach |= reach_of_ip(ip);
		x->http->home_known = true;
	}
}

void exchange_finish(struct http_exchange *x, CURLcode code)
{
	struct http_result *r = &x->res;

	curl_off_t total = 0;
	long sent = 0;

	curl_easy_getinfo(x->easy, CURLINFO_REQUEST_SIZE, &sent);
	curl_easy_getinfo(x->easy, CURLINFO_TOTAL_TIME_T, &total);
	r->status = status_now(x);
	r->total_us = total;
	r->outcome = classify(x, code, sent);
	r->forbidden = x->refused != 0 && r->outcome != HTTP_DONE;
	if (r->outcome != HTTP_DONE)
		describe(x, code);
	note_home(x);
	r->retry_after_us = http_retry_after(http_header(r, "retry-after"), wall_now());
	trace_end(x);
	multi_remove(x);
	request_release(x);
	x->finished = true;
}

void exchange_release(struct http_exchange *x)
{
	struct http *h = x->http;

	if (h) {
		multi_remove(x);
		if (x->prev)
			x->prev->next = x->next;
		else
			h->exchanges = x->next;
		if (x->next)
			x->next->prev = x->prev;
	}
	request_release(x);
	buf_release_wipe(&x->res.body);
	strv_release(&x->res.headers);
	free(x);
}

/* what callers do with an exchange */

void http_exchange_free(struct http_exchange *x)
{
	if (!x || x->doomed)
		return;
	if (x->http && x->http->in_curl) {
		/* from a body or header callback: curl still uses it */
		x->doomed = true;
		loop_defer_arm(x->http->drain);
		return;
	}
	exchange_release(x);
}

void http_exchange_cancel(struct http_exchange *x)
{
	if (x->finished || x->cancelled)
		return;
	x->cancelled = true;
	loop_defer_arm(x->http->drain);
}

const struct http_result *http_wait(struct http_exchange *x)
{
	struct err e = { 0 };

	if (x->finished || loop_wait(x->http->loop, &x->finished, MONO_NEVER, &e) == 0)
		return &x->res;
	/* the loop itself is broken; the result says so */
	x->cancelled = true;
	exchange_finish(x, CURLE_ABORTED_BY_CALLBACK);
	http_one_line(x->res.error, sizeof(x->res.error), e.text, strlen(e.text));
	multi_call_done(x);
	return &x->res;
}

bool http_finished(const struct http_exchange *x)
{
	return x->finished;
}

const struct http_result *http_result(const struct http_exchange *x)
{
	return &x->res;
}

/* the client */

struct http *http_new(struct loop *l, const struct http_config *c, struct err *e)
{
	if (late_load(&late_curl, e) < 0)
		return NULL;
	CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);
	if (rc != CURLE_OK) {
		err_set(e, ERR_INTERNAL, "http: %s", curl_easy_strerror(rc));
		return NULL;
	}
	/* with NOSIGNAL curl leaves SIGPIPE to us, and not every TLS write goes through send() */
	signal(SIGPIPE, SIG_IGN);
	struct http *h = xcalloc(1, sizeof(*h));
	h->loop = l;
	h->user_agent = xstrdup(c->user_agent);
	h->ca_file = xstrdup(c->ca_file);
	h->home = xstrdup(c->home);
	if (multi_init(h, e) < 0) {
		free(h->user_agent);
		free(h->home);
		free(h->ca_file);
		free(h);
		curl_global_cleanup();
		return NULL;
	}
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	for (struct http_exchange *x = h->exchanges, *next; x; x = next) {
		next = x->next;
		if (!x->finished) {
			x->cancelled = true;
			exchange_finish(x, CURLE_ABORTED_BY_CALLBACK);
		}
		x->http = NULL;
		if (x->doomed)
			exchange_release(x);
	}
	multi_release(h);
	free(h->user_agent);
	free(h->home);
	free(h->ca_file);
	free(h);
	curl_global_cleanup();
}

bool http_home_known(const struct http *h)
{
	return h->home_known;
}

unsigned http_home_reach(const struct http *h)
{
	return h->home_reach;
}

/* results */

const char *http_header(const struct http_result *r, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < r->headers.n; i++) {
		const char *line = r->headers.v[i];

		if (strncmp(line, name, n) == 0 && line[n] == ':')
			return line + n + 2;
	}
	return NULL;
}

static enum err_class status_class(long status)
{
	switch (status) {
	case 401:
	case 403:
		return ERR_AUTH;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_CONFLICT;
	default:
		return ERR_PROTO;
	}
}

static enum err_class outcome_class(enum http_outcome outcome)
{
	switch (outcome) {
	case HTTP_TOO_LARGE:
		return ERR_LIMIT;
	case HTTP_TIMED_OUT:
		return ERR_TIMEOUT;
	case HTTP_ABORTED:
		return ERR_CANCELLED;
	default:
		return ERR_NET;
	}
}

/* What the server says went wrong: our and the engines' JSON, else the first line of the body. */
static void server_words(const struct http_result *r, char *out, size_t size)
{
	struct slice body = buf_slice(&r->body);

	struct json_doc *doc CLEAN_JSON = NULL;
	const char *words = NULL;

	if (body.len > 0 && body.ptr[0] == '{')
		doc = json_parse(body.ptr, body.len, NULL, NULL);
	if (doc) {
		words = json_get_string(json_root(doc), "error");
		if (!words)
			words = json_get_string(json_root(doc), "message");
	}
	if (words)
		body = slice_of(words);
	http_one_line(out, size, body.ptr, body.len);
}

int http_result_error(const struct http_result *r, struct err *e)
{
	char words[400] = "";

	if (r->forbidden)
		return err_set(e, ERR_INPUT, "%s", r->error);
	if (r->outcome != HTTP_DONE)
		return err_set(e, outcome_class(r->outcome), "%s", r->error);
	if (!r->quiet)
		server_words(r, words, sizeof(words));
	return err_set(
		e, status_class(r->status), "HTTP %ld%s%s", r->status, words[0] ? ": " : "", words);
}
