/*
 * A call is sequential code on a loop of its own, whatever thread it runs on. Nobody outside can
 * end its wait but through a flag, which it asks a few times a second.
 */
#include "coordinator/object/s3_request.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "base/codec.h"
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/object/key.h"
#include "coordinator/object/s3_answer.h"

#define FIRST_PAUSE_US (USEC_PER_SEC / 4)
#define LONGEST_PAUSE_US (8 * USEC_PER_SEC)
#define STALL_US (20 * USEC_PER_SEC)
#define CONNECT_US (5 * USEC_PER_SEC)
#define SLICE_US (USEC_PER_SEC / 5)
#define ANSWER_MAX MIB(4)
enum { CLIENTS_IDLE_MAX = 8, URL_MAX = 8192 };

struct client {
	struct client *next;
	struct loop *loop;
	struct http *http;
};

struct s3 {
	struct bucket bucket;
	struct sign_keys keys;
	char *ca_file, *signer; /* aws:amz:REGION:s3 */
	atomic_int_least64_t patience_us;
	atomic_bool stop;
	pthread_mutex_t lock;
	struct client *idle;
	size_t n_idle;
};

struct s3 *s3_new(struct s3_config *c)
{
	struct s3 *s = xcalloc(1, sizeof(*s));

	s->bucket = TAKE_VALUE(c->bucket, (struct bucket){ 0 });
	s->keys = TAKE_VALUE(c->keys, (struct sign_keys){ 0 });
	s->ca_file = c->ca_file ? xstrdup(c->ca_file) : NULL;
	s->signer = xasprintf("aws:amz:%s:s3", s->bucket.region);
	s->patience_us = c->patience_us;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

const struct bucket *s3_bucket(const struct s3 *s)
{
	return &s->bucket;
}

const struct sign_keys *s3_keys(const struct s3 *s)
{
	return &s->keys;
}

void s3_patience(struct s3 *s, int64_t us)
{
	s->patience_us = us;
}

void s3_stop(struct s3 *s)
{
	s->stop = true;
}

/* ---- clients ---- */

static void client_free(struct client *c)
{
	http_free(c->http);
	loop_free(c->loop);
	free(c);
}

void s3_free(struct s3 *s)
{
	if (!s)
		return;
	while (s->idle) {
		struct client *c = s->idle;

		s->idle = c->next;
		client_free(c);
	}
	pthread_mutex_destroy(&s->lock);
	bucket_release(&s->bucket);
	sign_keys_release(&s->keys);
	free(s->ca_file);
	free(s->signer);
	free(s);
}

static struct client *client_new(const struct s3 *s, struct err *e)
{
	struct client *c = xcalloc(1, sizeof(*c));
	const struct http_config config = { .user_agent = "shithubd", .ca_file = s->ca_file };

	c->loop = loop_new(e);
	c->http = c->loop ? http_new(c->loop, &config, e) : NULL;
	if (c->http)
		return c;
	client_free(c);
	return NULL;
}

static struct client *client_take(struct s3 *s, struct err *e)
{
	pthread_mutex_lock(&s->lock);
	struct client *c = s->idle;
	if (c) {
		s->idle = c->next;
		s->n_idle--;
	}
	pthread_mutex_unlock(&s->lock);
	return c ? c : client_new(s, e);
}

static void client_give(struct s3 *s, struct client *c)
{
	pthread_mutex_lock(&s->lock);
	bool keep = s->n_idle < CLIENTS_IDLE_MAX;
	if (keep) {
		c->next = s->idle;
		s->idle = c;
		s->n_idle++;
	}
	pthread_mutex_unlock(&s->lock);
	if (!keep)
		client_free(c);
}

/* ---- one try ---- */

static void url_write(const struct s3 *s, const struct s3_call *c, struct buf *out)
{
	buf_adds(out, s->bucket.origin);
	if (c->key) {
		buf_adds(out, s->bucket.root);
		sign_encode(out, c->key, true);
	} else {
		buf_adds(out, s->bucket.base);
	}
	if (c->n_query) {
		buf_addc(out, '?');
		sign_query(out, c->query, c->n_query);
	}
}

static void headers_write(const struct s3 *s, const struct s3_call *c, struct strv *out)
{
	unsigned char sha[SHA256_LEN];
	char hex[SHA256_HEX_MAX];

	if (!c->sha) {
		sha256(c->text ? c->text : "", c->text ? strlen(c->text) : 0, sha);
		hex_encode(sha, sizeof(sha), hex);
	}
	strv_addf(out, "x-amz-content-sha256: %s", c->sha ? c->sha : hex);
	if (s->keys.token)
		strv_addf(out, "x-amz-security-token: %s", s->keys.token);
	for (size_t i = 0; c->headers && i < c->headers->n; i++)
		strv_add(out, c->headers->v[i]);
}

static int cancelled(const struct s3 *s, struct err *e)
{
	return err_set(
		e, ERR_CANCELLED, s->stop ? "the program ends" : "nobody waits for it any more");
}

static bool in_vain(const struct s3 *s, const struct s3_call *c)
{
	return s->stop || (c->gone && *c->gone);
}

/* Waits for flag until then, or until nobody wants the call any more. */
static int wait_for(const struct s3 *s, struct client *client, const struct s3_call *c,
	const bool *flag, struct mono until)
{
	struct err unused = { 0 };

	while (!*flag && !in_vain(s, c) && mono_now().us < until.us) {
		struct mono slice = mono_add(mono_now(), SLICE_US);

		IGNORE_RESULT(
			loop_wait(client->loop, flag, slice.us < until.us ? slice : until, &unused),
			"the flag says it");
	}
	return in_vain(s, c) ? -1 : 0;
}

static void on_done(struct http_exchange *x UNUSED, void *data)
{
	*(bool *)data = true;
}

static int refused(
	struct s3 *s, const struct s3_call *c, const struct http_result *r, struct err *e)
{
	const struct s3_refusal why = { .status = r->status,
		.body = { buf_cstr(&r->body), r->body.len },
		.date = http_header(r, "date"),
		.region = http_header(r, "x-amz-bucket-region"),
		.method = c->method,
		.now = wall_now() };

