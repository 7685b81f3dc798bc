/*
 * Held heartbeats wait in a list, oldest first. app_wake arms one deferred source however often it
 * is called; its callback lets each waiter try. A waiter whose peer has gone is passed over before
 * it could consume a job: its connection is asked right before the claim.
 */
#include "coordinator/claim/claim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fs.h"
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/queue/claim.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/instance/lease.h"
#include "coordinator/store/job.h"
#include "coordinator/store/log.h"
#include "coordinator/queue/report.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/unfold.h"

#define WAKE_US (10 * USEC_PER_MSEC) /* of claims at a time */

struct waiter {
	struct app *app;
	struct httpd_request *request;
	int64_t runner_id;
	char *key; /* Idempotency-Key of the heartbeat, NULL: none */
	struct strv labels;
	struct offer offer; /* of the labels above and the two texts below */
	char *name, *owner;
	struct loop_source *deadline;
	struct waiter *next, **link;
};

/* The times of a runner's last heartbeats, a ring. */
struct heartbeats {
	int64_t runner_id;
	int64_t at_us[HEARTBEATS_PER_MINUTE];
	size_t next;
};

struct waiters {
	struct waiter *first, **last;
	struct loop_source *wake;
	struct loop_source *socket;
	int fd;
	char *socket_path;
	struct heartbeats *heartbeats;
	size_t n_heartbeats;
};

/* ---- claiming ---- */

static int tokens_mint(struct app *a, const struct job_row *job, struct wall now, struct buf *api,
	struct buf *checkout, struct claim_tokens *ret, struct err *e)
{
	struct jwt_claims c = { .runner_id = job->runner_id,
		.job_id = job->id,
		.run_id = job->run_id,
		.repo_id = job->repo_id,
		.returns = job->returns,
		.purpose = PURPOSE_CHECKOUT };

	if (jwt_mint(&a->keys, &c, now, checkout, e) < 0)
		return -1;
	c.purpose = PURPOSE_API;
	if (jwt_mint(&a->keys, &c, now, api, e) < 0)
		return -1;
	*ret = (struct claim_tokens){ buf_cstr(api), buf_cstr(checkout), c.expires_at };
	memcpy(ret->jti, c.jti, sizeof(ret->jti));
	return 0;
}

static int claim_answer(struct app *a, const struct job_row *job, struct wall now, struct buf *out,
	struct claim *ret, struct err *e)
{
	struct buf api = BUF_INIT(LIMIT_TOKEN), checkout = BUF_INIT(LIMIT_TOKEN);
	struct claim_tokens t;
	int rc = tokens_mint(a, job, now, &api, &checkout, &t, e);

	if (rc == 0)
		rc = claim_json(a, job, &t, out, e);
	if (rc == 0) {
		ret->job_id = job->id;
		memcpy(ret->jti, t.jti, sizeof(ret->jti));
	}
	buf_release_wipe(&api);
	buf_release_wipe(&checkout);
	return rc;
}

/* The job would otherwise block every job behind it. */
static int claim_fail(struct app *a, const struct job_row *job, const struct err *why,
	struct wall now, struct err *e)
{
	struct state_report r = { .state = { STATUS_COMPLETED, CONCLUSION_FAILURE } };
	struct state st, run;
	CLEAN_STR char *line = xasprintf("The job could not be handed out: %s\n", why->text);

	log_error("claim", "job_not_handed_out", F_INT("job", job->id), F_ERR(why));
	if (store_log_note(a->store, job->id, line, now, e) < 0)
		return -1;
	return store_job_report(a->store, job->id, &r, now, &st, &run, e);
}

enum try { TRY_ERROR, TRY_NOTHING, TRY_CLAIMED, TRY_JOB_FAILED /* the next may be tried */ };

