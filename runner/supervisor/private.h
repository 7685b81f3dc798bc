/*
 * The supervisor's inside. Only these files include it, and each defines what its section below
 * declares: supervisor.c (decide, life), jobs.c (claims and slots), answers.c (heartbeats and what
 * comes back), stop.c (drain, cancel, kill), reload.c (SIGHUP), view.c (what others may see).
 *
 * Everything happens in loop callbacks: an answer to a heartbeat, a slot that is over, a signal, a
 * request, a timer. decide() runs after each of them and is the only place that sends heartbeats,
 * starts slots and stops the loop.
 */
#ifndef RUNNER_SUPERVISOR_PRIVATE_H
#define RUNNER_SUPERVISOR_PRIVATE_H

#include "base/http/http.h"
#include "runner/supervisor/claim_queue.h"
#include "runner/control/control.h"
#include "runner/supervisor/disk_gate.h"
#include "runner/supervisor/engine_watch.h"
#include "runner/supervisor/heartbeat.h"
#include "runner/supervisor/metrics.h"
#include "runner/control/monitor.h"
#include "runner/supervisor/notify.h"
#include "runner/supervisor/pace.h"
#include "runner/supervisor/platform.h"
#include "runner/supervisor/recovery.h"
#include "runner/slot/slot.h"
#include "runner/supervisor/status.h"
#include "runner/supervisor/supervisor.h"
#include "runner/supervisor/sweeper.h"
#include "runner/supervisor/trouble.h"
#include "state/state_dir.h"

/* Claims may be large, so those that nobody asked for are not collected without end. */
enum { SLOTS_MAX = 64, WAITING_MAX = 4 };

/* A job and the settings that it began with. */
struct busy_slot {
	struct slot *slot;
	struct settings *settings;
	char key[UUID_TEXT_MAX]; /* of its heartbeat, until the slot is secured; then empty */
};

struct supervisor_heartbeats {
	struct heartbeat *sender;
	struct pace pace;
	struct loop_source *pacer; /* wakes us when the next one may leave */
	struct loop_source *rest;  /* a while after one has left */
	bool for_work;             /* what the one in flight asked for */
	bool accepted;             /* the coordinator took our token once */
	bool refused;              /* and does not now */
	struct heartbeat_view last;
	char error[256]; /* of the last one; empty: it was answered well */
	struct trouble_sender *trouble;
};

struct supervisor_jobs {
	struct busy_slot slots[SLOTS_MAX];
	size_t n;
	struct claim_queue queue;
	struct claim_keys *keys;   /* of claims that have no journal yet */
	struct recovery *recovery; /* of what an earlier supervisor left */
	bool claimed_once;
	bool unfit; /* this machine could not run the last one */
	int64_t done;
};

/* What keeps jobs away while it lasts. */
struct supervisor_gates {
	struct engine_watch *engine;
	struct disk_gate *disk;
	struct platform *platform;
};

struct supervisor_stop {
	struct loop_source *term, *intr;
	struct loop_source *patience; /* runner.drain_timeout */
	bool drained;                 /* by `drain`: no claims, but we stay */
	bool stopping;                /* by a signal or a refused token: we end with the jobs */
	bool cancelling;              /* the jobs were told to end */
	bool token_refused;           /* stops with another exit code */
	bool over;                    /* the loop was stopped */
	unsigned signals;
};

struct supervisor_view {
	struct notify *notify;
	struct control *control;
	struct monitor *monitor; /* NULL: not wanted */
	struct wall started;
};

struct supervisor {
	struct supervisor_spec spec;
	struct settings *settings; /* in force */
	struct loop *loop;
	struct http *http;
	struct state_dir state;
	struct supervisor_heartbeats heartbeats;
	struct supervisor_jobs jobs;
	struct supervisor_gates gates;
	struct supervisor_stop stop;
	struct supervisor_view view;
	struct sweeper *sweeper;
	struct loop_source *work; /* runs decide() */
	struct loop_source *hup;
	struct tally tally;
};

/* supervisor.c */
void supervisor_wake(void *s); /* decide() runs in the next tick */
static inline bool supervisor_draining(const struct supervisor *s)
{
	return s->stop.drained || s->stop.stopping;
}
/* Ends the loop, once. */
void supervisor_stop(struct supervisor *s, int code);

/* jobs.c */
void jobs_reap(struct supervisor *s);
void jobs_start_waiting(struct supervisor *s);
void jobs_keep_claim(struct supervisor *s, const struct heartbeat_answer *a);
/* Everything that runs here or is still to be reported. False: it cannot be named now, as a claim
 * may be on its way. */
bool jobs_active(const struct supervisor *s, struct ids *ret);
bool jobs_wanted(const struct supervisor *s); /* one more could start now */
void jobs_teardown(struct supervisor *s);

/* answers.c */
void heartbeats_setup(struct supervisor *s);
void heartbeats_teardown(struct supervisor *s);
/* Sends one when it is due and allowed, else sets the pacer. */
void heartbeats_send(struct supervisor *s);
/* Says why none is sent, when a gate is the reason. */
void heartbeats_explain(struct supervisor *s);
/* The answer that is still to come may bring a claim, and then that job is ours. */
bool heartbeats_may_bring_claim(struct supervisor *s);

/* stop.c */
void stop_setup(struct supervisor *s);
void stop_teardown(struct supervisor *s);
/* The first step of stopping; reason for the log. */
void stop_begin(struct supervisor *s, const char *reason);
void stop_cancel_jobs(struct supervisor *s, const char *reason);
int drain_begin(struct supervisor *s, bool cancel, struct err *e) CHECK_RESULT;
int drain_undo(struct supervisor *s, struct err *e) CHECK_RESULT;

/* reload.c */
void reload_setup(struct supervisor *s);
void reload_teardown(struct supervisor *s);

/* view.c: control socket and monitor. */
int view_setup(struct supervisor *s, struct err *e) CHECK_RESULT;
void view_teardown(struct supervisor *s);
/* A job is over: its counters go into the tally. */
void view_count(struct supervisor *s, const struct slot *slot);

#endif
