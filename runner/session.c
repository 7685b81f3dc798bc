/*
 * See session.h for the rules. Shape: a queue of items, one exchange in flight, one timer that is
 * armed for the next reason to send (coalescing delay of a log, backoff after a failure), one timer
 * for cancel checks. pump() is the only place that starts a request, settle() the only one that
 * judges an answer.
 */
#include "runner/session.h"

#include <inttypes.h>

#include "base/backoff.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "runner/job_spec.h"

/* A fresh log's first bytes leave after this delay, so that a short step needs one request. */
#define LOG_FIRST_DELAY_US (100 * USEC_PER_MSEC)
#define LOG_INTERVAL_US (1 * USEC_PER_SEC)
/* A coordinator that is silent for so long hangs; a slow line that still moves has longer. */
#define REQUEST_STALL_US (20 * USEC_PER_SEC)
#define REQUEST_TIMEOUT_US (120 * USEC_PER_SEC)
#define BACKOFF_FIRST_US (500 * USEC_PER_MSEC)
#define BACKOFF_MOST_US (30 * USEC_PER_SEC)

enum item_kind { ITEM_JOB_STATUS, ITEM_STEP_STATUS, ITEM_LOG, ITEM_CANCEL_CHECK, ITEM_CALL };

struct item {
	struct item *next;
	enum item_kind kind;
	int64_t step_id;
	char key[UUID_TEXT_MAX]; /* Idempotency-Key of the call that is being tried; "": none yet */
	char *body;              /* statuses: ready to send */
	bool terminal_job;
	/* logs */
	struct spool *spool;
	int64_t seq;
	size_t chunk;       /* bytes that went out as seq: tried again, it must not have grown */
	struct mono oldest; /* when the oldest unsent byte was appended; us 0: none */
	bool sent_once, refused;
	char *notice; /* the next chunk: what the reader is told in place of a refused one */
	/* calls */
	struct report_call call; /* done NULL: cancelled */
	char *path;
	struct strv headers;
};

struct session {
	struct report report;
	struct session_spec spec;
	char *token;
	struct item *head, **tail;
	struct item *calls;      /* of the job, beside the queue */
	struct item cancel_item; /* the one cancel check, beside the queue */
	bool cancel_due, cancel_polling, cancel_seen;
	struct http_exchange *flight;
	struct item *flying;
	struct buf raw,
		body; /* of the request in flight: log bytes, and the text that carries them */
	bool repeat;  /* it may have taken effect: nothing but the same call is safe now */
	struct backoff backoff;
	struct loop_source *timer, *poll;
	bool lost, final_accepted, progressed;
};

static void pump(struct session *s);

static void on_timer(struct loop_source *src, void *data)
{
	(void)src;
	pump(data);
}

static void on_poll(struct loop_source *src, void *data)
{
	struct session *s = data;

	(void)src;
	if (!s->cancel_polling || s->lost)
		return;
	s->cancel_due = true;
	pump(s);
}

static void item_free(struct item *it)
{
	free(it->body);
	free(it->notice);
	free(it->path);
	strv_release(&it->headers);
	free(it);
}

static void session_free(struct report *r)
{
	struct session *s = (struct session *)r;

	http_exchange_free(s->flight);
	while (s->head) {
		struct item *it = s->head;

		s->head = it->next;
		item_free(it);
	}
	while (s->calls) {
		struct item *it = s->calls;

		s->calls = it->next;
		item_free(it);
	}
	loop_source_free(s->timer);
	loop_source_free(s->poll);
	buf_release(&s->raw);
	buf_release_wipe(&s->body);
	wipe_free(s->token);
	free((char *)s->spec.base_url);
	free(s);
}

static struct item *enqueue(struct session *s, enum item_kind kind, int64_t step_id)
{
	struct item *it = xcalloc(1, sizeof(*it));

	it->kind = kind;
	it->step_id = step_id;
	*s->tail = it;
	s->tail = &it->next;
	return it;
}

