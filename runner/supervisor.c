/*
 * See supervisor.h. Everything happens in loop callbacks: an answer to a heartbeat, a slot that is
 * over, a signal, the pace timer. decide() is called after each of them and is the only place that
 * sends heartbeats, starts slots and stops the loop.
 */
#include "runner/supervisor.h"

#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#include "base/backoff.h"
#include "base/exits.h"
#include "base/http.h"
#include "base/log.h"
#include "engine/step_box.h"
#include "runner/heartbeat.h"
#include "runner/orphans.h"
#include "runner/slot.h"
#include "state/state_dir.h"

#define CLAIM_WAIT_S 25 /* Prefer: wait */
/* The service allows 60 heartbeats a minute: a few at once, then one in little over a second. */
#define BEAT_BURST 5
#define BEAT_REFILL_US (1100 * USEC_PER_MSEC)
#define BACKOFF_FIRST_US (1 * USEC_PER_SEC)
#define BACKOFF_MOST_US (60 * USEC_PER_SEC)
/* Claims may be large, so those that nobody asked for are not collected without end. */
enum { SLOTS_MAX = 64, WAITING_MOST = 4 };

/* A claim that came while every slot was taken: it is ours, so it waits here and is never refused.
 */
struct waiting_claim {
	struct waiting_claim *next;
	struct buf bytes;
	bool cut;
};

struct supervisor {
	struct supervisor_spec spec;
	struct loop *loop;
	struct http *http;
	struct state_dir state;
	struct heartbeat *heartbeat;
	struct backoff backoff;
	struct mono next_beat, beat_credit; /* credit: when the allowance is full again */
	struct loop_source *pace, *work, *term, *intr;
	struct slot *slots[SLOTS_MAX];
	size_t n_slots;
	struct waiting_claim *waiting;
	size_t n_waiting;
	bool beat_for_work; /* what the heartbeat in flight asked for */
	bool ready; /* orphans are gone; before that no slot starts, or its containers would go too
		     */
	bool claimed_once, draining, cancelling, stopped;
	bool token_refused; /* drains like a stop signal, ends with another exit code */
	int64_t jobs_done;
};

static void decide(struct supervisor *s);

static void on_pace(struct loop_source *src, void *data)
{
	(void)src;
	decide(data);
}

static void on_work(struct loop_source *src, void *data)
{
	(void)src;
	decide(data);
}

static void wake(void *data)
{
	struct supervisor *s = data;

	loop_defer_arm(s->work);
}

/* ---- slots ---- */

static void reap_slots(struct supervisor *s)
{
	for (size_t i = 0; i < s->n_slots;) {
		struct slot *slot = s->slots[i];

		if (!slot_over(slot)) {
			i++;
			continue;
		}
		log_info("supervisor", "job_over", F_INT("job", slot_job_id(slot)),
			F_STR("conclusion", slot_conclusion(slot)));
		s->slots[i] = s->slots[--s->n_slots];
		s->next_beat = loop_now(s->loop); /* a slot is free: ask for work now */
		s->jobs_done++;
		slot_free(slot);
	}
}

static bool slot_has_job(const struct supervisor *s, int64_t job)
{
	for (size_t i = 0; i < s->n_slots; i++)
		if (slot_job_id(s->slots[i]) == job)
			return true;
	return false;
}

static void start_slot(struct supervisor *s, const struct waiting_claim *w)
{
	struct slice claim = buf_slice(&w->bytes);
	struct slot_owner owner = { .loop = s->loop,
		.config = s->spec.config,
		.job_env = s->spec.job_env,
		.on_over = wake,
		.data = s };
	struct claim_identity id;
	struct slot *slot = NULL;
	struct err e = { 0 };

	claim_identity_scan(claim.ptr, claim.len, &id);
	if (!id.token || id.job_id <= 0) {
		log_error("supervisor", "claim_unusable", F_INT("bytes", (int64_t)claim.len),
			F_STR("error",
				"the claim names no job.id or token, so it cannot be reported"));
		backoff_next(&s->backoff, loop_now(s->loop), -1);
	} else if (slot_has_job(s, id.job_id)) {
		log_error("supervisor", "claim_twice", F_INT("job", id.job_id));
	} else {
		log_info("supervisor", "job_claimed", F_INT("job", id.job_id),
			F_INT("run", id.run_id));
		slot = slot_start(&owner, &id, claim, w->cut, &e);
		if (!slot)
			log_error("supervisor", "job_start", F_ERR(&e));
	}
	claim_identity_release(&id);
	if (slot) {
		s->slots[s->n_slots++] = slot;
		s->claimed_once = true;
	}
}

