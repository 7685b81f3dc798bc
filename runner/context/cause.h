/*
 * What can end a job before its last step: cancel, timeout, a stop signal, a full workspace, a lost
 * token. It is a cause: recorded once, the first wins, by job_end, which also interrupts the step
 * that runs. The main path checks job->state.cause after every wait. Job process.
 */
#ifndef RUNNER_CONTEXT_CAUSE_H
#define RUNNER_CONTEXT_CAUSE_H

#include "base/loop.h"
#include "runner/context/outcome.h"

struct job;

enum job_cause {
	CAUSE_NONE,
	CAUSE_CANCELLED, /* the coordinator said so */
	CAUSE_TIMED_OUT, /* timeout_minutes */
	CAUSE_SHUTDOWN,  /* the runner has to stop now */
	CAUSE_WORKSPACE, /* runner.workspace_limit; a failure, and nothing runs after it */
	CAUSE_LOST,      /* the token chain is dead: nothing can be reported any more */
};

/* How the job goes. */
struct job_state {
	enum job_cause cause;
	bool failed;  /* a step failed; later ones are skipped unless their condition holds */
	bool no_more; /* not even always() steps start any more */
	bool forced;  /* cancelled a second time */
	bool last_call_over; /* steps that ran after the end have had their time */
	bool explained;      /* a log says why the job ended early */
	char why[256];       /* of a cancel: "cancelled by ada" */
};
enum outcome job_state_outcome(const struct job_state *s);

/* Sources of causes and of interrupts. */
struct job_timers {
	struct loop_source *deadline;      /* of the job */
	struct loop_source *step_deadline; /* of the step that runs */
	struct loop_source *grace;         /* an interrupted step is killed then */
	struct loop_source *last_call;     /* always() steps of an ended job have had their time */
	struct loop_source *term;          /* SIGTERM: the runner stops */
};
/* None is set yet; SIGTERM is watched from now on. */
void job_timers_init(struct job_timers *t, struct job *j);
void job_timers_release(struct job_timers *t);
/* The job's deadline, from now. */
void job_timers_start(struct job_timers *t, int64_t timeout_minutes);
/* The step's; 0: none of its own. */
void job_timers_start_step(struct job_timers *t, int64_t timeout_minutes);
void job_timers_end_step(struct job_timers *t);
/* No deadline runs until the next start. */
void job_timers_pause(struct job_timers *t);

/* Records the cause if it is the first and interrupts what runs. Callable from callbacks. */
void job_end(struct job *j, enum job_cause cause);

/* CAUSE_CANCELLED with who asked for it, for the author. */
void job_cancel(struct job *j, const char *why);
/* The second cancel: the running step is killed at once, and no other one starts. */
void job_end_now(struct job *j);

/* Why the job ended early, as a line for its author; the caller's. NULL: it did not, or a log says
 * so already. */
char *job_end_text(const struct job *j) CHECK_RESULT;
/* The same for the running step, which was interrupted. Notes what of it is said now. */
char *job_interrupt_text(struct job *j) CHECK_RESULT;

/* Ends the running step: SIGTERM to everything in its box, stop_grace, the engine's kill. */
void job_interrupt(struct job *j, enum interrupt why);

#endif