static void write_time(struct json_writer *w, const char *key, struct wall t)
{
	char text[WALL_TEXT_MAX];

	if (t.us)
		json_kv_str(w, key, wall_format(t, text));
}

static char *status_body(const struct report_status *st)
{
	struct buf out = BUF_INIT(KIB(4));
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_str(&w, "status", st->status);
	if (st->conclusion)
		json_kv_str(&w, "conclusion", st->conclusion);
	write_time(&w, "started_at", st->started_at);
	write_time(&w, "completed_at", st->completed_at);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0)
		BUG("status body: %s", e.text);
	return buf_take(&out);
}

static bool status_terminal(const char *status)
{
	return str_eq(status, "completed") || str_eq(status, "cancelled") ||
	       str_eq(status, "skipped");
}

static void session_job_status(struct report *r, const struct report_status *st)
{
	struct session *s = (struct session *)r;
	struct item *it;

	if (s->lost)
		return;
	it = enqueue(s, ITEM_JOB_STATUS, 0);
	it->body = status_body(st);
	it->terminal_job = status_terminal(st->status);
	pump(s);
}

static void session_step_status(struct report *r, int64_t step_id, const struct report_status *st)
{
	struct session *s = (struct session *)r;

	if (s->lost || step_id <= 0)
		return;
	enqueue(s, ITEM_STEP_STATUS, step_id)->body = status_body(st);
	pump(s);
}

static void session_log(struct report *r, int64_t step_id, struct spool *spool)
{
	struct session *s = (struct session *)r;

	if (s->lost)
		return;
	enqueue(s, ITEM_LOG, step_id)->spool = spool;
	pump(s);
}

static void session_wake(struct report *r)
{
	pump((struct session *)r);
}

static void start_cancel(struct session *s)
{
	s->cancel_polling = true;
	loop_timer_set(s->poll, mono_add(loop_now(s->spec.loop), s->spec.cancel_poll_us));
}

static void stop_cancel(struct session *s)
{
	s->cancel_polling = false;
	s->cancel_due = false;
	loop_timer_set(s->poll, MONO_NEVER);
}

static void session_poll_cancel(struct report *r, bool on)
{
	if (on)
		start_cancel((struct session *)r);
	else
		stop_cancel((struct session *)r);
}

static bool idle(const struct session *s)
{
	return s->lost || (!s->head && !s->flight);
}

static bool session_final_accepted(const struct report *r)
{
	return ((const struct session *)r)->final_accepted;
}

/* ---- calls ---- */

static void session_call(struct report *r, const struct report_call *c)
{
	struct session *s = (struct session *)r;
	struct item **tail = &s->calls;
	struct err why = { 0 };

	if (s->lost) {
		err_set(&why, ERR_AUTH, "the job's token chain is lost");
		c->done(c->data, NULL, &why);
		return;
	}
	while (*tail)
		tail = &(*tail)->next;
	*tail = xcalloc(1, sizeof(**tail));
	(*tail)->kind = ITEM_CALL;
	(*tail)->call = (struct report_call){ .done = c->done, .data = c->data };
	(*tail)->path = xstrdup(c->path);
	(*tail)->body = xstrdup(c->body);
	for (size_t i = 0; c->headers && i < c->headers->n; i++)
		strv_add(&(*tail)->headers, c->headers->v[i]);
	pump(s);
}

static void session_call_cancel(struct report *r, void *data)
{
	struct session *s = (struct session *)r;

	/* it stays in line: it may be in flight, and then its answer brings the next token */
	for (struct item *it = s->calls; it; it = it->next)
		if (it->call.data == data)
			it->call.done = NULL;
}

/* Ends the first call. */
static void end_call(struct session *s, const struct json_value *answer, const struct err *why)
{
	struct item *it = s->calls;
	struct err no_answer = { 0 };

	s->calls = it->next;
	if (!answer && !why) {
		err_set(&no_answer, ERR_PROTO, "the coordinator's answer is no JSON");
		why = &no_answer;
	}
	if (it->call.done)
		it->call.done(it->call.data, answer, why);
	item_free(it);
}

/* ---- choosing what to send ---- */

