/* See supervisor.h and supervisor_private.h. */
#include "runner/network_wall.h"
#include "runner/supervisor_private.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/exits.h"
#include "base/log.h"
#include "hygiene/root_owner.h"

#define CLAIM_WAIT_S 25 /* Prefer: wait */

static void decide(struct supervisor *s);

static void on_pacer(struct loop_source *src, void *data)
{
	(void)src;
	decide(data);
}

static void on_work(struct loop_source *src, void *data)
{
	(void)src;
	decide(data);
}

void supervisor_wake(struct supervisor *s)
{
	loop_defer_arm(s->work);
}

static void wake(void *data)
{
	supervisor_wake(data);
}

/* ---- slots ---- */

static void reap_slots(struct supervisor *s)
{
	for (size_t i = 0; i < s->n_slots;) {
		struct busy_slot b = s->slots[i];

		if (!slot_over(b.slot)) {
			i++;
			continue;
		}
		log_info("supervisor", "job_over", F_INT("job", slot_job_id(b.slot)),
			F_STR("conclusion", slot_conclusion(b.slot)));
		s->slots[i] = s->slots[--s->n_slots];
		s->pace.next = loop_now(s->loop); /* a slot is free: ask for work now */
		s->jobs_done++;
		view_count(s, b.slot);
		slot_free(b.slot);
		settings_unref(b.settings);
	}
}

static bool slot_has_job(const struct supervisor *s, int64_t job)
{
	for (size_t i = 0; i < s->n_slots; i++)
		if (slot_job_id(s->slots[i].slot) == job)
			return true;
	return false;
}

static struct slot *new_slot(struct supervisor *s, const struct waiting_claim *w,
	struct claim_identity *id, struct err *e)
{
	struct slot_owner owner = { .loop = s->loop,
		.config = &s->settings->config,
		.job_env = &s->settings->job_env,
		.state = &s->state,
		.on_over = wake,
		.data = s };

	log_info("supervisor", "job_claimed", F_INT("job", id->job_id), F_INT("run", id->run_id));
	return slot_start(&owner, id, buf_slice(&w->bytes), w->cut, e);
}

static void start_slot(struct supervisor *s, const struct waiting_claim *w)
{
	struct claim_identity id;
	struct slot *slot = NULL;
	struct err e = { 0 };

	claim_identity_scan(buf_cstr(&w->bytes), w->bytes.len, &id);
	if (!id.token || id.job_id <= 0) {
		log_error("supervisor", "claim_unusable", F_INT("bytes", (int64_t)w->bytes.len),
			F_STR("error",
				"the claim names no job.id or token, so it cannot be reported"));
		pace_failed(&s->pace, loop_now(s->loop), -1);
	} else if (slot_has_job(s, id.job_id) || recovery_has_job(s->recovery, id.job_id)) {
		log_error("supervisor", "claim_twice", F_INT("job", id.job_id));
	} else {
		slot = new_slot(s, w, &id, &e);
		if (!slot)
			log_error("supervisor", "job_start", F_ERR(&e));
	}
	claim_identity_release(&id);
	if (slot) {
		s->slots[s->n_slots++] = (struct busy_slot){ slot, settings_ref(s->settings) };
		s->claimed_once = true;
		if (s->cancelling) /* too late for anything else */
			slot_cancel(slot);
	}
}

/* None while more run than a smaller capacity allows now. */
static size_t free_slots(const struct supervisor *s)
{
	size_t capacity = (size_t)s->settings->config.runner.capacity;

	return capacity > s->n_slots ? capacity - s->n_slots : 0;
}

static void start_waiting(struct supervisor *s)
{
	while (s->recovery && s->claims.first && free_slots(s) > 0) {
		struct waiting_claim *w = claims_take(&s->claims);

		start_slot(s, w);
		waiting_claim_free(w);
	}
}

static void keep_claim(struct supervisor *s, struct slice claim, bool cut)
{
	claims_put(&s->claims, claim, cut);
	if (s->claims.n == WAITING_MOST)
		log_warn("supervisor", "claims_unasked", F_INT("waiting", (int64_t)s->claims.n),
			F_STR("effect", "no heartbeats until one of them has a slot"));
}

/* ---- heartbeats ---- */

void supervisor_stop(struct supervisor *s, int code)
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
	s->token_refused = true;
	stop_begin(s, "token refused");
}

