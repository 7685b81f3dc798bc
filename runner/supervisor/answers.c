/*
 * When heartbeats leave and what their answers mean. Any heartbeat may be answered with a claim, so
 * "may a job come now" is asked before each of them. The trap is the one in flight: whether it
 * brought a claim is known only when its answer is here, so a runner that stops waits for it.
 */
#include "runner/supervisor/private.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "runner/supervisor/resident.h"

#define CLAIM_WAIT_S 25 /* Prefer: wait */
#define REFUSED_PAUSE_US (60 * USEC_PER_SEC)
/* The request is on its way; its answer takes longer if it is held. */
#define REST_US USEC_PER_SEC

/* At the start the token is wrong, and trying again changes nothing. Later it was good before: a
 * proxy or a coordinator that makes a mistake must not take a pool of runners offline for ever. */
static void note_refusal(struct supervisor *s, const char *reason)
{
	bool leave = !s->heartbeats.accepted || s->spec.exit_on_refusal;
	int64_t wait = pace_failed(&s->heartbeats.pace, loop_now(s->loop), REFUSED_PAUSE_US);

	if (!s->heartbeats.refused)
		log_error("supervisor", "token_refused", F_STR("error", reason),
			F_INT("retry_ms", leave ? 0 : wait / USEC_PER_MSEC),
			F_STR("effect", leave ? "the runner ends with its jobs"
					      : "no jobs are claimed, running jobs go on"),
			F_STR("remedy",
				"register the runner again or rotate its token, then put the new "
				"token into runner.token and reload"));
	s->heartbeats.refused = true;
	if (!leave)
		return;
	s->stop.token_refused = true;
	stop_begin(s, "token refused");
}

static void note_failure(struct supervisor *s, const struct heartbeat_answer *a)
{
	int64_t wait = pace_failed(&s->heartbeats.pace, loop_now(s->loop), a->retry_after_us);

	if (pace_failures(&s->heartbeats.pace) == 1 || a->kind == HEARTBEAT_LIMITED)
		log_warn("supervisor",
			a->kind == HEARTBEAT_LIMITED ? "heartbeat_limited" : "heartbeat_failed",
			F_STR("error", a->reason), F_INT("retry_ms", wait / USEC_PER_MSEC),
			F_STR("remedy",
				"`shithubd-runner doctor` checks the way to the coordinator"));
}

static void note_success(struct supervisor *s, const struct heartbeat_answer *a)
{
	struct mono now = loop_now(s->loop);
	bool again;

	if (pace_failures(&s->heartbeats.pace) > 0)
		log_info("supervisor", "heartbeat_restored",
			F_INT("failures", pace_failures(&s->heartbeats.pace)));
	backoff_reset(&s->heartbeats.pace.backoff);
	s->heartbeats.accepted = true;
	s->heartbeats.refused = false;
	/* a coordinator that held the request wants the next at once, another one is polled; so
	 * does a slot that became free while a mere sign of life was on its way */
	again = a->kind == HEARTBEAT_CLAIM || a->held ||
		(!s->heartbeats.for_work && jobs_wanted(s));
	s->heartbeats.pace.next =
		again ? now : mono_add(now, s->settings->config.runner.poll_interval_us);
	if (a->kind == HEARTBEAT_CLAIM)
		jobs_keep_claim(s, a);
}

static void note_answer(struct supervisor *s, const struct heartbeat_answer *a)
{
	bool good = a->kind == HEARTBEAT_NOTHING || a->kind == HEARTBEAT_CLAIM;

	snprintf(s->heartbeats.error, sizeof(s->heartbeats.error), "%s", good ? "" : a->reason);
	s->heartbeats.last.kind = a->kind;
	s->heartbeats.last.at = wall_now();
	s->heartbeats.last.any = true;
	s->tally.heartbeats[a->kind]++;
}

static void on_answer(void *data, const struct heartbeat_answer *a)
{
	struct supervisor *s = data;

	note_answer(s, a);
	if (a->kind == HEARTBEAT_REFUSED)
		note_refusal(s, a->reason);
	else if (a->kind == HEARTBEAT_FAILED || a->kind == HEARTBEAT_LIMITED)
		note_failure(s, a);
	else
		note_success(s, a);
	supervisor_wake(s);
}

/* While all slots are taken, heartbeats only say that we live, at the poll interval. A coordinator
 * that answers those with claims hears nothing more until the slots have caught up. Any heartbeat
 * may be answered with a job, so without room on the disk or an engine there is none. */