static enum try claim_once(struct app *a, int64_t runner_id, const struct strv *labels,
	struct buf *out, struct claim *ret, struct err *e)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	struct wall now = wall_now();
	struct err why = { 0 };
	/* Most tries find nothing: check before the write lock is taken, if we have not got it.
	 * The claim joins the transaction, so that a claimed job and its answer stand or fall
	 * together. */
	int rc = store_group_changed(a->store)
			 ? 1
			 : store_job_claimable(a->store, runner_id, labels, now, e);

	if (rc <= 0)
		return rc < 0 ? TRY_ERROR : TRY_NOTHING;
	if (store_begin(a->store, &tx, e) < 0)
		return TRY_ERROR;
	rc = store_job_claim(a->store, runner_id, labels, now, &job, e);
	if (rc <= 0)
		return rc < 0 || store_commit(&tx, e) < 0 ? TRY_ERROR : TRY_NOTHING;
	buf_clear(out);
	bool bad = claim_answer(a, &job, now, out, ret, &why) < 0;
	rc = bad ? claim_fail(a, &job, &why, now, e)
		 : store_claim_made(a->store, job.id, ret->jti, e);
	if (rc < 0 || store_commit(&tx, e) < 0)
		return TRY_ERROR;
	if (bad)
		return TRY_JOB_FAILED;
	metrics_claim(&a->metrics, now.us - job.created_at.us);
	metric_add(&a->metrics, METRIC_JWT_ISSUED, 2);
	log_info("claim", "job_claimed", F_INT("job", job.id), F_INT("run", job.run_id),
		F_INT("runner", runner_id));
	return TRY_CLAIMED;
}

int claim_try(struct app *a, int64_t runner_id, const struct strv *labels, struct buf *out,
	struct claim *ret, struct err *e)
{
	enum try rc;

	do {
		rc = claim_once(a, runner_id, labels, out, ret, e);
	} while (rc == TRY_JOB_FAILED);
	return rc == TRY_ERROR ? -1 : rc == TRY_CLAIMED;
}

/* ---- held heartbeats ---- */

static void waiter_free(struct waiter *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	else
		w->app->waiters->last = w->link;
	httpd_on_close(w->request, NULL, NULL);
	loop_source_unref(&w->deadline);
	strv_release(&w->labels);
	free(w->name);
	free(w->owner);
	free(w->key);
	free(w);
}

static void waiter_end(struct waiter *w)
{
	struct httpd_request *r = w->request;

	waiter_free(w);
	httpd_reply(r, 204, NULL, NULL, 0);
}

/* runner_id 0: of all. */
void claim_release(struct app *a, int64_t runner_id)
{
	for (struct waiter *w = a->waiters ? a->waiters->first : NULL, *next; w; w = next) {
		next = w->next;
		if (!runner_id || w->runner_id == runner_id)
			waiter_end(w);
	}
}

static void on_deadline(struct loop_source *s UNUSED, void *data)
{
	waiter_end(data);
}

static void on_gone(struct httpd_request *r UNUSED, void *data)
{
	waiter_free(data);
}

static void waiter_offer(struct waiter *w, const struct runner_row *r, const struct strv *labels)
{
	strv_each (label, labels)
		strv_add(&w->labels, label);
	w->name = xstrdup(r->name);
	w->owner = xstrdup(r->scope_owner);
	w->offer = (struct offer){ w->name, w->owner, r->scope_repo_id, &w->labels };
}

void claim_wait(struct app *a, struct httpd_request *r, const struct runner_row *runner,
	const struct strv *labels, int64_t seconds)
{
	struct waiters *all = a->waiters;
	struct waiter *w = xcalloc(1, sizeof(*w));

	w->app = a;
	w->request = r;
	w->runner_id = runner->id;
	w->key = xstrdup(httpd_header(r, CLAIM_KEY));
	waiter_offer(w, runner, labels);
	w->deadline = loop_timer(
		a->loop, mono_add(loop_now(a->loop), seconds * USEC_PER_SEC), on_deadline, w);
	w->link = all->last;
	*all->last = w;
	all->last = &w->next;
	httpd_on_close(r, on_gone, w);
	httpd_hold(r);
}

void claim_note(struct app *a, struct httpd_request *r, const struct claim *c)
{
	const char *key = httpd_header(r, CLAIM_KEY);
	struct err e = { 0 };

	if (!str_empty(key) && strlen(key) <= CLAIM_KEY_MAX &&
		store_claim_key_set(a->store, c->job_id, c->jti, key, &e) < 0)
		log_error("claim", "key_not_stored", F_INT("job", c->job_id), F_ERR(&e));
}

