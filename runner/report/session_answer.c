/*
 * What an answer means to a session: the next token, the end of an item, a repeat, the chain's end.
 * The question is always whether the call had its effect: only an answer that says so for certain
 * moves the chain on; after any other one the same call goes out again with the same key.
 */
#include "runner/report/session_private.h"

#include "base/json.h"
#include "base/log.h"
#include "runner/claim/identity.h"

void session_lose(struct session *s, const char *why)
{
	struct err lost = { 0 };

	if (s->lost)
		return;
	s->lost = true;
	err_set(&lost, ERR_AUTH, "%s", why);
	while (s->calls)
		session_end_call(s, NULL, &lost);
	while (s->head)
		session_pop_head(s);
	session_stop_cancel(s);
	session_keep_state(s, NULL);
	s->spec.on_lost(s->spec.data, why);
}

static bool is_last(const struct item *it)
{
	return it->kind == ITEM_JOB_STATUS && it->terminal;
}

/* Whether the coordinator itself wrote this: a proxy or a login page in between answers 200 as
 * well, and then nobody knows what became of the call. */
static bool answers_call(const struct item *it, const struct json_value *answer)
{
	if (is_last(it))
		return json_get_string(answer, "status") != NULL;
	return job_token_ok(json_get_string(answer, "next_token"));
}

static void take_token(struct session *s, const struct json_value *answer)
{
	const char *next = json_get_string(answer, "next_token");

	if (!job_token_ok(next)) /* after the last call */
		return;
	wipe_free(s->token);
	s->token = xstrdup(next);
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

/* One that has a word for force may say later that nothing is to go on. */
static void cancel_answered(struct session *s, const struct json_value *answer)
{
	const struct json_value *force = json_get(answer, "force");
	bool forced = json_get_bool(answer, "force", false);

	s->cancel_due = false;
	if (s->cancel_polling)
		loop_timer_set(s->poll, mono_add(loop_now(s->spec.loop), s->spec.cancel_poll_us));
	if (!json_get_bool(answer, "cancelled", false) || (s->cancel_seen && !forced))
		return;
	s->cancel_seen = true;
	if (!force || forced)
		session_stop_cancel(s);
	s->spec.on_cancel(s->spec.data, json_get_string(answer, "reason"), forced);
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
		s->final_accepted |= it->terminal;
		session_pop_head(s);
		break;
	case ITEM_STEP_STATUS:
		session_pop_head(s);
		break;
	case ITEM_CALL:
		session_end_call(s, answer, NULL);
		break;
	}
}

static void accepted(struct session *s, struct item *it, const struct json_value *answer)
{
	backoff_reset(&s->backoff);
	*it->key = '\0';
	take_token(s, answer);
	apply_answer(s, it, answer);
	session_keep_state(s, NULL);
}

/* The same call again, later. repeat: it may have had its effect, so nothing else may go first. */
static void try_again(struct session *s, bool repeat, int64_t retry_after_us, const struct err *why)
{
	int64_t wait = backoff_next(&s->backoff, loop_now(s->spec.loop), retry_after_us);

	if (backoff_count(&s->backoff) == 1)
		log_warn("session", "call_failed", F_ERR(why), F_INT("retry_ms", wait / 1000));
	s->repeat = repeat;
	loop_timer_set(s->timer, s->backoff.until);
}

/* 2xx */
static void succeeded(struct session *s, struct item *it, const struct http_result *r)
{
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(buf_cstr(&r->body), r->body.len, NULL, &e);
	const struct json_value *answer = doc ? json_root(doc) : NULL;

	if (answers_call(it, answer)) {
		accepted(s, it, answer);
		return;
	}
	err_clear(&e);
	err_set(&e, ERR_PROTO, "HTTP %ld without the coordinator's answer (%s)", r->status,
		is_last(it) ? "no status" : "no usable next_token");
	try_again(s, true, -1, &e);
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
		session_end_call(s, NULL, why);
	} else {
		log_warn("session", "status_refused", F_INT("step", it->step_id), F_ERR(why));
		session_pop_head(s);
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
		succeeded(s, it, r);
		return;
	}
	http_result_error(r, &e);
	if (r->outcome == HTTP_DONE && r->status == 401) {
		session_lose(s, e.text);
	} else if (worth_repeating(r)) {
		try_again(s, !without_effect(r), r->retry_after_us, &e);
	} else {
		refused(s, it, &e);
		session_keep_state(s, NULL);
	}
}

void session_on_answer(struct http_exchange *x, void *data)
{
	struct session *s = data;

	settle(s, http_result(x)); /* still in flight for whoever calls us back from there */
	s->flight = NULL;
	http_exchange_free(x);
	s->progressed = true;
	session_pump(s);
}