static void failed(struct supervisor *s, const struct heartbeat_answer *a)
{
	int64_t wait = pace_failed(&s->pace, loop_now(s->loop), a->retry_after_us);

	if (pace_failures(&s->pace) == 1 || a->kind == HEARTBEAT_LIMITED)
		log_warn("supervisor",
			a->kind == HEARTBEAT_LIMITED ? "heartbeat_limited" : "heartbeat_failed",
			F_STR("error", a->reason), F_INT("retry_ms", wait / USEC_PER_MSEC));
}

static bool wants_work(const struct supervisor *s)
{
	return !supervisor_draining(s) && !s->claims.first && free_slots(s) > 0 &&
	       !(s->spec.once && s->claimed_once);
}

static void answered(struct supervisor *s, const struct heartbeat_answer *a)
{
	struct mono now = loop_now(s->loop);
	bool again;

	if (pace_failures(&s->pace) > 0)
		log_info("supervisor", "heartbeat_restored",
			F_INT("failures", pace_failures(&s->pace)));
	backoff_reset(&s->pace.backoff);
	/* a coordinator that held the request wants the next at once, another one is polled; so
	 * does a slot that became free while a mere sign of life was on its way */
	again = a->kind == HEARTBEAT_CLAIM || a->held || (!s->beat_for_work && wants_work(s));
	s->pace.next = again ? now : mono_add(now, s->settings->config.runner.poll_interval_us);
	if (a->kind == HEARTBEAT_CLAIM)
		keep_claim(s, a->claim, a->cut);
}

static void note_answer(struct supervisor *s, const struct heartbeat_answer *a)
{
	bool good = a->kind == HEARTBEAT_NOTHING || a->kind == HEARTBEAT_CLAIM;

	snprintf(s->beat_error, sizeof(s->beat_error), "%s", good ? "" : a->reason);
	s->last_beat.kind = a->kind;
	s->last_beat.at = wall_now();
	s->last_beat.any = true;
	s->tally.heartbeats[a->kind]++;
}

static void on_answer(void *data, const struct heartbeat_answer *a)
{
	struct supervisor *s = data;

	note_answer(s, a);
	if (a->kind == HEARTBEAT_REFUSED)
		refused(s, a->reason);
	else if (a->kind == HEARTBEAT_FAILED || a->kind == HEARTBEAT_LIMITED)
		failed(s, a);
	else
		answered(s, a);
	supervisor_wake(s);
}

/* While all slots are taken, heartbeats only say that we live, at the poll interval. A coordinator
 * that answers those with claims hears nothing more until the slots have caught up. Any heartbeat
 * may be answered with a job, so without room on the disk or an engine there is none. */
static void beat(struct supervisor *s)
{
	struct mono now = loop_now(s->loop);
	bool work = wants_work(s);

	if (heartbeat_in_flight(s->heartbeat) || s->stopped)
		return;
	if (!work && (supervisor_draining(s) || s->claims.n >= WAITING_MOST))
		return;
	if (pace_due(&s->pace).us > now.us) {
		loop_timer_set(s->pacer, pace_due(&s->pace));
		return;
	}
	if (!work && s->spec.once)
		return;
	if (!disk_gate_open(s->disk) || engine_watch_lost(s->engine))
		return;
	pace_spend(&s->pace, now);
	s->beat_for_work = work;
	heartbeat_send(s->heartbeat, work ? CLAIM_WAIT_S : 0);
	if (!work)
		s->pace.next = mono_add(now, s->settings->config.runner.poll_interval_us);
}

/* The answer that is still to come may bring a claim, and then that job is ours. */
static bool claim_may_come(struct supervisor *s)
{
	if (!heartbeat_in_flight(s->heartbeat))
		return false;
	if (heartbeat_overdue(s->heartbeat).us > loop_now(s->loop).us) {
		loop_timer_set(s->pacer, heartbeat_overdue(s->heartbeat));
		return true;
	}
	log_warn("supervisor", "heartbeat_given_up",
		F_STR("effect", "a job that it claimed is the coordinator's to hand out again"));
	heartbeat_abort(s->heartbeat);
	return false;
}

static bool all_done(struct supervisor *s)
{
	bool last = s->stopping || (s->spec.once && s->claimed_once);

	return last && s->n_slots == 0 && !s->claims.first && recovery_idle(s->recovery) &&
	       !claim_may_come(s);
}

