/*
 * SIGHUP: the configuration is loaded again, file, token file and all. A bad one is refused as a
 * whole and the old one stays; a good one holds for jobs that start from now on, while running jobs
 * keep what they began with.
 */
#include "runner/supervisor/private.h"

#include "base/log.h"
#include "runner/supervisor/descriptors.h"
#include "runner/supervisor/workspace_quota.h"

static char *joined(const struct strv *list)
{
	CLEAN_BUF struct buf text = BUF_INIT(4096);

	for (size_t i = 0; i < list->n; i++)
		buf_addf(&text, "%s%s", i ? "," : "", list->v[i]);
	return buf_take(&text);
}

static void put_in_force(struct supervisor *s, struct settings *fresh)
{
	const struct runner_config *c = &fresh->config;
	struct heartbeat_self self = { c->server.base_url, c->runner.token, &c->runner.labels,
		c->runner.capacity };
	struct err e = { 0 };

	if (descriptors_for_capacity(c->runner.capacity, &e) < 0)
		log_warn("supervisor", "descriptors_short", F_ERR(&e));
	workspace_quota_set(c);
	settings_unref(s->settings);
	s->settings = fresh;
	log_redact(c->runner.token);
	log_setup(c->runner.log_level, c->runner.log_format, STDERR_FILENO);
	/* the coordinator matches jobs with what the held one said; a new token may be a good one
	 */
	trouble_sender_set_self(s->heartbeats.trouble, c->server.base_url, c->runner.token);
	if (heartbeat_set_self(s->heartbeats.sender, &self)) {
		heartbeat_hurry(s->heartbeats.sender);
		backoff_reset(&s->heartbeats.pace.backoff);
	}
	engine_watch_configure(s->gates.engine, c);
	platform_recheck(s->gates.platform);
	s->heartbeats.pace.next = loop_now(s->loop);
}

static void report_fixed(const struct strv *keys)
{
	CLEAN_STR char *names = keys->n ? joined(keys) : NULL;

	if (names)
		log_warn("supervisor", "reload_needs_restart", F_STR("keys", names),
			F_STR("effect", "the old values stay until the runner is restarted"));
}

static void on_hup(struct loop_source *src, const struct signalfd_siginfo *si, void *data)
{
	struct supervisor *s = data;
	CLEANUP(settings_report_release) struct settings_report report = { 0 };
	struct settings *fresh;

	(void)src, (void)si;
	notify_reloading(s->view.notify);
	fresh = settings_load(&s->spec.source, s->settings, &report);
	strv_each (problem, &report.problems)
		log_error("supervisor", "reload_refused", F_STR("error", problem));
	strv_each (warning, &report.warnings)
		log_warn("config", "warning", F_STR("text", warning));
	if (fresh) {
		put_in_force(s, fresh);
		report_fixed(&report.fixed);
		log_info("supervisor", "reloaded",
			F_INT("capacity", s->settings->config.runner.capacity));
	}
	s->tally.reloads[fresh ? RELOAD_DONE : RELOAD_REFUSED]++;
	notify_ready(s->view.notify);
	supervisor_wake(s);
}

void reload_setup(struct supervisor *s)
{
	s->hup = loop_signal(s->loop, SIGHUP, on_hup, s);
}

void reload_teardown(struct supervisor *s)
{
	loop_source_unref(&s->hup);
}
