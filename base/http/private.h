/*
 * What http.c (requests and answers), multi.c (curl on the loop) and text.c (pure
 * parsing) share. Nobody else includes this.
 *
 * Life of an exchange: http_start builds it and hands it to multi_add; curl runs it; multi_drain, a
 * deferred source, collects it with exchange_finish and calls done as the last touch. While curl is
 * on the stack (`in_curl`: body and header callbacks) nothing is added to or removed from the multi
 * handle; requests for that are queued for the next drain.
 */
#ifndef BASE_HTTP_PRIVATE_H
#define BASE_HTTP_PRIVATE_H

#include <curl/curl.h>

#include "base/http/http.h"
#include "base/http/reach.h"

enum { HTTP_HEADER_CAP = 64 << 10, HTTP_ERROR_BODY_CAP = 64 << 10 };

struct http_socket;

struct http {
	struct loop *loop;
	CURLM *multi;
	char *user_agent, *ca_file, *home;
	unsigned home_reach; /* enum http_reach */
	bool home_known;
	struct loop_source *timer; /* curl's timeout */
	struct loop_source *kick;  /* curl's timeout of zero, and exchanges queued while in curl */
	struct loop_source *drain; /* completions, cancels, frees queued while in curl */
	struct http_socket *sockets;
	struct http_exchange *exchanges; /* all that are not freed */
	int attached;                    /* exchanges inside the multi handle */
	bool in_curl, draining;
};

/* Why a callback of ours ended the transfer; curl's own code would only say "write error". */
enum http_stop {
	STOP_NONE,
	STOP_TOO_LARGE,
	STOP_ABORTED,
	STOP_CUT,    /* enough of an error body was read */
	STOP_RESEND, /* curl wanted to send a non-idempotent request a second time */
};

struct http_exchange {
	struct http *http;
	struct http_exchange *prev, *next;
	CURL *easy;
	CURLU *url;
	struct curl_slist *headers; /* may hold tokens: wiped */
	void *body;                 /* our copy: wiped */
	size_t body_len;
	int body_fd; /* of body_fd requests; the caller's */
	curl_off_t body_at, body_from, body_end;
	char *unix_socket;
	const char *method; /* for the trace: an entry of a table or "other" */
	bool idempotent;
	bool to_home;
	unsigned allowed; /* enum http_reach; REACH_ANY: not guarded */
	unsigned refused; /* the kind of address that was refused last */
	bool attached, queued;
	bool headers_done;
	bool finished, cancelled, doomed; /* doomed: freed by its owner while in curl */
	enum http_stop stop;
	size_t header_bytes, max_answer;
	int (*on_body)(void *data, const char *p, size_t n);
	void (*on_headers)(void *data, long status);
	void *data;
	http_done_fn done;
	void *done_data;
	struct http_result res;
	char curl_error[CURL_ERROR_SIZE];
};

/* http.c */
void exchange_finish(struct http_exchange *x, CURLcode code); /* leaves curl, fills the result */
void exchange_release(struct http_exchange *x);               /* unlinks and frees */

/* request.c */
int request_build(
	struct http_exchange *x, const struct http_request *r, struct err *e) CHECK_RESULT;
void request_release(struct http_exchange *x); /* curl's objects and the copies of what was sent */

/* multi.c */
int multi_init(struct http *h, struct err *e) CHECK_RESULT;
void multi_release(struct http *h);
void multi_setup_easy(struct http *h, CURL *easy);
void multi_add(struct http_exchange *x); /* at once, or queued while in curl */
void multi_remove(struct http_exchange *x);
void multi_call_done(struct http_exchange *x);

/* text.c: pure */
bool http_is_token(const char *s); /* a method or a header name */
bool http_is_clean(const char *s); /* no control characters */
/* "Name: value\r\n" into "name: value"; NULL when the line is none. */
char *http_header_normalize(const char *line, size_t n) CHECK_RESULT;
/* Seconds or HTTP-date; microseconds from now on, never negative; -1 when text is neither. */
int64_t http_retry_after(const char *text, struct wall now);
/* First line of text without control characters, cut to size. */
void http_one_line(char *out, size_t size, const char *text, size_t n);

#endif
