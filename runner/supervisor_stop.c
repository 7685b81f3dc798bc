/*
 * Draining, cancelling, killing. Two ways in: signals, after which the runner ends, and `drain`
 * over the control socket, after which it stays and can be told to go on.
 *
 * A heartbeat that the coordinator holds is released, not dropped: only its answer says whether it
 * brought a claim, and a claim that it brought is run.
 */
#include "runner/supervisor_private.h"

#include "base/exits.h"
#include "base/log.h"

void stop_cancel_jobs(struct supervisor *s, const char *reason)
{
	log_warn("supervisor", "cancelling", F_STR("reason", reason),
		F_INT("jobs", (int64_t)s->n_slots));
	s->cancelling = true;
	for (size_t i = 0; i < s->n_slots; i++)
		slot_cancel(s->slots[i].slot);
	if (s->stopping)
		recovery_cancel(s->recovery);
}

static void on_patience(struct loop_source *src, void *data)
{
	struct supervisor *s = data;

	(void)src;
	if (!s->cancelling)
		stop_cancel_jobs(s, "runner.drain_timeout");
	supervisor_wake(s);
}

void stop_begin(struct supervisor *s, const char *reason)
{
	int64_t most = s->settings->config.runner.drain_timeout_us;

	if (s->stopping)
		return;
	log_info("supervisor", "draining", F_STR("reason", reason),
		F_INT("jobs", (int64_t)s->n_slots));
	s->stopping = true;
	notify_stopping(s->notify);
	heartbeat_hurry(s->heartbeat);
	if (most > 0)
		loop_timer_set(s->patience, mono_add(loop_now(s->loop), most));
}

/* Somebody is in a hurry: nothing is waited for that he did not ask to wait for. */
static void stop_hurry(struct supervisor *s)
{
	if (heartbeat_in_flight(s->heartbeat))
		heartbeat_abort(s->heartbeat);
	if (!s->cancelling)
		stop_cancel_jobs(s, "signal");
}

/* Like a crash: the next start cleans up and reports. */
static void stop_kill(struct supervisor *s)
{
	log_warn("supervisor", "killing", F_INT("jobs", (int64_t)s->n_slots));
	for (size_t i = 0; i < s->n_slots; i++)
		slot_kill(s->slots[i].slot);
	supervisor_stop(s, EXIT_FINDINGS);
}

static void on_stop_signal(struct loop_source *src, const struct signalfd_siginfo *si, void *data)
{
	struct supervisor *s = data;

	(void)src;
	s->stop_signals++;
	if (s->stop_signals == 1)
		stop_begin(s, si->ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
	else if (s->stop_signals == 2)
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
			F_INT("jobs", (int64_t)s->n_slots));
		heartbeat_hurry(s->heartbeat);
	}
	s->drained = true;
	if (cancel && !s->cancelling)
		stop_cancel_jobs(s, "drain --cancel");
	supervisor_wake(s);
	return 0;
}

int drain_undo(struct supervisor *s, struct err *e)
{
	if (s->stopping)
		return err_set(e, ERR_CONFLICT,
			"the runner is stopping; start it again to have it claim jobs");
	if (s->drained)
		log_info("supervisor", "drain_undone", F_INT("jobs", (int64_t)s->n_slots));
	s->drained = s->cancelling = false;
	s->pace.next = loop_now(s->loop);
	supervisor_wake(s);
	return 0;
}

void stop_setup(struct supervisor *s)
{
	s->term = loop_signal(s->loop, SIGTERM, on_stop_signal, s);
	s->intr = loop_signal(s->loop, SIGINT, on_stop_signal, s);
	s->patience = loop_timer(s->loop, MONO_NEVER, on_patience, s);
}

void stop_teardown(struct supervisor *s)
{
	loop_source_free(s->term);
	loop_source_free(s->intr);
	loop_source_free(s->patience);
}