static size_t free_slots(const struct supervisor *s)
{
	return (size_t)s->spec.config->runner.capacity - s->n_slots;
}

static void start_waiting(struct supervisor *s)
{
	while (s->ready && s->waiting && free_slots(s) > 0) {
		struct waiting_claim *w = s->waiting;

		s->waiting = w->next;
		s->n_waiting--;
		start_slot(s, w);
		buf_release_wipe(&w->bytes);
		free(w);
	}
}

static void keep_claim(struct supervisor *s, struct slice claim, bool cut)
{
	struct waiting_claim *w = xcalloc(1, sizeof(*w)), **tail = &s->waiting;

	w->cut = cut;
	buf_init(&w->bytes, claim.len + 1);
	if (buf_add(&w->bytes, claim.ptr, claim.len) < 0)
		BUG("claim of %zu bytes", claim.len);
	while (*tail)
		tail = &(*tail)->next;
	*tail = w;
	if (++s->n_waiting == WAITING_MOST)
		log_warn("supervisor", "claims_unasked", F_INT("waiting", (int64_t)s->n_waiting),
			F_STR("effect", "no heartbeats until one of them has a slot"));
}

/* ---- heartbeats ---- */

static void stop(struct supervisor *s, int code)
{
	if (s->stopped)
		return;
	s->stopped = true;
	loop_stop(s->loop, code);
}

static void refused(struct supervisor *s, const char *reason)
{
	log_error("supervisor", "token_refused", F_STR("error", reason),
		F_STR("remedy", "register the runner again or rotate its token, then put the new "
				"token into runner.token"));
	s->draining = s->token_refused = true;
}

static void failed(struct supervisor *s, const struct heartbeat_answer *a)
{
	int64_t wait = backoff_next(&s->backoff, loop_now(s->loop), a->retry_after_us);

	if (backoff_count(&s->backoff) == 1 || a->kind == HEARTBEAT_LIMITED)
		log_warn("supervisor",
			a->kind == HEARTBEAT_LIMITED ? "heartbeat_limited" : "heartbeat_failed",
			F_STR("error", a->reason), F_INT("retry_ms", wait / USEC_PER_MSEC));
	s->next_beat = s->backoff.until;
}

static bool wants_work(const struct supervisor *s)
{
	return !s->draining && !s->waiting && free_slots(s) > 0 &&
	       !(s->spec.once && s->claimed_once);
}

static void answered(struct supervisor *s, const struct heartbeat_answer *a)
{
	struct mono now = loop_now(s->loop);
	bool again;

	if (backoff_count(&s->backoff) > 0)
		log_info("supervisor", "heartbeat_restored",
			F_INT("failures", backoff_count(&s->backoff)));
	backoff_reset(&s->backoff);
	/* a coordinator that held the request wants the next at once, another one is polled; so
	 * does a slot that became free while a mere sign of life was on its way */
	again = a->kind == HEARTBEAT_CLAIM || a->held || (!s->beat_for_work && wants_work(s));
	s->next_beat = again ? now : mono_add(now, s->spec.config->runner.poll_interval_us);
	if (a->kind == HEARTBEAT_CLAIM)
		keep_claim(s, a->claim, a->cut);
}

static void on_answer(void *data, const struct heartbeat_answer *a)
{
	struct supervisor *s = data;

	if (a->kind == HEARTBEAT_REFUSED)
		refused(s, a->reason);
	else if (a->kind == HEARTBEAT_FAILED || a->kind == HEARTBEAT_LIMITED)
		failed(s, a);
	else
		answered(s, a);
	wake(s);
}

/* When the allowance permits the next heartbeat, and the account of one that is sent now. */
static struct mono beat_allowed(const struct supervisor *s)
{
	return (struct mono){ s->beat_credit.us - (BEAT_BURST - 1) * BEAT_REFILL_US };
}

static void beat_spend(struct supervisor *s, struct mono now)
{
	if (s->beat_credit.us < now.us)
		s->beat_credit = now;
	s->beat_credit = mono_add(s->beat_credit, BEAT_REFILL_US);
}

/* While all slots are taken, heartbeats only say that we live, at the poll interval. A coordinator
 * that answers those with claims hears nothing more until the slots have caught up. */
