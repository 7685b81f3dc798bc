/*
 * decide() is the heart: every callback notes what happened and asks for it, and it alone starts
 * slots, sends heartbeats and stops the loop. So the rules stand in one place and no callback
 * needs to know what the others did.
 */
#include "runner/helper/egress_firewall.h"
#include "runner/supervisor/private.h"

#include <inttypes.h>

#include "base/exits.h"
#include "base/log.h"
#include "hygiene/workdir/root_owner.h"
#include "runner/supervisor/descriptors.h"
#include "runner/supervisor/own_paths.h"
#include "runner/supervisor/workspace_quota.h"

static void decide(struct supervisor *s);

static void on_work(struct loop_source *src, void *data)
{
	(void)src;
	decide(data);
}

void supervisor_wake(void *data)
{
	struct supervisor *s = data;

	loop_defer_arm(s->work);
}

void supervisor_stop(struct supervisor *s, int code)
{
	if (s->stop.over)
		return;
	s->stop.over = true;
	loop_stop(s->loop, code);
}

static bool all_done(struct supervisor *s)
{
	bool last = s->stop.stopping || (s->spec.once && s->jobs.claimed_once);

	return last && s->jobs.n == 0 && !s->jobs.queue.first && recovery_idle(s->jobs.recovery) &&
	       !heartbeats_may_bring_claim(s);
}

/* With --once the job is all that was asked for, and a machine that cannot run it did not. */
static int code_of_end(const struct supervisor *s)
{
	if (s->stop.token_refused)
		return EXIT_REFUSED;
	return s->spec.once && s->jobs.unfit ? EXIT_FINDINGS : EXIT_OK;
}

static void decide(struct supervisor *s)
{
	jobs_reap(s);
	jobs_start_waiting(s);
	notify_status(s->view.notify, "%s, %zu of %" PRId64 " slots busy, %" PRId64 " jobs done",
		supervisor_draining(s)                                       ? "draining"
		: s->heartbeats.refused                                      ? "token refused"
		: disk_gate_state(s->gates.disk).pressure                    ? "disk full"
		: platform_state(s->gates.platform).state == PLATFORM_BROKEN ? "broken"
									     : "claiming",
		s->jobs.n, s->settings->config.runner.capacity, s->jobs.done);
	control_answer_waiters(s->view.control);
	if (all_done(s)) {
		supervisor_stop(s, code_of_end(s));
		return;
	}
	heartbeats_send(s);
	heartbeats_explain(s);
}

static void count_orphans(void *data, uint64_t number)
{
	struct supervisor *s = data;

	s->tally.orphans += number;
}

static void count_recovered(void *data, const struct slot *slot)
{
	struct supervisor *s = data;

	view_count(s, slot);
	if (slot_workspace_kept(slot))
		sweeper_hurry(s->sweeper);
}

/* Without room the heartbeat that is held now may not bring another job either. */
static void disk_changed(void *data)
{
	struct supervisor *s = data;

	if (disk_gate_state(s->gates.disk).pressure)
		heartbeat_hurry(s->heartbeats.sender);
	supervisor_wake(s);
}

/* The heartbeat that is held now may not bring a job to a machine that cannot run it. */
static void platform_changed(void *data)
{
	struct supervisor *s = data;

	if (!platform_open(s->gates.platform))
		heartbeat_hurry(s->heartbeats.sender);
	supervisor_wake(s);
}

/* ---- life ---- */

/* Two runners in one workspace root would clean up each other's work. The first job reports other
 * problems with the root; by then they may be fixed. */
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

	if (own_paths_check(c, e) < 0 || descriptors_for_capacity(c->runner.capacity, e) < 0 ||
		state_dir_own(&s->state, c->runner.state_dir, e) < 0 || check_root(c, e) < 0)
		return -1;
	workspace_quota_set(c);
	s->loop = loop_new(e);
	s->http = s->loop ? http_new(s->loop, &http, e) : NULL;
	if (!s->http)
		return -1;
	heartbeats_setup(s);
	s->gates.disk = disk_gate_new(&(struct disk_gate_spec){
		.loop = s->loop, .current = &s->settings, .on_change = disk_changed, .data = s });
	s->gates.platform = platform_new(&(struct platform_spec){ .loop = s->loop,
		.current = &s->settings,
		.on_change = platform_changed,
		.data = s });
	s->view.notify = notify_new(s->loop);
	s->work = loop_defer(s->loop, on_work, s);
	stop_setup(s);
	reload_setup(s);
	return view_setup(s, e);
}

static void teardown(struct supervisor *s)
{
	jobs_teardown(s);
	sweeper_free(s->sweeper);
	disk_gate_free(s->gates.disk);
	platform_free(s->gates.platform);
	heartbeats_teardown(s);
	view_teardown(s);
	stop_teardown(s);
	reload_teardown(s);
	notify_free(s->view.notify);
	loop_source_unref(&s->work);
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
		.view.started = wall_now() };
	const struct runner_config *c = &s.settings->config;
	int code = EXIT_FINDINGS;

	if (setup(&s, e) == 0) {
		log_info("supervisor", "started", F_STR("server", c->server.base_url),
			F_INT("capacity", c->runner.capacity),
			F_STR("instance", s.state.instance_id));
		heartbeats_send(&s);
		s.jobs.recovery = recovery_new(&(struct recovery_spec){ .loop = s.loop,
			.settings = s.settings,
			.state = &s.state,
			.on_idle = supervisor_wake,
			.on_over = count_recovered,
			.on_orphans = count_orphans,
			.data = &s });
		s.sweeper = sweeper_new(s.loop, &s.settings);
		egress_firewall_announce(s.loop, c);
		supervisor_wake(&s);
		notify_ready(s.view.notify);
		code = loop_run(s.loop, e);
		if (code < 0)
			code = EXIT_FINDINGS;
	} else if (err_is(e, ERR_CONFLICT)) {
		code = EXIT_REFUSED;
	}
	teardown(&s);
	return code;
}
