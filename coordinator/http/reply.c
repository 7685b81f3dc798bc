/*
 * Answers: whole ones, errors, streams; holding. An answer may be given at any time, inside a
 * handler or long after; libmicrohttpd gets it on the connections' thread.
 */
#include "coordinator/http/private.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"

void httpd_add_header(struct httpd_request *r, const char *name, const char *value)
{
	if (strcmp(name, "Set-Cookie") == 0)
		pairs_add(&r->headers, name, value, strlen(value));
	else
		pairs_set(&r->headers, name, value);
}

void answer_send(struct httpd_request *r)
{
	if (!r->at_once)
		crossing_send(&r->h->to_io, r, IO_ANSWER);
}

static void answer_set(struct httpd_request *r, unsigned status, const char *content_type,
	struct MHD_Response *response)
{
	if (r->response || r->gone)
		BUG("%s %s: a second answer, or one after the end", r->method, r->path);
	r->status = status;
	r->response = response;
	if (content_type)
		MHD_add_response_header(response, "Content-Type", content_type);
	for (size_t i = 0; i < r->headers.n; i++)
		MHD_add_response_header(response, r->headers.v[i].key, r->headers.v[i].value);
	r->held = false;
	turn_keep(r);
	if (!r->kept)
		answer_send(r);
}

void httpd_reply(
	struct httpd_request *r, unsigned status, const char *content_type, const void *p, size_t n)
{
	answer_set(r, status, content_type,
		MHD_create_response_from_buffer(
			n, n ? (void *)p : (void *)"", MHD_RESPMEM_MUST_COPY));
}

void httpd_reply_json(struct httpd_request *r, unsigned status, const struct buf *json)
{
	httpd_reply(r, status, "application/json", buf_cstr(json), json->len);
}

void httpd_error(struct httpd_request *r, unsigned status, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	CLEAN_BUF struct buf json = BUF_INIT(KIB(8));
	struct json_writer w;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_writer_init(&w, &json, false);
	json_begin_object(&w);
	json_kv_str(&w, "error", text);
	json_end_object(&w);
	if (json_writer_finish(&w, NULL) < 0) { /* the text quotes bytes that are no UTF-8 */
		buf_clear(&json);
		buf_adds(&json, "{\"error\":\"the request is malformed\"}");
	}
	httpd_reply_json(r, status, &json);
}

void httpd_reply_err(struct httpd_request *r, const struct err *e)
{
	static const struct {
		enum err_class class;
		unsigned status;
	} table[] = {
		{ ERR_INPUT, 400 },
		{ ERR_AUTH, 401 },
		{ ERR_DENIED, 403 },
		{ ERR_NOT_FOUND, 404 },
		{ ERR_CONFLICT, 409 },
		{ ERR_LIMIT, 413 },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (err_is(e, table[i].class)) {
			httpd_error(r, table[i].status, "%s", e->text);
			return;
		}
	}
	if (err_is(e, ERR_NET)) { /* the store's database, or another server that a call needs */
		log_error("http", "request_unserved", F_STR("path", r->path), F_ERR(e));
		httpd_add_header(r, "Retry-After", "5");
		httpd_error(
			r, 503, "a server that the coordinator needs does not answer, try again");
		return;
	}
	if (err_is(e, ERR_TIMEOUT)) {
		log_warn("http", "request_late", F_STR("path", r->path), F_ERR(e));
		httpd_add_header(r, "Retry-After", "2");
		httpd_error(r, 503, "the coordinator waits for another process, try again");
		return;
	}
	log_error("http", "request_failed", F_STR("path", r->path), F_ERR(e));
	httpd_error(r, 500, "internal error");
}

void httpd_reply_stream(struct httpd_request *r, unsigned status, const char *content_type,
	ssize_t (*read)(void *data, char *out, size_t max), void *data)
{
	r->reader = read;
	r->reader_data = data;
	answer_set(r, status, content_type,
		MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, STREAM_BLOCK, exchange_read, r, NULL));
}

void httpd_set_sink(
	struct httpd_request *r, ssize_t (*write)(void *data, const char *p, size_t n), void *data)
{
	r->sink = write;
	r->sink_data = data;
}

void httpd_on_close(
	struct httpd_request *r, void (*fn)(struct httpd_request *r, void *data), void *data)
{
	r->on_close = fn;
	r->close_data = data;
}

void *httpd_close_data(const struct httpd_request *r)
{
	return r->close_data;
}

void httpd_watch_delivery(struct httpd_request *r)
{
	r->deliver = true;
}

bool httpd_delivered(const struct httpd_request *r)
{
	return r->delivered;
}

void httpd_hold(struct httpd_request *r)
{
	r->held = true;
}

bool httpd_alive(const struct httpd_request *r)
{
	return !r->gone && peer_state(r->socket) == PEER_OPEN;
}

void httpd_trust(struct httpd_request *r)
{
	r->trusted = true;
}

void httpd_limit_body(struct httpd_request *r)
{
	r->body_limited = true;
}
