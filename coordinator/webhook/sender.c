/*
 * The outbox is asked twice a second, as changes are also made by other processes (admin verbs),
 * and that costs one look into an index. What is noted after an answer need not survive a loss of
 * power, as the change would be sent once more, so its commits wait for no disk and hold the write
 * lock for microseconds. But what cannot be noted at all would be sent again and again, so then
 * everything rests for a while.
 */
#include "coordinator/webhook/sender.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "base/http/http.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/proc.h"
#include "coordinator/instance/instance.h"
#include "coordinator/store/webhook.h"
#include "coordinator/webhook/payload.h"

#define TICK_US (USEC_PER_SEC / 2)
#define PRUNE_US (60 * USEC_PER_SEC)
#define REST_US (10 * USEC_PER_SEC)
#define REQUEST_US (10 * USEC_PER_SEC)
#define CONNECT_US (5 * USEC_PER_SEC)
#define ANSWER_MAX KIB(64)
#define PAUSE_FIRST_US USEC_PER_SEC
#define PAUSE_MAX_US (600 * USEC_PER_SEC)

struct flight {
	struct sender *sender; /* NULL: the place is free */
	struct http_exchange *exchange;
	struct delivery_row delivery;
	struct webhook_row hook;
};

struct sender {
	pthread_t thread;
	int stop_fd;
	char *store_path, *public_url;
	bool pages;
	const struct keys *keys;
	const struct instance *instance;
	/* of the thread */
	int64_t took; /* hooks for this instance; 0: it has none */
	struct loop *loop;
	struct store *store;
	struct http *http;
	struct loop_source *tick, *stop;
	struct mono prune_at, rest_until;
	struct flight flights[SENDER_FLIGHTS];
};

static bool take_next(struct sender *s, const struct webhook_row *hook);

/* ---- the end of a request ---- */

static void flight_end(struct flight *f)
{
	http_exchange_free(TAKE(f->exchange));
	delivery_row_release(&f->delivery);
	webhook_row_release(&f->hook);
	f->sender = NULL;
}

static struct wall next_try(const struct webhook_row *hook, struct wall now)
{
	int64_t pause = PAUSE_FIRST_US;

	for (int64_t i = 0; i < hook->failures && pause < PAUSE_MAX_US; i++)
		pause *= 2;
	if (pause > PAUSE_MAX_US)
		pause = PAUSE_MAX_US;
	return (struct wall){ now.us + pause / 2 + (int64_t)random_below((uint64_t)pause / 2) };
}

/* A receiver whose answer is too long has taken the request. */
static bool is_taken(const struct http_result *r)
{
	return (r->outcome == HTTP_DONE || r->outcome == HTTP_TOO_LARGE) && r->status >= 200 &&
	       r->status < 300;
}

static const char *problem_of(const struct http_result *r, char text[128])
{
	if (is_taken(r))
		return NULL;
	if (r->outcome != HTTP_DONE)
		return r->error;
	snprintf(text, 128, "HTTP %ld%s", r->status,
		r->status >= 300 && r->status < 400 ? ": redirects are not followed" : "");
	return text;
}

static void rest(struct sender *s, const char *event, const struct err *e)
{
	s->rest_until = mono_add(mono_now(), REST_US);
	log_error("webhook", event, F_ERR(e));
}

static int note(struct sender *s, struct flight *f, struct delivery_result *r)
{
	struct err e = { 0 };

	r->id = f->delivery.id;
	r->hook_id = f->hook.id;
	r->now = wall_now();
	r->dead = r->dead ||
		  (!r->delivered && r->answered && f->delivery.attempts + 1 >= WEBHOOK_ANSWERS);
	if (!r->delivered) {
		r->next_at = next_try(&f->hook, r->now);
		log_warn("webhook", r->dead ? "given_up" : "not_delivered",
			F_INT("webhook", f->hook.id), F_INT("delivery", f->delivery.id),
			F_STR("problem", r->problem));
	}
	if (store_delivery_tried(s->store, r, &e) < 0) {
		rest(s, "outcome_not_stored", &e);
		return -1;
	}
	return 0;
}

static void on_answer(struct http_exchange *x, void *data)
{
	struct flight *f = data;
	struct sender *s = f->sender;
	const struct http_result *res = http_result(x);
	char text[128];
	struct delivery_result r = { .delivered = is_taken(res),
		.dead = res->forbidden,
		.answered = res->outcome == HTTP_DONE,
		.answer = res->status,
		.problem = problem_of(res, text) };
	bool noted = note(s, f, &r) == 0;
	struct webhook_row hook = TAKE_VALUE(f->hook, (struct webhook_row){ 0 });

	flight_end(f);
	if (noted && r.delivered && instance_leads(s->instance))
		take_next(s, &hook);
	webhook_row_release(&hook);
}

/* ---- a request ---- */