/* What the heartbeat with this key brought before, if nobody heard of it since. */
static void claim_of_key_back(struct app *a, int64_t runner_id, const char *key)
{
	CLEAN_STR char *jti = NULL;
	struct claim c = { 0 };
	struct err e = { 0 };
	int rc = store_claim_key_find(a->store, runner_id, key, &c.job_id, &jti, &e);

	if (rc < 0)
		log_error("claim", "return_failed", F_INT("runner", runner_id), F_ERR(&e));
	if (rc <= 0)
		return;
	snprintf(c.jti, sizeof(c.jti), "%s", jti);
	claim_back(a, &c);
}

void claim_repeated(struct app *a, int64_t runner_id, const char *key)
{
	if (str_empty(key))
		return;
	for (struct waiter *w = a->waiters->first, *next; w; w = next) {
		next = w->next;
		if (w->runner_id == runner_id && str_eq(w->key, key))
			waiter_end(w);
	}
	claim_of_key_back(a, runner_id, key);
}

/* True when it got a job. */
static bool waiter_try(struct waiter *w)
{
	struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct err e = { 0 };
	struct httpd_request *r = w->request;
	struct app *a = w->app;
	struct claim claim;

	if (!httpd_alive(r))
		return false; /* its close callback is about to come */
	int64_t runner_id = w->runner_id;
	int rc = claim_try(a, runner_id, &w->labels, &out, &claim, &e);
	if (rc != 0) {
		waiter_free(w);
		if (rc > 0)
			claim_reply(a, r, &claim, &out);
		else
			httpd_reply_err(r, &e);
	}
	buf_release_wipe(&out);
	return rc > 0;
}

static int queue_read_again(struct app *a, struct queue_list *queue)
{
	struct err e = { 0 };

	queue_list_release(queue);
	if (store_queue_heads(a->store, queue, &e) == 0)
		return 0;
	log_error("claim", "wake_failed", F_ERR(&e));
	return -1;
}

/* Legs of jobs whose needs have just ended can be claimed at once. */
static void jobs_unfold(struct app *a)
{
	const struct trigger t = trigger_of(a);
	struct err e = { 0 };
	size_t n;

	if (trigger_unfold(&t, &n, &e) < 0)
		log_warn("claim", "jobs_not_unfolded", F_ERR(&e));
}

/* The queue is read anew after each claim only: of thousands of waiters, most find nothing. Those
 * who are left when the time is up have their turn in the next round: others call meanwhile. */
static void waiters_try(struct app *a)
{
	CLEANUP(queue_list_release) struct queue_list queue = { 0 };
	const struct mono until = mono_add(mono_now(), WAKE_US);

	if (queue_read_again(a, &queue) < 0)
		return;
	for (struct waiter *w = a->waiters->first, *next; w && queue.n; w = next) {
		next = w->next;
		if (!queue_offers(&queue, &w->offer) || !waiter_try(w))
			continue;
		if (mono_diff(mono_now(), until) >= 0)
			return claim_wake(a);
		if (queue_read_again(a, &queue) < 0)
			return;
	}
}

/* All claims of a wake-up are committed together. */
static void on_wake(struct loop_source *s UNUSED, void *data)
{
	struct app *a = data;

	httpd_turn_begin(a->httpd);
	jobs_unfold(a);
	waiters_try(a);
	httpd_turn_end(a->httpd);
}

void claim_wake(struct app *a)
{
	if (a->waiters) /* not when serve is about to end */
		loop_defer_arm(a->waiters->wake);
}

/* The turn that follows at the latest tells them. */
void app_wake(struct app *a)
{
	a->wakes_others = true;
	claim_wake(a);
}

/* ---- other serves ---- */

void claim_release_everywhere(struct app *a, int64_t runner_id)
{
	CLEAN_STR char *word = xasprintf("release %" PRId64, runner_id);
	struct err e = { 0 };

	claim_release(a, runner_id);
	if (store_tell(a->store, word, &e) < 0)
		log_warn("claim", "release_not_told", F_INT("runner", runner_id), F_ERR(&e));
}

/* A newer program may know more words. */
void claim_heard(struct app *a, const char *word)
{
	int64_t runner_id;

	if (!word || str_eq(word, "wake"))
		claim_wake(a);
	else if (str_starts(word, "release ") &&
		 parse_i64(strchr(word, ' ') + 1, 1, INT64_MAX, &runner_id))
		claim_release(a, runner_id);
}

