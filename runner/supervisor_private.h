/*
 * Shared by supervisor.c (claims, slots, heartbeats, life), supervisor_stop.c (drain, cancel,
 * kill), supervisor_reload.c (SIGHUP) and supervisor_view.c (what others may see). Nobody else
 * includes it.
 *
 * Everything happens in loop callbacks: an answer to a heartbeat, a slot that is over, a signal, a
 * request, a timer. decide() runs after each of them and is the only place that sends heartbeats,
 * starts slots and stops the loop.
 */
#ifndef RUNNER_SUPERVISOR_PRIVATE_H
#define RUNNER_SUPERVISOR_PRIVATE_H

#include "base/http.h"
#include "runner/claims.h"
#include "runner/control.h"
#include "runner/disk_gate.h"
#include "runner/engine_watch.h"
#include "runner/heartbeat.h"
#include "runner/metrics.h"
#include "runner/monitor.h"
#include "runner/notify.h"
#include "runner/pace.h"
#include "runner/recovery.h"
#include "runner/slot.h"
#include "runner/status.h"
#include "runner/supervisor.h"
#include "runner/sweeper.h"
#include "state/state_dir.h"

/* Claims may be large, so those that nobody asked for are not collected without end. */
enum { SLOTS_MAX = 64, WAITING_MOST = 4 };

/* A job and the settings that it began with. */
struct busy_slot {
	struct slot *slot;
	struct settings *settings;
};

struct supervisor {
	struct supervisor_spec spec;
	struct settings *settings; /* in force */
	struct loop *loop;
	struct http *http;
	struct state_dir state;
	struct heartbeat *heartbeat;
	struct pace pace;
	struct engine_watch *engine;
	struct notify *notify;
	struct control *control;
	struct monitor *monitor; /* NULL: not wanted */
	struct loop_source *pacer, *work, *term, *intr, *hup;
	struct loop_source *patience; /* runner.drain_timeout */
	struct busy_slot slots[SLOTS_MAX];
	size_t n_slots;
	struct claims claims;
	bool beat_for_work;        /* what the heartbeat in flight asked for */
	struct recovery *recovery; /* of what an earlier one left */
	struct sweeper *sweeper;
	struct disk_gate *disk;
	bool claimed_once;
	bool drained;    /* by `drain`: no claims, but we stay */
	bool stopping;   /* by a signal or a refused token: no claims, and we end with the jobs */
	bool cancelling; /* the jobs were told */
	unsigned stop_signals;
	bool token_refused; /* stops with another exit code */
	bool stopped;
	int64_t jobs_done;
	struct wall started;
	struct beat_view last_beat;
	char beat_error[256];
	struct tally tally;
};

/* Has decide() run in the next tick. */
void supervisor_wake(struct supervisor *s);
static inline bool supervisor_draining(const struct supervisor *s)
{
	return s->drained || s->stopping;
}
/* Ends the loop, once. */
void supervisor_stop(struct supervisor *s, int code);

/* supervisor_stop.c */
void stop_setup(struct supervisor *s);
void stop_teardown(struct supervisor *s);
/* The first step of stopping; reason for the log. */
void stop_begin(struct supervisor *s, const char *reason);
void stop_cancel_jobs(struct supervisor *s, const char *reason);
int drain_begin(struct supervisor *s, bool cancel, struct err *e) CHECK_RESULT;
int drain_undo(struct supervisor *s, struct err *e) CHECK_RESULT;

/* supervisor_reload.c */
void reload_setup(struct supervisor *s);
void reload_teardown(struct supervisor *s);

/* supervisor_view.c: control socket and monitor. */
int view_setup(struct supervisor *s, struct err *e) CHECK_RESULT;
void view_teardown(struct supervisor *s);
/* A job is over: its counters go into the tally. */
void view_count(struct supervisor *s, const struct slot *slot);

#endif
