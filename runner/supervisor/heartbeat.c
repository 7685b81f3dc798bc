/*
 * The Idempotency-Key is the heart: a heartbeat whose answer is lost may have brought a claim, so
 * it is repeated with its key until it is answered, also by the next supervisor, which finds the
 * key in the state directory.
 *
 * Such a heartbeat never says which jobs we have: the claim that may be on its way is one of them.
 */
#include "runner/supervisor/heartbeat.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/version/build_info.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/utf8.h"
#include "runner/claim/identity.h"

#define HEARTBEAT_TIMEOUT_US (30 * USEC_PER_SEC)
#define OVERDUE_US (5 * USEC_PER_SEC) /* past the longest hold */
#define RELEASE_TIMEOUT_US (5 * USEC_PER_SEC)

/* What the coordinator makes of active_job_ids. Older ones refuse a key that they do not know. */
enum active_jobs {
	ACTIVE_NAMED,
	ACTIVE_DOUBTED, /* refused; the same is on its way without them */
	ACTIVE_UNKNOWN, /* that was taken: it is the key that it does not know */
};

struct heartbeat {
	struct heartbeat_spec spec; /* but for self */
	char *url, *body, *token;
	struct strv labels;
	char *refused; /* labels that the coordinator said it does not let us serve, NULL: none */
	int64_t capacity, wait_s;
	enum active_jobs active;
	bool named;      /* the one in flight names our jobs */
	const char *key; /* the same again while the last answer may have brought a claim */
	struct http_exchange *flight, *release;
	struct mono overdue;
};

/* active NULL: without them. */
static char *make_body(const struct strv *labels, int64_t capacity, const struct ids *active)
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
	json_kv_strv(&w, "labels", labels);
	json_kv_int(&w, "capacity", capacity);
	json_kv_str(&w, "host_name", host);
	json_kv_str(&w, "version", build_full_version);
	if (active) {
		json_key(&w, "active_job_ids");
		json_begin_array(&w);
		for (size_t i = 0; i < active->n; i++)
			json_int(&w, active->v[i]);
		json_end_array(&w);
	}
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
	CLEAN_STR char *body = make_body(self->labels, self->capacity, NULL);
	bool moved = !str_eq(url, h->url);
	bool changed = moved || !str_eq(body, h->body) || !str_eq(self->token, h->token);

	if (moved)
		h->active = ACTIVE_NAMED;
	strv_release(&h->labels);
	strv_each (label, self->labels)
		strv_add(&h->labels, label);
	h->capacity = self->capacity;
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
	strv_release(&h->labels);
	free(h->refused);
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

/* A proxy or a login page in between answers 200 as well, and then nobody knows whether the
 * heartbeat arrived and claimed a job: it is sent again with its key. */
static bool names_a_job(const struct http_result *r)
{
	struct claim_identity id;
	bool named;

	claim_identity_scan(buf_cstr(&r->body), r->body.len, &id);
	named = id.job_id > 0;
	claim_identity_release(&id);
	return named;
}

static enum heartbeat_kind classify(const struct http_result *r)
{
	if (r->outcome == HTTP_TOO_LARGE && r->status == 200)
		return HEARTBEAT_CLAIM; /* cut, but its identity may be readable */
	if (r->outcome != HTTP_DONE)
		return HEARTBEAT_FAILED;
	switch (r->status) {
	case 200:
		return names_a_job(r) ? HEARTBEAT_CLAIM : HEARTBEAT_FAILED;
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

static void launch(struct heartbeat *h, const struct ids *active);

/* True: it was refused for naming our jobs, as it seems, and is on its way again without. */
static bool went_without(struct heartbeat *h, const struct http_result *r)
{
	bool answered = r->outcome == HTTP_DONE, bad = answered && r->status == 400;

	if (bad && h->named) {
		h->active = ACTIVE_DOUBTED;
		launch(h, NULL);
		return true;
	}
	if (h->active != ACTIVE_DOUBTED)
		return false;
	h->active = answered && !bad && r->status < 300 ? ACTIVE_UNKNOWN : ACTIVE_NAMED;
	if (h->active == ACTIVE_UNKNOWN)
		log_info("supervisor", "active_jobs_unknown", F_STR("server", h->url),
			F_STR("effect",
				"the coordinator does not know active_job_ids; heartbeats go on "
				"without it, and a job that this runner lost may stay running "
				"there"));
	return false;
}

/* Said once, and again when it changes. */
static void note_refused_labels(struct heartbeat *h, const struct http_result *r)
{
	const char *refused = http_header(r, "shithub-labels-refused");

	if (r->outcome != HTTP_DONE || r->status >= 300 || str_eq(refused, h->refused))
		return;
	if (refused)
		log_warn("supervisor", "labels_refused", F_STR("labels", refused),
			F_STR("remedy",
				"change runner.labels, or ask the coordinator's operator for "
				"`shithubd admin runner set-labels`"));
	free(h->refused);
	h->refused = refused ? xstrdup(refused) : NULL;
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
		.returnable = http_header(r, "shithub-job-return") != NULL,
		.held = http_header(r, "preference-applied") != NULL };

	if (a.kind == HEARTBEAT_FAILED && r->outcome == HTTP_DONE && r->status == 200)
		err_set(&e, ERR_PROTO, "HTTP 200 without a claim");
	else if (a.kind != HEARTBEAT_CLAIM && a.kind != HEARTBEAT_NOTHING)
		http_result_error(r, &e);
	a.reason = e.text;
	h->flight = NULL;
	note_refused_labels(h, r);
	if (went_without(h, r)) {
		http_exchange_free(x);
		return;
	}
	if (a.kind == HEARTBEAT_NOTHING)
		claim_keys_settle(h->spec.keys, TAKE(h->key));
	else if (a.kind == HEARTBEAT_CLAIM)
		a.key = TAKE(h->key);
	h->spec.on_answer(h->spec.data, &a);
	http_exchange_free(x);
}

static void launch(struct heartbeat *h, const struct ids *active)
{
	CLEANUP(strv_release) struct strv headers = { 0 };
	CLEAN_STR char *body = make_body(&h->labels, h->capacity, active);
	struct err e = { 0 };
	struct http_request r = { .method = "POST",
		.url = h->url,
		.headers = &headers,
		.bearer = h->token,
		.body = body,
		.body_len = strlen(body),
		.timeout_us = HEARTBEAT_TIMEOUT_US + h->wait_s * USEC_PER_SEC,
		.max_answer = LIMIT_CLAIM_BYTES };

	strv_addf(&headers, "Idempotency-Key: %s", h->key);
	if (h->wait_s > 0)
		strv_addf(&headers, "Prefer: wait=%" PRId64, h->wait_s);
	h->named = active != NULL;
	h->overdue = mono_add(loop_now(h->spec.loop), h->wait_s * USEC_PER_SEC + OVERDUE_US);
	h->flight = http_start(h->spec.http, &r, on_done, h, &e);
	if (!h->flight)
		BUG("heartbeat request: %s", e.text);
}

int heartbeat_send(struct heartbeat *h, int64_t wait_s, const struct ids *active, struct err *e)
{
	bool repeated = h->key != NULL;

	if (h->flight)
		BUG("two heartbeats at once");
	if (!h->key && !(h->key = claim_keys_next(h->spec.keys, e)))
		return -1;
	h->wait_s = wait_s;
	launch(h, repeated || h->active == ACTIVE_UNKNOWN ? NULL : active);
	return 0;
}