static void pop_head(struct session *s)
{
	struct item *it = s->head;

	s->head = it->next;
	if (!s->head)
		s->tail = &s->head;
	item_free(it);
}

static bool log_finished(const struct item *it)
{
	return it->spool->closed && spool_pending(it->spool) == 0 && !it->notice;
}

/* Delivered: a job of many steps needs neither the file nor the descriptor any longer. */
static void pop_log(struct session *s)
{
	spool_release(s->head->spool);
	pop_head(s);
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
		end_call(s, NULL, NULL);
	if (s->calls)
		return s->calls;
	while (s->head && s->head->kind == ITEM_LOG && log_finished(s->head))
		pop_log(s);
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

static void on_answer(struct http_exchange *x, void *data);

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
	s->flight = http_start(s->spec.http, &r, on_answer, s, &e);
	if (!s->flight)
		BUG("request to %s: %s", url, e.text);
}

static void lose(struct session *s, const char *why)
{
	struct err lost = { 0 };

	if (s->lost)
		return;
	s->lost = true;
	err_set(&lost, ERR_AUTH, "%s", why);
	while (s->calls)
		end_call(s, NULL, &lost);
	while (s->head)
		pop_head(s);
	stop_cancel(s);
	s->spec.on_lost(s->spec.data, why);
}

static void pump(struct session *s)
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
		lose(s, e.text);
	else
		send_item(s, it);
}

/* ---- judging answers ---- */

static void take_token(struct session *s, const struct json_value *answer, bool expected)
{
	const char *next = json_get_string(answer, "next_token");

	if (job_token_ok(next)) {
		wipe_free(s->token);
		s->token = xstrdup(next);
	} else if (expected) {
		lose(s, "the coordinator's answer carries no usable next_token");
	}
}

/* The chunk in flight is done with. */
static void advance_log(struct session *s, struct item *it)
{
	if (it->notice)
		free_charp(&it->notice);
	else
		spool_ack(it->spool, it->chunk);
	it->chunk = 0;
	it->sent_once = true;
	it->oldest = spool_pending(it->spool) ? loop_now(s->spec.loop) : (struct mono){ 0 };
}

static void cancel_answered(struct session *s, const struct json_value *answer)
{
	s->cancel_due = false;
	if (s->cancel_polling)
		loop_timer_set(s->poll, mono_add(loop_now(s->spec.loop), s->spec.cancel_poll_us));
	if (!json_get_bool(answer, "cancelled", false) || s->cancel_seen)
		return;
	s->cancel_seen = true;
	stop_cancel(s);
	s->spec.on_cancel(s->spec.data);
}

static void apply_answer(struct session *s, struct item *it, const struct json_value *answer)
{
	switch (it->kind) {
	case ITEM_CANCEL_CHECK:
		cancel_answered(s, answer);
		break;
	case ITEM_LOG:
		it->seq++;
		advance_log(s, it);
		break;
	case ITEM_JOB_STATUS:
		s->final_accepted |= it->terminal_job;
		pop_head(s);
		break;
	case ITEM_STEP_STATUS:
		pop_head(s);
		break;
	case ITEM_CALL:
		end_call(s, answer, NULL);
		break;
	}
}

static void accepted(struct session *s, struct item *it, const struct http_result *r)
{
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&r->body), r->body.len, NULL, &e);
	const struct json_value *answer = doc ? json_root(doc) : NULL;
	bool last = it->kind == ITEM_JOB_STATUS && it->terminal_job;

	*it->key = '\0';
	apply_answer(s, it, answer);
	take_token(s, answer, !last); /* at the end: losing the chain drops every item */
}

/* One notice a log, to the operator and in the log itself; no seq was used up. */
static void log_refused(struct session *s, struct item *it, const struct err *why)
{
	size_t lost = it->chunk;

	advance_log(s, it);
	if (it->refused)
		return;
	it->refused = true;
	it->notice =
		xasprintf("%s[shithub] the coordinator refused part of this log, %zu bytes are "
			  "missing here: %s\n",
			it->seq ? "\n" : "", lost, why->text);
	log_warn("session", "log_chunk_refused", F_INT("step", it->step_id), F_ERR(why));
}