void heartbeats_send(struct supervisor *s)
{
	struct mono now = loop_now(s->loop);
	CLEANUP(ids_release) struct ids active = { 0 };
	bool work = jobs_wanted(s), named;
	struct err e = { 0 };

	if (heartbeat_in_flight(s->heartbeats.sender) || s->stop.over)
		return;
	if (!work && (supervisor_draining(s) || s->jobs.queue.n >= WAITING_MAX))
		return;
	if (pace_due(&s->heartbeats.pace).us > now.us) {
		loop_timer_set(s->heartbeats.pacer, pace_due(&s->heartbeats.pace));
		return;
	}
	if (!work && s->spec.once)
		return;
	if (!disk_gate_open(s->gates.disk) || engine_watch_lost(s->gates.engine) ||
		!platform_open(s->gates.platform))
		return;
	pace_spend(&s->heartbeats.pace, now);
	s->heartbeats.for_work = work;
	named = jobs_active(s, &active);
	if (heartbeat_send(
		    s->heartbeats.sender, work ? CLAIM_WAIT_S : 0, named ? &active : NULL, &e) < 0)
		on_answer(s,
			&(struct heartbeat_answer){
				.kind = HEARTBEAT_FAILED, .retry_after_us = -1, .reason = e.text });
	else if (!work)
		s->heartbeats.pace.next =
			mono_add(now, s->settings->config.runner.poll_interval_us);
	loop_timer_set(s->heartbeats.rest, mono_add(now, REST_US));
}

/* ---- why none leaves ---- */

static void disk_trouble(const struct supervisor *s, struct trouble *ret)
{
	const struct disk_gate_view disk = disk_gate_state(s->gates.disk);

	ret->kind = "disk";
	ret->since = disk.since;
	snprintf(ret->text, sizeof(ret->text),
		"%u%% used at %s, less than disk.min_free (%" PRId64 "%%) is free", disk.percent,
		disk.root ? disk.root : "?", s->settings->config.disk.min_free);
}

/* False: nothing that we know of keeps us from work. */
static bool find_trouble(const struct supervisor *s, struct trouble *ret)
{
	const struct engine_view engine = engine_watch_view(s->gates.engine);
	const struct platform_view platform = platform_state(s->gates.platform);
	bool broken = platform.state == PLATFORM_BROKEN;

	*ret = (struct trouble){ 0 };
	if (disk_gate_state(s->gates.disk).pressure) {
		disk_trouble(s, ret);
	} else if (engine_watch_lost(s->gates.engine) || (broken && engine.error)) {
		ret->kind = "engine";
		ret->since = engine.since;
		snprintf(ret->text, sizeof(ret->text), "%s", engine.error);
	} else if (broken) {
		ret->kind = "machine";
		ret->since = platform.since;
		snprintf(ret->text, sizeof(ret->text), "%s", platform.error);
	}
	return ret->kind != NULL;
}

void heartbeats_explain(struct supervisor *s)
{
	struct trouble t;

	if (supervisor_draining(s) || s->stop.over || !find_trouble(s, &t))
		trouble_over(s->heartbeats.trouble);
	else if (!heartbeat_in_flight(s->heartbeats.sender))
		trouble_report(s->heartbeats.trouble, &t);
}

/* The answer that is still to come may bring a claim, and then that job is ours. */
bool heartbeats_may_bring_claim(struct supervisor *s)
{
	if (!heartbeat_in_flight(s->heartbeats.sender))
		return false;
	if (heartbeat_overdue(s->heartbeats.sender).us > loop_now(s->loop).us) {
		loop_timer_set(s->heartbeats.pacer, heartbeat_overdue(s->heartbeats.sender));
		return true;
	}
	log_warn("supervisor", "heartbeat_given_up",
		F_STR("effect", "the coordinator will hand out the claimed job again"));
	heartbeat_abort(s->heartbeats.sender);
	return false;
}

/* A runner waits most of its life. */
static void on_rest(struct loop_source *src, void *data)
{
	const struct supervisor *s = data;

	(void)src;
	if (s->jobs.n == 0)
		resident_release();
}

static void on_pacer(struct loop_source *src, void *data)
{
	(void)src;
	supervisor_wake(data);
}

void heartbeats_setup(struct supervisor *s)
{
	const struct runner_config *c = &s->settings->config;

	s->jobs.keys = claim_keys_new(&s->state);
	s->heartbeats.sender = heartbeat_new(&(struct heartbeat_spec){ .loop = s->loop,
		.http = s->http,
		.self = { c->server.base_url, c->runner.token, &c->runner.labels,
			c->runner.capacity },
		.keys = s->jobs.keys,
		.on_answer = on_answer,
		.data = s });
	s->heartbeats.trouble = trouble_sender_new(s->loop, s->http);
	trouble_sender_set_self(s->heartbeats.trouble, c->server.base_url, c->runner.token);
	pace_init(&s->heartbeats.pace);
	s->heartbeats.pacer = loop_timer(s->loop, MONO_NEVER, on_pacer, s);
	s->heartbeats.rest = loop_timer(s->loop, MONO_NEVER, on_rest, s);
}

void heartbeats_teardown(struct supervisor *s)
{
	heartbeat_free(s->heartbeats.sender);
	trouble_sender_free(s->heartbeats.trouble);
	loop_source_unref(&s->heartbeats.pacer);
	loop_source_unref(&s->heartbeats.rest);
}
