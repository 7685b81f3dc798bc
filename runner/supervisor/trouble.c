/*
 * The text may change with each look (how full the disk is), so only another kind is news; the next
 * repetition brings the newest text. Between two reports there is a pause, so that a trouble which
 * comes and goes floods nobody.
 */
#include "runner/supervisor/trouble.h"

#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"

#define TIMEOUT_US (10 * USEC_PER_SEC)
#define PAUSE_US (3 * USEC_PER_SEC)

struct trouble_sender {
	struct loop *loop;
	struct http *http;
	char *url, *token;
	struct loop_source *timer;
	struct http_exchange *flight;
	struct trouble now; /* kind NULL: none */
	struct mono sent;
	bool unknown; /* the coordinator does not know this call */
	bool failing; /* said in the log */
};

static char *make_body(const struct trouble *t)
{
	struct buf out = BUF_INIT(KIB(8));
	struct wall now = wall_now();
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_str(&w, "kind", t->kind);
	json_kv_str(&w, "text", t->text);
	json_kv_int(&w, "seconds",
		t->since.us && t->since.us < now.us ? (now.us - t->since.us) / USEC_PER_SEC : 0);
	json_end_object(&w);
	if (json_writer_finish(&w, &e) < 0)
		BUG("trouble body: %s", e.text);
	return buf_take(&out);
}

/* What a coordinator answers to a call that it does not have. */
static bool is_unknown(const struct http_result *r)
{
	return r->outcome == HTTP_DONE &&
	       (r->status == 404 || r->status == 405 || r->status == 501);
}

static void note_unknown(struct trouble_sender *t)
{
	t->unknown = true;
	loop_timer_set(t->timer, MONO_NEVER);
	log_info("supervisor", "trouble_unknown", F_STR("server", t->url),
		F_STR("effect",
			"the coordinator does not know this call and sees a silent runner"));
}

static void note_failure(struct trouble_sender *t, const struct http_result *r)
{
	struct err e = { 0 };

	http_result_error(r, &e);
	if (!t->failing)
		log_warn("supervisor", "trouble_not_reported", F_ERR(&e));
	t->failing = true;
}

static void on_done(struct http_exchange *x, void *data)
{
	struct trouble_sender *t = data;
	const struct http_result *r = http_result(x);

	t->flight = NULL;
	if (is_unknown(r))
		note_unknown(t);
	else if (r->outcome != HTTP_DONE || r->status >= 300)
		note_failure(t, r);
	else
		t->failing = false;
	http_exchange_free(x);
}

static void send_report(struct trouble_sender *t)
{
	CLEAN_STR char *body = make_body(&t->now);
	struct err e = { 0 };
	struct http_request r = { .method = "POST",
		.url = t->url,
		.bearer = t->token,
		.body = body,
		.body_len = strlen(body),
		.timeout_us = TIMEOUT_US };

	t->sent = loop_now(t->loop);
	loop_timer_set(t->timer, mono_add(t->sent, TROUBLE_EVERY_S * USEC_PER_SEC));
	t->flight = http_start(t->http, &r, on_done, t, &e);
	if (!t->flight)
		BUG("trouble report: %s", e.text);
}

static void on_timer(struct loop_source *src, void *data)
{
	struct trouble_sender *t = data;

	if (t->flight)
		loop_timer_set(src, mono_add(loop_now(t->loop), PAUSE_US));
	else
		send_report(t);
}

static void plan(struct trouble_sender *t)
{
	struct mono now = loop_now(t->loop);
	struct mono due = t->sent.us ? mono_add(t->sent, PAUSE_US) : now;

	loop_timer_set(t->timer, due.us > now.us ? due : now);
}

void trouble_report(struct trouble_sender *t, const struct trouble *now)
{
	bool news = !str_eq(t->now.kind, now->kind);

	t->now = *now;
	utf8_repair(t->now.text); /* paths may be any bytes; the wire wants text */
	if (news && !t->unknown)
		plan(t);
}

void trouble_over(struct trouble_sender *t)
{
	if (!t->now.kind)
		return;
	t->now.kind = NULL;
	t->failing = t->unknown = false;
	http_exchange_free(TAKE(t->flight));
	loop_timer_set(t->timer, MONO_NEVER);
}

/* ---- life ---- */

struct trouble_sender *trouble_sender_new(struct loop *l, struct http *h)
{
	struct trouble_sender *t = xcalloc(1, sizeof(*t));

	t->loop = l;
	t->http = h;
	t->timer = loop_timer(l, MONO_NEVER, on_timer, t);
	return t;
}

void trouble_sender_set_self(struct trouble_sender *t, const char *base_url, const char *token)
{
	CLEAN_STR char *url = xasprintf("%s/api/v1/runners/trouble", base_url);

	if (!str_eq(url, t->url))
		trouble_over(t);
	free(t->url);
	wipe_free(t->token);
	t->url = TAKE(url);
	t->token = xstrdup(token);
}

void trouble_sender_free(struct trouble_sender *t)
{
	if (!t)
		return;
	http_exchange_free(t->flight);
	loop_source_unref(&t->timer);
	free(t->url);
	wipe_free(t->token);
	free(t);
}
