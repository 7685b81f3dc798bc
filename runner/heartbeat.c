/* See heartbeat.h. */
#include "runner/heartbeat.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/limits.h"

#define HEARTBEAT_TIMEOUT_US (30 * USEC_PER_SEC)

struct heartbeat {
	struct heartbeat_spec spec;
	char *url, *body;
	struct http_exchange *flight;
};

static char *make_body(const struct heartbeat_spec *s)
{
	struct buf out = BUF_INIT(KIB(64));
	char host[LIMIT_METADATA + 1] = "";
	struct json_writer w;
	struct err e = { 0 };

	/* any bytes but NUL may be a host name; the wire wants text */
	if (gethostname(host, sizeof(host) - 1) < 0 || !utf8_valid(host, strlen(host)))
		host[0] = '\0';
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_strv(&w, "labels", s->labels);
	json_kv_int(&w, "capacity", s->capacity);
	json_kv_str(&w, "host_name", host);
	json_kv_str(&w, "version", PROJECT_VERSION);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0)
		BUG("heartbeat body: %s", e.text);
	return buf_take(&out);
}

struct heartbeat *heartbeat_new(const struct heartbeat_spec *spec)
{
	struct heartbeat *h = xcalloc(1, sizeof(*h));

	h->spec = *spec;
	h->url = xasprintf("%s/api/v1/runners/heartbeat", spec->base_url);
	h->body = make_body(spec);
	return h;
}

void heartbeat_free(struct heartbeat *h)
{
	if (!h)
		return;
	heartbeat_abort(h);
	free(h->url);
	free(h->body);
	free(h);
}

bool heartbeat_in_flight(const struct heartbeat *h)
{
	return h->flight != NULL;
}

void heartbeat_abort(struct heartbeat *h)
{
	http_exchange_free(TAKE(h->flight));
}

static enum heartbeat_kind classify(const struct http_result *r)
{
	if (r->outcome == HTTP_TOO_LARGE && r->status == 200)
		return HEARTBEAT_CLAIM; /* cut, but its identity may be readable */
	if (r->outcome != HTTP_DONE)
		return HEARTBEAT_FAILED;
	switch (r->status) {
	case 200:
		return HEARTBEAT_CLAIM;
	case 204:
		return HEARTBEAT_NOTHING;
	case 401:
	case 403:
		return HEARTBEAT_REFUSED;
	case 429:
		return HEARTBEAT_LIMITED;
	default:
		return HEARTBEAT_FAILED;
	}
}

static void on_done(struct http_exchange *x, void *data)
{
	struct heartbeat *h = data;
	const struct http_result *r = http_result(x);
	struct err e = { 0 };
	struct heartbeat_answer a = { .kind = classify(r),
		.claim = buf_slice(&r->body),
		.cut = r->outcome == HTTP_TOO_LARGE,
		.retry_after_us = r->retry_after_us,
		.held = http_header(r, "preference-applied") != NULL };

	if (a.kind != HEARTBEAT_CLAIM && a.kind != HEARTBEAT_NOTHING)
		http_result_error(r, &e);
	a.reason = e.text;
	h->flight = NULL;
	h->spec.on_answer(h->spec.data, &a);
	http_exchange_free(x);
}

void heartbeat_send(struct heartbeat *h, int64_t wait_s)
{
	CLEANUP(strv_release) struct strv headers = { 0 };
	struct err e = { 0 };
	struct http_request r = { .method = "POST",
		.url = h->url,
		.headers = &headers,
		.bearer = h->spec.token,
		.body = h->body,
		.body_len = strlen(h->body),
		.timeout_us = HEARTBEAT_TIMEOUT_US + wait_s * USEC_PER_SEC,
		.max_answer = LIMIT_CLAIM_BYTES };

	if (h->flight)
		BUG("two heartbeats at once");
	if (wait_s > 0)
		strv_addf(&headers, "Prefer: wait=%" PRId64, wait_s);
	h->flight = http_start(h->spec.http, &r, on_done, h, &e);
	if (!h->flight)
		BUG("heartbeat request: %s", e.text);
}
