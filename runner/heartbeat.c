/* See heartbeat.h. */
#include "runner/heartbeat.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"

#define HEARTBEAT_TIMEOUT_US (30 * USEC_PER_SEC)
#define OVERDUE_US (5 * USEC_PER_SEC) /* past the longest hold */
#define RELEASE_TIMEOUT_US (5 * USEC_PER_SEC)

struct heartbeat {
	struct heartbeat_spec spec; /* but for self */
	char *url, *body, *token;
	char key[UUID_TEXT_MAX]; /* the same again while the last answer may have brought a claim */
	struct http_exchange *flight, *release;
	struct mono overdue;
};

static char *make_body(const struct heartbeat_self *s)
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
	h->spec.self = (struct heartbeat_self){ 0 };
	heartbeat_set_self(h, &spec->self);
	return h;
}

bool heartbeat_set_self(struct heartbeat *h, const struct heartbeat_self *self)
{
	CLEAN_STR char *url = xasprintf("%s/api/v1/runners/heartbeat", self->base_url);
	CLEAN_STR char *body = make_body(self);
	bool changed =
		!str_eq(url, h->url) || !str_eq(body, h->body) || !str_eq(self->token, h->token);

	free(h->url);
	free(h->body);
	wipe_free(h->token);
	h->url = TAKE(url);
	h->body = TAKE(body);
	h->token = xstrdup(self->token);
	return changed;
}

void heartbeat_free(struct heartbeat *h)
{
	if (!h)
		return;
	heartbeat_abort(h);
	free(h->url);
	free(h->body);
	wipe_free(h->token);
	free(h);
}

bool heartbeat_in_flight(const struct heartbeat *h)
{
	return h->flight != NULL;
}

void heartbeat_abort(struct heartbeat *h)
{
	http_exchange_free(TAKE(h->flight));
	http_exchange_free(TAKE(h->release));
}

struct mono heartbeat_overdue(const struct heartbeat *h)
{
	return h->flight ? h->overdue : (struct mono){ 0 };
}

static void on_released(struct http_exchange *x, void *data)
{
	struct heartbeat *h = data;

	trace("http", "heartbeat release: HTTP %ld %s", http_result(x)->status,
		http_result(x)->error);
	h->release = NULL;
	http_exchange_free(x);
}

void heartbeat_hurry(struct heartbeat *h)
{
	CLEAN_STR char *url = xasprintf("%s/release", h->url);
	struct err e = { 0 };
	struct http_request r = { .method = "POST",
		.url = url,
		.bearer = h->token,
		.body = "{}",
		.body_len = 2,
		.timeout_us = RELEASE_TIMEOUT_US };

	if (!h->flight || h->release)
		return;
	h->release = http_start(h->spec.http, &r, on_released, h, &e);
	if (!h->release)
		BUG("heartbeat release: %s", e.text);
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
	if (a.kind == HEARTBEAT_NOTHING || a.kind == HEARTBEAT_CLAIM)
		*h->key = '\0';
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
		.bearer = h->token,
		.body = h->body,
		.body_len = strlen(h->body),
		.timeout_us = HEARTBEAT_TIMEOUT_US + wait_s * USEC_PER_SEC,
		.max_answer = LIMIT_CLAIM_BYTES };

	if (h->flight)
		BUG("two heartbeats at once");
	if (!*h->key)
		uuid_v4(h->key);
	strv_addf(&headers, "Idempotency-Key: %s", h->key);
	if (wait_s > 0)
		strv_addf(&headers, "Prefer: wait=%" PRId64, wait_s);
	h->overdue = mono_add(loop_now(h->spec.loop), wait_s * USEC_PER_SEC + OVERDUE_US);
	h->flight = http_start(h->spec.http, &r, on_done, h, &e);
	if (!h->flight)
		BUG("heartbeat request: %s", e.text);
}
