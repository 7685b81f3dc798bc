/*
 * What a session sends next. One request at a time, because each answer carries the token for the
 * next call. A log waits a moment before its bytes leave, so that a short step needs one request.
 */
#include "runner/report/session_private.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/limits.h"

/* A fresh log's first bytes leave after this delay, so that a short step needs one request. */
#define LOG_FIRST_DELAY_US (100 * USEC_PER_MSEC)
#define LOG_INTERVAL_US (1 * USEC_PER_SEC)
/* A coordinator that is silent for so long hangs; a slow line that still moves has longer. */
#define REQUEST_STALL_US (20 * USEC_PER_SEC)
#define REQUEST_TIMEOUT_US (120 * USEC_PER_SEC)

static bool log_finished(const struct item *it)
{
	return it->spool->closed && spool_pending(it->spool) == 0 && !it->notice;
}

/* When the log at the head should send; us INT64_MAX: not before something changes. */
static struct mono log_due(struct session *s, struct item *it)
{
	uint64_t pending = spool_pending(it->spool);
	struct mono now = loop_now(s->spec.loop);

	if (it->notice || it->chunk)
		return now;
	if (pending == 0)
		return MONO_NEVER;
	if (it->oldest.us == 0)
		it->oldest = now;
	if (it->spool->closed || pending >= LIMIT_LOG_CHUNK)
		return now;
	return mono_add(it->oldest, it->sent_once ? LOG_INTERVAL_US : LOG_FIRST_DELAY_US);
}

/* The next item that may go out now, or NULL with the timer armed. */
static struct item *next_item(struct session *s)
{
	if (s->cancel_due)
		return &s->cancel_item;
	while (s->calls && !s->calls->call.done)
		session_end_call(s, NULL, NULL);
	if (s->calls)
		return s->calls;
	while (s->head && s->head->kind == ITEM_LOG && log_finished(s->head))
		session_pop_log(s);
	if (!s->head)
		return NULL;
	if (s->head->kind == ITEM_LOG) {
		struct mono due = log_due(s, s->head);

		if (due.us > loop_now(s->spec.loop).us) {
			loop_timer_set(s->timer, due);
			return NULL;
		}
	}
	return s->head;
}

/* ---- building requests ---- */

/* The bytes that go out as it->seq, into s->raw: the same ones each time it is tried. */
static int log_chunk(struct session *s, struct item *it, struct err *e)
{
	int64_t n;

	buf_clear(&s->raw);
	if (it->notice)
		return buf_adds(&s->raw, it->notice);
	n = spool_peek(it->spool, buf_reserve(&s->raw, LIMIT_LOG_CHUNK),
		it->chunk ? it->chunk : LIMIT_LOG_CHUNK, e);
	if (n < 0)
		return -1;
	it->chunk = (size_t)n;
	buf_commit(&s->raw, it->chunk);
	return 0;
}

static int log_body(struct session *s, struct item *it, struct err *e)
{
	struct json_writer w;

	if (log_chunk(s, it, e) < 0)
		return -1;
	json_writer_init(&w, &s->body, false);
	json_begin_object(&w);
	json_kv_int(&w, "seq", it->seq);
	json_kv_base64(&w, "chunk", s->raw.data, s->raw.len);
	if (it->step_id > 0)
		json_kv_int(&w, "step_id", it->step_id);
	json_end_object(&w);
	return json_writer_finish(&w, e);
}

static int build_body(struct session *s, struct item *it, struct err *e)
{
	buf_clear(&s->body);
	if (it->kind == ITEM_LOG)
		return log_body(s, it, e);
	return buf_adds(&s->body, it->kind == ITEM_CANCEL_CHECK ? "{}" : it->body);
}

static char *item_url(const struct session *s, const struct item *it)
{
	const char *base = s->spec.base_url;
	int64_t job = s->spec.job_id;

	switch (it->kind) {
	case ITEM_JOB_STATUS:
		return xasprintf("%s/api/v1/jobs/%" PRId64 "/status", base, job);
	case ITEM_STEP_STATUS:
		return xasprintf("%s/api/v1/jobs/%" PRId64 "/steps/%" PRId64 "/status", base, job,
			it->step_id);
	case ITEM_LOG:
		return xasprintf("%s/api/v1/jobs/%" PRId64 "/logs", base, job);
	case ITEM_CANCEL_CHECK:
		return xasprintf("%s/api/v1/jobs/%" PRId64 "/cancel-check", base, job);
	case ITEM_CALL:
		return xasprintf("%s/api/v1/jobs/%" PRId64 "%s", base, job, it->path);
	}
	BUG("item kind %d", it->kind);
}

static void send_item(struct session *s, struct item *it)
{
	CLEAN_STR char *url = item_url(s, it);
	CLEANUP(strv_release) struct strv headers = { 0 };
	struct http_request r = { .method = "POST",
		.url = url,
		.headers = &headers,
		.bearer = s->token,
		.body = s->body.data,
		.body_len = s->body.len,
		.body_static = true, /* until the next one is built, after this one's end */
		.timeout_us = REQUEST_TIMEOUT_US,
		.stall_us = REQUEST_STALL_US };
	struct err e = { 0 };

	strv_addf(&headers, "Idempotency-Key: %s", it->key);
	strv_each (line, &it->headers)
		strv_add(&headers, line);
	s->flying = it;
	session_keep_state(s, it); /* whoever goes on after a kill knows that it may have left */
	s->flight = http_start(s->spec.http, &r, session_on_answer, s, &e);
	if (!s->flight)
		BUG("request to %s: %s", url, e.text);
}

void session_pump(struct session *s)
{
	struct err e = { 0 };
	struct item *it;

	if (s->flight || s->lost || backoff_waiting(&s->backoff, loop_now(s->spec.loop)))
		return;
	it = s->repeat ? s->flying : next_item(s);
	if (!it) {
		s->progressed = true;
		return;
	}
	if (!*it->key)
		uuid_v4(it->key);
	if (build_body(s, it, &e) < 0)
		session_lose(s, e.text);
	else
		send_item(s, it);
}