/* ---- the rate of heartbeats ---- */

static struct heartbeats *heartbeats_of(struct waiters *w, int64_t runner_id)
{
	for (size_t i = 0; i < w->n_heartbeats; i++)
		if (w->heartbeats[i].runner_id == runner_id)
			return &w->heartbeats[i];
	w->heartbeats = xrealloc(w->heartbeats, (w->n_heartbeats + 1) * sizeof(*w->heartbeats));
	w->heartbeats[w->n_heartbeats] = (struct heartbeats){ .runner_id = runner_id };
	return &w->heartbeats[w->n_heartbeats++];
}

static int64_t seconds_up(int64_t us)
{
	return (us + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

/* With those that other serves took. Their count is of a minute that stands still, so it refuses
 * none that one serve for itself would let through. */
static int64_t limit_everywhere(const struct runner_row *runner)
{
	int64_t left = runner->beats_since.us + RUNNER_BEATS_US - wall_now().us;

	return runner->beats >= HEARTBEATS_PER_MINUTE && left > 0 && left <= RUNNER_BEATS_US
		       ? seconds_up(left)
		       : 0;
}

int64_t heartbeat_limit(struct app *a, const struct runner_row *runner)
{
	const int64_t minute = 60 * USEC_PER_SEC;
	struct heartbeats *b = heartbeats_of(a->waiters, runner->id);
	int64_t now = loop_now(a->loop).us, oldest = b->at_us[b->next];

	if (oldest && now - oldest < minute)
		return seconds_up(minute - (now - oldest));
	b->at_us[b->next] = now;
	b->next = (b->next + 1) % HEARTBEATS_PER_MINUTE;
	return limit_everywhere(runner);
}

/* ---- the wake socket ---- */

static int wake_address(const char *path, struct sockaddr_un *a, struct err *e)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (snprintf(a->sun_path, sizeof(a->sun_path), "%s", path) >= (int)sizeof(a->sun_path))
		return err_set(e, ERR_INPUT, "%s: longer than a socket's path may be (%zu)", path,
			sizeof(a->sun_path) - 1);
	return 0;
}

static int wake_listen(const char *path, struct err *e)
{
	struct sockaddr_un a;

	if (wake_address(path, &a, e) < 0)
		return -1;
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The data folder's lock is ours: a socket there is a dead one's. */
	if (fd < 0 || (unlink(path) && errno != ENOENT) ||
		bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return err_set_errno(e, errno, "%s", path);
	return TAKE_FD(fd);
}

void wake_send(const char *data_dir)
{
	CLEAN_STR char *path = path_join(data_dir, "wake.sock");
	struct sockaddr_un a;
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || wake_address(path, &a, NULL) < 0)
		return;
	/* A full queue means that a wake-up is pending already. */
	if (sendto(fd, "w", 1, 0, (struct sockaddr *)&a, sizeof(a)) < 0)
		trace("http", "wake: %s: errno %d", path, errno);
}

static void on_socket(struct loop_source *s UNUSED, int fd, uint32_t events UNUSED, void *data)
{
	char byte[16];

	while (recv(fd, byte, sizeof(byte), 0) > 0)
		;
	app_wake(data);
}

/* ---- life ---- */

int waiters_new(struct app *a, struct err *e)
{
	CLEAN_STR char *path = path_join(a->data_dir, "wake.sock");
	int fd = wake_listen(path, e);

	if (fd < 0)
		return -1;
	struct waiters *w = xcalloc(1, sizeof(*w));
	w->last = &w->first;
	w->fd = fd;
	w->socket_path = TAKE(path);
	w->wake = loop_defer(a->loop, on_wake, a);
	w->socket = loop_io(a->loop, fd, EPOLLIN, on_socket, a);
	a->waiters = w;
	return 0;
}

void waiters_free(struct app *a)
{
	struct waiters *w = a->waiters;

	if (!w)
		return;
	for (struct waiter *i = w->first, *next; i; i = next) {
		next = i->next;
		waiter_end(i);
	}
	a->waiters = NULL;
	loop_source_unref(&w->wake);
	loop_source_unref(&w->socket);
	unlink(w->socket_path);
	close(w->fd);
	free(w->socket_path);
	free(w->heartbeats);
	free(w);
}