/* The coordinator understood and declined: never again with the same content. */
static void refused(struct session *s, struct item *it, const struct err *why)
{
	*it->key = '\0';
	if (it->kind == ITEM_LOG) {
		log_refused(s, it, why);
	} else if (it->kind == ITEM_CANCEL_CHECK) {
		log_warn("session", "cancel_check_refused", F_ERR(why));
		s->cancel_due = false;
	} else if (it->kind == ITEM_CALL) {
		end_call(s, NULL, why);
	} else {
		log_warn("session", "status_refused", F_INT("step", it->step_id), F_ERR(why));
		pop_head(s);
	}
}

/* Certain to have had no effect, so that a cancel check may go first. */
static bool without_effect(const struct http_result *r)
{
	return r->outcome == HTTP_NOT_SENT ||
	       (r->outcome == HTTP_DONE && (r->status == 429 || r->status == 503));
}

static bool worth_repeating(const struct http_result *r)
{
	return r->outcome != HTTP_DONE || r->status == 429 || r->status >= 500;
}

static void settle(struct session *s, const struct http_result *r)
{
	struct item *it = s->flying;
	struct err e = { 0 };

	s->repeat = false;
	if (r->outcome == HTTP_DONE && r->status / 100 == 2) {
		backoff_reset(&s->backoff);
		accepted(s, it, r);
		return;
	}
	http_result_error(r, &e);
	if (r->outcome == HTTP_DONE && r->status == 401) {
		lose(s, e.text);
	} else if (worth_repeating(r)) {
		int64_t wait = backoff_next(&s->backoff, loop_now(s->spec.loop), r->retry_after_us);

		if (backoff_count(&s->backoff) == 1)
			log_warn("session", "call_failed", F_ERR(&e),
				F_INT("retry_ms", wait / 1000));
		s->repeat = !without_effect(r);
		loop_timer_set(s->timer, s->backoff.until);
	} else {
		refused(s, it, &e);
	}
}

static void on_answer(struct http_exchange *x, void *data)
{
	struct session *s = data;

	settle(s, http_result(x)); /* still in flight for whoever calls us back from there */
	s->flight = NULL;
	http_exchange_free(x);
	s->progressed = true;
	pump(s);
}

static int session_flush(struct report *r, struct mono deadline, struct err *e)
{
	struct session *s = (struct session *)r;

	while (!idle(s)) {
		s->progressed = false;
		pump(s);
		if (idle(s))
			break;
		if (loop_wait(s->spec.loop, &s->progressed, deadline, e) < 0)
			return err_wrap(e, "reports not delivered");
	}
	if (s->lost && !s->final_accepted)
		return err_set(e, ERR_AUTH, "the job's token chain is lost");
	return 0;
}

static const struct report_ops session_ops = {
	.job_status = session_job_status,
	.step_status = session_step_status,
	.log = session_log,
	.wake = session_wake,
	.poll_cancel = session_poll_cancel,
	.flush = session_flush,
	.final_accepted = session_final_accepted,
	.call = session_call,
	.call_cancel = session_call_cancel,
	.free = session_free,
};

struct report *session_new(const struct session_spec *spec)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->report.ops = &session_ops;
	s->spec = *spec;
	s->spec.base_url = xstrdup(spec->base_url);
	s->token = xstrdup(spec->token);
	s->spec.token = NULL;
	s->tail = &s->head;
	s->cancel_item.kind = ITEM_CANCEL_CHECK;
	buf_init(&s->raw, LIMIT_LOG_CHUNK);
	buf_init(&s->body, LIMIT_API_BODY);
	backoff_init(&s->backoff, BACKOFF_FIRST_US, BACKOFF_MOST_US);
	s->timer = loop_timer(spec->loop, MONO_NEVER, on_timer, s);
	s->poll = loop_timer(spec->loop, MONO_NEVER, on_poll, s);
	return &s->report;
}
