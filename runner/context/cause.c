/*
 * A cause may come at any time, from a callback, while the main path waits somewhere. So it does
 * nothing but record itself and interrupt the running step; what it means for statuses and later
 * steps is decided on the main path. After a cancel or a timeout, always() steps still run, for
 * LAST_CALL_US in all; after the other causes nothing does.
 */
#include "runner/context/cause.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "runner/context/job.h"
#include "runner/context/journal.h"
#include "runner/context/text.h"

/* always() and cancelled() steps of a job that was cancelled or timed out, all together. */
#define LAST_CALL_MINUTES 5
#define LAST_CALL_US (LAST_CALL_MINUTES * 60 * USEC_PER_SEC)

/* ---- interrupts ---- */

static void on_grace(struct loop_source *src, void *data)
{
	struct current_step *s = data;

	(void)src;
	if (s->box)
		step_box_kill(s->box);
}

void job_interrupt(struct job *j, enum interrupt why)
{
	struct current_step *s = &j->step;

	if (!s->log || current_step_interrupted(s))
		return;
	s->interrupt = why;
	if (s->checkout) {
		checkout_free(TAKE(s->checkout));
		s->over = true;
	}
	if (s->acting)
		s->over = true;
	if (!s->box)
		return;
	if (!s->launched || j->config->runner.stop_grace_us == 0 || j->state.cause == CAUSE_LOST ||
		why == INTERRUPT_FAILED) {
		step_box_kill(s->box);
		return;
	}
	s->asked = true;
	step_box_signal(s->box, SIGTERM);
	loop_timer_set(
		j->timers.grace, mono_add(loop_now(j->loop), j->config->runner.stop_grace_us));
}

/* A step whose condition holds for a cancelled job too, always() say, is left alone. */
static bool outlives_cancel(struct job *j)
{
	struct err ignored = { 0 };
	bool outlives;

	if (j->state.cause != CAUSE_CANCELLED || !j->step.log)
		return false;
	j->values.in_callback = true;
	outlives = step_condition(j, j->step.index, &ignored) == 1;
	j->values.in_callback = false;
	return outlives;
}

static enum interrupt interrupt_of(enum job_cause cause)
{
	if (cause == CAUSE_WORKSPACE)
		return INTERRUPT_FAILED;
	return cause == CAUSE_TIMED_OUT ? INTERRUPT_TIMED_OUT : INTERRUPT_CANCELLED;
}

/* ---- causes ---- */

void job_end(struct job *j, enum job_cause cause)
{
	static const char *const names[] = { "none", "cancelled", "timed_out", "shutdown",
		"workspace_limit", "lost" };
	struct job_state *s = &j->state;

	if (cause == CAUSE_SHUTDOWN || cause == CAUSE_LOST || cause == CAUSE_WORKSPACE)
		s->no_more = true;
	if (s->cause == CAUSE_NONE) {
		s->cause = cause;
		job_journal_cause(&j->place, j->spec, names[cause]);
		log_info("job", "ending", F_STR("cause", names[cause]));
	} else if (!s->no_more) {
		return;
	}
	loop_timer_set(j->timers.deadline, MONO_NEVER);
	loop_timer_set(j->timers.last_call, mono_add(loop_now(j->loop), LAST_CALL_US));
	if (s->no_more || !outlives_cancel(j))
		job_interrupt(j, interrupt_of(cause));
}

void job_cancel(struct job *j, const char *why)
{
	if (j->state.cause == CAUSE_NONE)
		snprintf(j->state.why, sizeof(j->state.why), "%s", why);
	job_end(j, CAUSE_CANCELLED);
}

void job_end_now(struct job *j)
{
	j->state.forced = j->state.no_more = true;
	job_cancel(j, "cancelled");
	job_interrupt(j, INTERRUPT_CANCELLED);
	if (j->step.box)
		step_box_kill(j->step.box);
}

/* ---- in words ---- */

static char *timed_out_text(int64_t minutes, const char *whose)
{
	return xasprintf("timed out after %" PRId64 " minute%s, the timeout-minutes of the %s",
		minutes, minutes == 1 ? "" : "s", whose);
}