static int open_secret(
	struct sender *s, const struct webhook_row *hook, struct buf *out, struct err *e)
{
	CLEAN_STR char *context = webhook_context(hook->repo_id, hook->url);

	return unseal(s->keys, context, hook->sealed, hook->sealed_len, out, e);
}

static int request_start(struct flight *f, const char *url, const struct buf *body,
	const struct buf *secret, struct err *e)
{
	CLEANUP(strv_release) struct strv headers = { 0 };
	bool forge = str_eq(f->hook.format, "forge");
	char signature[SIGNATURE_TEXT_MAX];

	if (payload_sign(secret, body, signature, e) < 0)
		return -1;
	strv_addf(&headers, "X-Shithub-Event: %s", f->delivery.event);
	strv_addf(&headers, "X-Shithub-Delivery: %s", f->delivery.guid);
	if (!forge)
		strv_addf(&headers, "X-Hub-Signature-256: %s", signature);
	const struct http_request r = { .method = body->len ? "POST" : "GET",
		.url = url,
		.headers = &headers,
		.bearer = forge ? buf_cstr(secret) : NULL,
		.body = body->len ? buf_cstr(body) : NULL,
		.body_len = body->len,
		.guarded = f->hook.public_only,
		.connect_timeout_us = CONNECT_US,
		.timeout_us = REQUEST_US,
		.max_answer = ANSWER_MAX };
	f->exchange = http_start(f->sender->http, &r, on_answer, f, e);
	return f->exchange ? 0 : -1;
}

/* 1 sent, 0 there is nothing to say, -1. */
static int flight_start(struct flight *f, struct err *e)
{
	struct sender *s = f->sender;
	struct buf secret = BUF_INIT_SECRET(WEBHOOK_SECRET_MAX + 64);
	CLEAN_BUF struct buf body = BUF_INIT(PAYLOAD_MAX);
	CLEAN_STR char *url = NULL;
	const struct payload_links links = { s->public_url, s->pages };
	int rc = payload_write(s->store, &f->hook, &f->delivery, &links, &body, &url, e);

	if (rc > 0)
		rc = open_secret(s, &f->hook, &secret, e);
	else if (rc == 0)
		return 0;
	if (rc == 0)
		rc = request_start(f, url, &body, &secret, e);
	buf_release_wipe(&secret);
	return rc < 0 ? -1 : 1;
}

static struct flight *flight_free(struct sender *s, int64_t hook_id)
{
	struct flight *free_one = NULL;

	for (size_t i = 0; i < SENDER_FLIGHTS; i++) {
		if (s->flights[i].sender && s->flights[i].hook.id == hook_id)
			return NULL;
		if (!s->flights[i].sender && !free_one)
			free_one = &s->flights[i];
	}
	return free_one;
}

/* What can never be sent is given up at once (its run is gone, the URL is none); what says nothing
 * counts as delivered. True when it is settled; anything else waits for its next try, as if it had
 * been sent and refused. */
static bool settle_unsent(struct flight *f, int rc, const struct err *e)
{
	struct delivery_result r = { .delivered = rc == 0,
		.dead = rc < 0 && (err_is(e, ERR_NOT_FOUND) || err_is(e, ERR_INPUT)),
		.problem = rc < 0 ? e->text : NULL };
	bool noted = note(f->sender, f, &r) == 0;

	flight_end(f);
	return noted && (r.delivered || r.dead);
}

/* One serve sends to a hook: two that both think they lead would send everything twice. */
static int hook_take(struct sender *s, const struct webhook_row *hook, struct err *e)
{
	int64_t me = instance_id(s->instance);

	if (me && hook->sender == me)
		return 1;
	s->took = me;
	return store_webhook_take(s->store, hook->id, me, e);
}

/* 1 a request is under way, 0 nothing can be sent now, -1; 2: one was settled without a request. */
static int hook_step(struct sender *s, struct flight *f, int64_t hook_id, struct err *e)
{
	int rc = store_delivery_next(s->store, hook_id, &f->delivery, e);

	if (rc <= 0)
		return rc;
	if (store_webhook_get(s->store, hook_id, &f->hook, e) < 0) {
		delivery_row_release(&f->delivery);
		return -1;
	}
	rc = hook_take(s, &f->hook, e);
	if (rc <= 0) {
		delivery_row_release(&f->delivery);
		webhook_row_release(&f->hook);
		return rc;
	}
	f->sender = s;
	rc = flight_start(f, e);
	return rc > 0 ? 1 : settle_unsent(f, rc, e) ? 2 : 0;
}

/* False: no place is free. */
static bool take_next(struct sender *s, const struct webhook_row *hook)
{
	struct flight *f = flight_free(s, hook->id);
	struct err e = { 0 };
	int rc = 0;

	for (int i = 0; f && i < 100; i++) {
		err_clear(&e);
		rc = hook_step(s, f, hook->id, &e);
		if (rc != 2)
			break;
	}
	if (rc < 0 && !err_is(&e, ERR_NOT_FOUND)) /* else the hook was deleted just now */
		rest(s, "outbox_not_read", &e);
	return f != NULL;
}