	return s3_refusal_error(&why, &s->bucket, e);
}

static int answer_judge(
	struct s3 *s, const struct s3_call *c, const struct http_result *r, struct err *e)
{
	if (r->outcome == HTTP_DONE && r->status / 100 == 2)
		return c->take ? c->take(c->data, r, e) : 0;
	if (r->outcome == HTTP_DONE)
		return refused(s, c, r, e);
	if (r->outcome == HTTP_ABORTED || r->outcome == HTTP_TOO_LARGE)
		return err_set(e, ERR_IO, "%s: %s", s->bucket.origin, r->error);
	return err_set(e, ERR_TIMEOUT,
		"%s does not answer: %s; check endpoint= in objects, the way to it, and for https "
		"its authority (objects.ca_file)",
		s->bucket.origin, r->error);
}

/* 0 would be no limit. */
static int64_t time_left(struct mono end)
{
	int64_t us = mono_diff(end, mono_now());

	return us > 0 ? us : 1;
}

static int try_once(struct s3 *s, struct client *client, const struct s3_call *c, struct mono end,
	struct err *e)
{
	CLEAN_BUF struct buf url = BUF_INIT(URL_MAX);
	CLEANUP(strv_release) struct strv headers = { 0 };
	bool done = false;

	url_write(s, c, &url);
	headers_write(s, c, &headers);
	const struct http_request r = { .method = c->method,
		.url = buf_cstr(&url),
		.headers = &headers,
		.user = s->keys.id,
		.password = s->keys.secret,
		.sigv4 = s->signer,
		.body = c->text,
		.body_fd = c->fd,
		.body_from = c->from,
		.body_len = c->fd     ? c->len
			    : c->text ? strlen(c->text)
				      : 0,
		.content_type = "application/octet-stream",
		.connect_timeout_us = CONNECT_US,
		.stall_us = STALL_US,
		.timeout_us = c->deadline_us ? time_left(end) : 0,
		.max_answer = ANSWER_MAX,
		.on_body = c->on_body,
		.data = c->data };
	if (c->before && c->before(c->data, e) < 0)
		return -1;
	CLEAN_EXCHANGE struct http_exchange *x = http_start(client->http, &r, on_done, &done, e);
	if (!x)
		return -1;
	return wait_for(s, client, c, &done, MONO_NEVER) < 0
		       ? cancelled(s, e)
		       : answer_judge(s, c, http_result(x), e);
}

/* ---- all of them ---- */

static bool go_on(const struct s3 *s, struct client *client, const struct s3_call *c,
	struct backoff *pause, struct mono end)
{
	const bool never = false;
	int64_t us = backoff_next(pause, mono_now(), -1);
	struct mono until = mono_add(mono_now(), us);

	return until.us < end.us && wait_for(s, client, c, &never, until) == 0;
}

static int tries(struct s3 *s, struct client *client, const struct s3_call *c, struct err *e)
{
	int64_t patience = c->deadline_us ? c->deadline_us : s->patience_us;
	struct mono end = mono_add(mono_now(), patience);
	struct backoff pause;

	backoff_init(&pause, FIRST_PAUSE_US, LONGEST_PAUSE_US);
	for (;;) {
		int rc = try_once(s, client, c, end, e);

		if (rc == 0 || !err_is(e, ERR_TIMEOUT) || !go_on(s, client, c, &pause, end))
			return rc;
		log_debug("objects", "try_again", F_STR("method", c->method), F_ERR(e));
		err_clear(e);
	}
}

int s3_request(struct s3 *s, const struct s3_call *c, struct err *e)
{
	struct err own = { 0 };

	if (c->key && key_check(c->key, e) < 0)
		return -1;
	struct client *client = client_take(s, e);
	if (!client)
		return -1;
	int rc = tries(s, client, c, &own);
	client_give(s, client);
	if (rc < 0 && e)
		*e = own;
	return rc;
}