char *job_end_text(const struct job *j)
{
	if (j->state.explained)
		return NULL;
	switch (j->state.cause) {
	case CAUSE_CANCELLED:
		return xstrdup(j->state.why);
	case CAUSE_TIMED_OUT:
		return timed_out_text(j->spec->timeout_minutes, "job");
	case CAUSE_SHUTDOWN:
		return xstrdup("cancelled: the runner stops");
	case CAUSE_NONE:
	case CAUSE_WORKSPACE: /* said where it was found */
	case CAUSE_LOST:      /* nobody can read it */
		break;
	}
	return NULL;
}

char *job_interrupt_text(struct job *j)
{
	struct job_state *s = &j->state;
	char *text;

	if (j->step.interrupt == INTERRUPT_FAILED)
		return NULL;
	if (j->step.interrupt == INTERRUPT_TIMED_OUT && s->cause != CAUSE_TIMED_OUT)
		return timed_out_text(j->spec->steps.v[j->step.index].timeout_minutes, "step");
	text = job_end_text(j);
	s->explained = s->cause != CAUSE_NONE;
	if (text)
		return text;
	if (s->forced)
		return xstrdup("cancelled a second time");
	return s->last_call_over ? xasprintf("ended: steps that run after the job's end have %d "
					     "minutes in all",
					   LAST_CALL_MINUTES)
				 : NULL;
}

enum outcome job_state_outcome(const struct job_state *s)
{
	if (s->cause == CAUSE_TIMED_OUT)
		return OUTCOME_TIMED_OUT;
	if (s->cause == CAUSE_WORKSPACE)
		return OUTCOME_FAILURE;
	if (s->cause != CAUSE_NONE)
		return OUTCOME_CANCELLED;
	return s->failed ? OUTCOME_FAILURE : OUTCOME_SUCCESS;
}

/* ---- timers ---- */

/* Steps that run although the job was cancelled have had their time. */
static void on_last_call(struct loop_source *src, void *data)
{
	struct job *j = data;

	(void)src;
	j->state.no_more = j->state.last_call_over = true;
	job_interrupt(j, INTERRUPT_CANCELLED);
}

static void on_step_deadline(struct loop_source *src, void *data)
{
	(void)src;
	job_interrupt(data, INTERRUPT_TIMED_OUT);
}

static void on_deadline(struct loop_source *src, void *data)
{
	(void)src;
	job_end(data, CAUSE_TIMED_OUT);
}

static void on_term(struct loop_source *src, const struct signalfd_siginfo *si, void *data)
{
	struct job *j = data;

	(void)src, (void)si;
	if (j->place.local) { /* whoever sits at the terminal */
		if (j->state.cause == CAUSE_NONE)
			job_cancel(j, "cancelled by a signal (Ctrl-C)");
		else
			job_end_now(j);
		return;
	}
	if (j->state.cause == CAUSE_SHUTDOWN && j->step.box) /* asked again: no more grace */
		step_box_kill(j->step.box);
	job_end(j, CAUSE_SHUTDOWN);
}

void job_timers_init(struct job_timers *t, struct job *j)
{
	t->deadline = loop_timer(j->loop, MONO_NEVER, on_deadline, j);
	t->step_deadline = loop_timer(j->loop, MONO_NEVER, on_step_deadline, j);
	t->grace = loop_timer(j->loop, MONO_NEVER, on_grace, &j->step);
	t->last_call = loop_timer(j->loop, MONO_NEVER, on_last_call, j);
	t->term = loop_signal(j->loop, SIGTERM, on_term, j);
}

void job_timers_release(struct job_timers *t)
{
	loop_source_unref(&t->deadline);
	loop_source_unref(&t->step_deadline);
	loop_source_unref(&t->grace);
	loop_source_unref(&t->last_call);
	loop_source_unref(&t->term);
}

static struct mono in_minutes(int64_t n)
{
	return n ? mono_add(mono_now(), n * 60 * USEC_PER_SEC) : MONO_NEVER;
}

void job_timers_start(struct job_timers *t, int64_t timeout_minutes)
{
	loop_timer_set(t->deadline, in_minutes(timeout_minutes));
}

void job_timers_start_step(struct job_timers *t, int64_t timeout_minutes)
{
	loop_timer_set(t->step_deadline, in_minutes(timeout_minutes));
}

void job_timers_end_step(struct job_timers *t)
{
	loop_timer_set(t->grace, MONO_NEVER);
	loop_timer_set(t->step_deadline, MONO_NEVER);
}

void job_timers_pause(struct job_timers *t)
{
	loop_timer_set(t->deadline, MONO_NEVER);
	loop_timer_set(t->step_deadline, MONO_NEVER);
}
