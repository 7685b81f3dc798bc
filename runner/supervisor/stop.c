/*
 * Draining, cancelling, killing. There are two entries: signals, after which the runner ends, and
 * `drain` over the control socket, after which it stays and can resume.
 *
 * A heartbeat that the coordinator holds is released, not dropped: only its answer says whether it
 * brought a claim, and a claim that it brought is run.
 */
#include "runner/supervisor/private.h"

#include "base/exits.h"
#include "base/log.h"

void stop_cancel_jobs(struct supervisor *s, const char *reason)
{
	log_warn("supervisor", "cancelling", F_STR("reason", reason),
		F_INT("jobs", (int64_t)s->jobs.n));
	s->stop.cancelling = true;
	for (size_t i = 0; i < s->jobs.n; i++)
		slot_cancel(s->jobs.slots[i].slot);
	if (s->stop.stopping)
		recovery_cancel(s->jobs.recovery);
}

static void on_patience(struct loop_source *src, void *data)
{
	struct supervisor *s = data;

	(void)src;
	if (!s->stop.cancelling)
		stop_cancel_jobs(s, "runner.drain_timeout");
	supervisor_wake(s);
}

void stop_begin(struct supervisor *s, const char *reason)
{
	int64_t most = s->settings->config.runner.drain_timeout_us;

	if (s->stop.stopping)
		return;
	log_info("supervisor", "draining", F_STR("reason", reason),
		F_INT("jobs", (int64_t)s->jobs.n));
	s->stop.stopping = true;
	notify_stopping(s->view.notify);
	heartbeat_hurry(s->heartbeats.sender);
	if (most > 0)
		loop_timer_set(s->stop.patience, mono_add(loop_now(s->loop), most));
}

/* A second signal: we wait only for the jobs' own clean-up. */
static void stop_hurry(struct supervisor *s)
{
	if (heartbeat_in_flight(s->heartbeats.sender))
		heartbeat_abort(s->heartbeats.sender);
	if (!s->stop.cancelling)
		stop_cancel_jobs(s, "signal");
}

/* Like a crash: the next start cleans up and reports. */
static void stop_kill(struct supervisor *s)
{
	log_warn("supervisor", "killing", F_INT("jobs", (int64_t)s->jobs.n));
	for (size_t i = 0; i < s->jobs.n; i++)
		slot_kill(s->jobs.slots[i].slot);
	supervisor_stop(s, EXIT_FINDINGS);
}

static void on_stop_signal(struct loop_source *src, const struct signalfd_siginfo *si, void *data)
{
	struct supervisor *s = data;

	(void)src;
	s->stop.signals++;
	if (s->stop.signals == 1)
		stop_begin(s, si->ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
	else if (s->stop.signals == 2)
		stop_hurry(s);
	else
		stop_kill(s);
	supervisor_wake(s);
}

int drain_begin(struct supervisor *s, bool cancel, struct err *e)
{
	(void)e;
	if (!supervisor_draining(s)) {
		log_info("supervisor", "draining", F_STR("reason", "drain"),
			F_INT("jobs", (int64_t)s->jobs.n));
		heartbeat_hurry(s->heartbeats.sender);
	}
	s->stop.drained = true;
	if (cancel && !s->stop.cancelling)
		stop_cancel_jobs(s, "drain --cancel");
	supervisor_wake(s);
	return 0;
}

int drain_undo(struct supervisor *s, struct err *e)
{
	if (s->stop.stopping)
		return err_set(
			e, ERR_CONFLICT, "the runner is stopping; restart it to claim jobs again");
	if (s->stop.drained)
		log_info("supervisor", "drain_undone", F_INT("jobs", (int64_t)s->jobs.n));
	s->stop.drained = s->stop.cancelling = false;
	s->heartbeats.pace.next = loop_now(s->loop);
	supervisor_wake(s);
	return 0;
}

void stop_setup(struct supervisor *s)
{
	s->stop.term = loop_signal(s->loop, SIGTERM, on_stop_signal, s);
	s->stop.intr = loop_signal(s->loop, SIGINT, on_stop_signal, s);
	s->stop.patience = loop_timer(s->loop, MONO_NEVER, on_patience, s);
}

void stop_teardown(struct supervisor *s)
{
	loop_source_unref(&s->stop.term);
	loop_source_unref(&s->stop.intr);
	loop_source_unref(&s->stop.patience);
}