static void beat(struct supervisor *s)
{
	struct mono now = loop_now(s->loop);
	bool work = wants_work(s);

	if (heartbeat_in_flight(s->heartbeat) || s->stopped)
		return;
	if (!work && (s->draining || s->n_waiting >= WAITING_MOST))
		return;
	if (s->backoff.until.us > s->next_beat.us)
		s->next_beat = s->backoff.until;
	if (beat_allowed(s).us > s->next_beat.us)
		s->next_beat = beat_allowed(s);
	if (s->next_beat.us > now.us) {
		loop_timer_set(s->pace, s->next_beat);
		return;
	}
	if (!work && s->spec.once)
		return;
	beat_spend(s, now);
	s->beat_for_work = work;
	heartbeat_send(s->heartbeat, work ? CLAIM_WAIT_S : 0);
	if (!work)
		s->next_beat = mono_add(now, s->spec.config->runner.poll_interval_us);
}

static void tell_systemd(const struct supervisor *s)
{
	sd_notifyf(0, "STATUS=%s, %zu of %" PRId64 " slots busy, %" PRId64 " jobs done",
		s->draining ? "draining" : "claiming", s->n_slots, s->spec.config->runner.capacity,
		s->jobs_done);
}

static void decide(struct supervisor *s)
{
	reap_slots(s);
	start_waiting(s);
	tell_systemd(s);
	if (s->n_slots == 0 && !s->waiting && (s->draining || (s->spec.once && s->claimed_once)))
		stop(s, s->token_refused ? EXIT_REFUSED : EXIT_OK);
	else
		beat(s);
}

/* ---- signals ---- */

static void on_stop_signal(struct loop_source *src, const struct signalfd_siginfo *si, void *data)
{
	struct supervisor *s = data;

	(void)src;
	if (!s->draining) {
		log_info("supervisor", "draining", F_INT("signal", si->ssi_signo),
			F_INT("jobs", (int64_t)s->n_slots));
		s->draining = true;
		sd_notify(0, "STOPPING=1");
		heartbeat_abort(s->heartbeat);
	} else if (!s->cancelling) {
		log_warn("supervisor", "cancelling", F_INT("jobs", (int64_t)s->n_slots));
		s->cancelling = true;
		for (size_t i = 0; i < s->n_slots; i++)
			slot_cancel(s->slots[i]);
	}
	wake(s);
}

/* ---- life ---- */

static int setup(struct supervisor *s, struct err *e)
{
	const struct runner_config *c = s->spec.config;
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION,
		.ca_file = c->server.ca_file };

	if (state_dir_own(&s->state, c->runner.state_dir, e) < 0)
		return -1;
	s->loop = loop_new(e);
	s->http = s->loop ? http_new(s->loop, &http, e) : NULL;
	if (!s->http)
		return -1;
	s->heartbeat = heartbeat_new(&(struct heartbeat_spec){ .loop = s->loop,
		.http = s->http,
		.base_url = c->server.base_url,
		.token = c->runner.token,
		.labels = &c->runner.labels,
		.capacity = c->runner.capacity,
		.on_answer = on_answer,
		.data = s });
	backoff_init(&s->backoff, BACKOFF_FIRST_US, BACKOFF_MOST_US);
	s->pace = loop_timer(s->loop, MONO_NEVER, on_pace, s);
	s->work = loop_defer(s->loop, on_work, s);
	s->term = loop_signal(s->loop, SIGTERM, on_stop_signal, s);
	s->intr = loop_signal(s->loop, SIGINT, on_stop_signal, s);
	return 0;
}

static void teardown(struct supervisor *s)
{
	for (size_t i = 0; i < s->n_slots; i++)
		slot_free(s->slots[i]);
	while (s->waiting) {
		struct waiting_claim *w = s->waiting;

		s->waiting = w->next;
		buf_release_wipe(&w->bytes);
		free(w);
	}
	heartbeat_free(s->heartbeat);
	loop_source_free(s->pace);
	loop_source_free(s->work);
	loop_source_free(s->term);
	loop_source_free(s->intr);
	http_free(s->http);
	loop_free(s->loop);
	state_dir_release(&s->state);
}

int supervisor_run(const struct supervisor_spec *spec, struct err *e)
{
	struct supervisor s = { .spec = *spec, .state = STATE_DIR_INIT };
	int code = EXIT_FINDINGS;

	if (setup(&s, e) == 0) {
		log_info("supervisor", "started", F_STR("server", spec->config->server.base_url),
			F_INT("capacity", spec->config->runner.capacity),
			F_STR("instance", s.state.instance_id));
		/* the first heartbeat leaves before the engine is looked at, which may be slow or
		 * down */
		beat(&s);
		orphans_remove(s.loop, s.http, spec->config, &s.state);
		s.ready = true;
		wake(&s);
		sd_notify(0, "READY=1");
		code = loop_run(s.loop, e);
		if (code < 0)
			code = EXIT_FINDINGS;
	} else if (err_is(e, ERR_CONFLICT)) {
		code = EXIT_REFUSED;
	}
	teardown(&s);
	return code;
}