/* ---- the thread ---- */

static bool is_resting(const struct sender *s)
{
	return mono_diff(s->rest_until, mono_now()) > 0;
}

static int tick_work(struct sender *s, struct err *e)
{
	CLEANUP(webhook_list_release) struct webhook_list due = { 0 };
	struct wall now = wall_now();

	if (store_webhook_due(s->store, now, &due, e) < 0)
		return -1;
	for (size_t i = 0; i < due.n && !is_resting(s); i++) {
		if (!flight_free(s, due.v[i].id))
			continue;
		if (store_deliveries_give_up(s->store, due.v[i].id, now, e) < 0)
			return -1;
		take_next(s, &due.v[i]);
	}
	if (mono_diff(s->prune_at, mono_now()) > 0)
		return 0;
	s->prune_at = mono_add(mono_now(), PRUNE_US);
	return store_deliveries_prune(s->store, now, e);
}

static bool is_sending(const struct sender *s)
{
	bool any = false;

	for (size_t i = 0; i < SENDER_FLIGHTS; i++)
		any |= s->flights[i].sender != NULL;
	return any;
}

/* Another serve leads now: it may send when nothing of ours is under way. */
static int hooks_leave(struct sender *s, struct err *e)
{
	if (!s->took || is_sending(s))
		return 0;
	if (store_webhooks_free(s->store, s->took, e) < 0)
		return -1;
	s->took = 0;
	return 0;
}

static void on_tick(struct loop_source *source, void *data)
{
	struct sender *s = data;
	struct err e = { 0 };

	if (!is_resting(s) &&
		(instance_leads(s->instance) ? tick_work(s, &e) : hooks_leave(s, &e)) < 0)
		rest(s, "outbox_not_read", &e);
	loop_timer_set(source, mono_add(mono_now(), TICK_US));
}

static void on_stop(
	struct loop_source *source UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct sender *s = data;

	loop_stop(s->loop, 0);
}

/* Nobody reads it: it stays readable. */
static bool is_stopping(void *data)
{
	const struct sender *s = data;
	struct pollfd stop = { .fd = s->stop_fd, .events = POLLIN };

	return poll(&stop, 1, 0) > 0;
}

static int thread_open(struct sender *s, struct err *e)
{
	const struct http_config c = { .user_agent = "shithubd/" PROJECT_VERSION };

	s->store = store_open(s->store_path, e);
	if (!s->store || store_sync_later(s->store, e) < 0)
		return -1;
	store_wait_ends(s->store, is_stopping, s);
	s->loop = loop_new(e);
	if (!s->loop)
		return -1;
	s->http = http_new(s->loop, &c, e);
	if (!s->http)
		return -1;
	s->tick = loop_timer(s->loop, mono_now(), on_tick, s);
	s->stop = loop_io(s->loop, s->stop_fd, EPOLLIN, on_stop, s);
	return 0;
}

static void thread_close(struct sender *s)
{
	for (size_t i = 0; i < SENDER_FLIGHTS; i++)
		if (s->flights[i].sender)
			flight_end(&s->flights[i]);
	loop_source_unref(&s->tick);
	loop_source_unref(&s->stop);
	http_free(s->http);
	loop_free(s->loop);
	store_free(s->store);
}

static void *thread_main(void *data)
{
	struct sender *s = data;
	struct err e = { 0 };

	if (thread_open(s, &e) < 0 || loop_run(s->loop, &e) < 0)
		log_error("webhook", "sender_ended", F_ERR(&e),
			F_STR("effect", "no webhook is sent until serve is started again"));
	thread_close(s);
	return NULL;
}

struct sender *sender_start(const struct sender_config *c, struct err *e)
{
	struct sender *s = xcalloc(1, sizeof(*s));

	*s = (struct sender){ .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.store_path = xstrdup(c->store_path),
		.public_url = xstrdup(c->public_url),
		.pages = c->pages,
		.keys = c->keys,
		.instance = c->instance };
	int rc = s->stop_fd < 0 ? err_set_errno(e, errno, "eventfd")
				: thread_start(&s->thread, thread_main, s, "webhook thread", e);
	if (rc == 0)
		return s;
	close_fdp(&s->stop_fd);
	free(s->store_path);
	free(s->public_url);
	free(s);
	return NULL;
}

void sender_stop(struct sender *s)
{
	uint64_t one = 1;

	if (!s)
		return;
	IGNORE_RESULT(write(s->stop_fd, &one, sizeof(one)), "a counter of one byte has room");
	pthread_join(s->thread, NULL);
	close_fdp(&s->stop_fd);
	free(s->store_path);
	free(s->public_url);
	free(s);
}