static void decide(struct supervisor *s)
{
	reap_slots(s);
	start_waiting(s);
	notify_status(s->notify, "%s, %zu of %" PRId64 " slots busy, %" PRId64 " jobs done",
		supervisor_draining(s)             ? "draining"
		: disk_gate_look(s->disk).pressure ? "disk full"
						   : "claiming",
		s->n_slots, s->settings->config.runner.capacity, s->jobs_done);
	control_look(s->control);
	if (all_done(s))
		supervisor_stop(s, s->token_refused ? EXIT_REFUSED : EXIT_OK);
	else
		beat(s);
}

static void count_orphans(void *data, uint64_t number)
{
	struct supervisor *s = data;

	s->tally.orphans += number;
}

static void count_recovered(void *data, const struct slot *slot)
{
	view_count(data, slot);
}

/* Without room the heartbeat that is held now may not bring another job either. */
static void disk_changed(void *data)
{
	struct supervisor *s = data;

	if (disk_gate_look(s->disk).pressure)
		heartbeat_hurry(s->heartbeat);
	supervisor_wake(s);
}

/* ---- life ---- */

/* Two runners in one workspace root would clean up each other's work. What is wrong with the root
 * otherwise is the first job's to say, by when it may be right. */
static int check_root(const struct runner_config *c, struct err *e)
{
	struct err why = { 0 };

	if (root_owner_check(c->runner.workspace_root, c->runner.state_dir, false, &why) == 0 ||
		!err_is(&why, ERR_CONFLICT))
		return 0;
	*e = why;
	return -1;
}

static int setup(struct supervisor *s, struct err *e)
{
	const struct runner_config *c = &s->settings->config;
	struct http_config http = { .user_agent = "shithubd-runner/" PROJECT_VERSION,
		.ca_file = c->server.ca_file };

	if (state_dir_own(&s->state, c->runner.state_dir, e) < 0 || check_root(c, e) < 0)
		return -1;
	s->loop = loop_new(e);
	s->http = s->loop ? http_new(s->loop, &http, e) : NULL;
	if (!s->http)
		return -1;
	s->heartbeat = heartbeat_new(&(struct heartbeat_spec){ .loop = s->loop,
		.http = s->http,
		.self = { c->server.base_url, c->runner.token, &c->runner.labels,
			c->runner.capacity },
		.on_answer = on_answer,
		.data = s });
	pace_init(&s->pace);
	s->disk = disk_gate_new(&(struct disk_gate_spec){
		.loop = s->loop, .current = &s->settings, .on_change = disk_changed, .data = s });
	s->notify = notify_new(s->loop);
	s->pacer = loop_timer(s->loop, MONO_NEVER, on_pacer, s);
	s->work = loop_defer(s->loop, on_work, s);
	stop_setup(s);
	reload_setup(s);
	return view_setup(s, e);
}

static void teardown(struct supervisor *s)
{
	for (size_t i = 0; i < s->n_slots; i++) {
		slot_free(s->slots[i].slot);
		settings_unref(s->slots[i].settings);
	}
	recovery_free(s->recovery);
	sweeper_free(s->sweeper);
	disk_gate_free(s->disk);
	claims_release(&s->claims);
	heartbeat_free(s->heartbeat);
	view_teardown(s);
	stop_teardown(s);
	reload_teardown(s);
	notify_free(s->notify);
	loop_source_free(s->pacer);
	loop_source_free(s->work);
	http_free(s->http);
	loop_free(s->loop);
	state_dir_release(&s->state);
	settings_unref(s->settings);
}

int supervisor_run(const struct supervisor_spec *spec, struct err *e)
{
	struct supervisor s = { .spec = *spec,
		.settings = settings_ref(spec->settings),
		.state = STATE_DIR_INIT,
		.started = wall_now() };
	const struct runner_config *c = &s.settings->config;
	int code = EXIT_FINDINGS;

	if (setup(&s, e) == 0) {
		log_info("supervisor", "started", F_STR("server", c->server.base_url),
			F_INT("capacity", c->runner.capacity),
			F_STR("instance", s.state.instance_id));
		beat(&s);
		s.recovery = recovery_new(&(struct recovery_spec){ .loop = s.loop,
			.settings = s.settings,
			.state = &s.state,
			.on_idle = wake,
			.on_over = count_recovered,
			.on_orphans = count_orphans,
			.data = &s });
		s.sweeper = sweeper_new(s.loop, &s.settings);
		network_wall_tell(s.loop, c);
		supervisor_wake(&s);
		notify_ready(s.notify);
		code = loop_run(s.loop, e);
		if (code < 0)
			code = EXIT_FINDINGS;
	} else if (err_is(e, ERR_CONFLICT)) {
		code = EXIT_REFUSED;
	}
	teardown(&s);
	return code;
}
