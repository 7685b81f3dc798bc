/*
 * The job process: one claimed job from its claim to its final status, written straight down the
 * page in job_role_main. It holds the job token and no capability, and ends with its job.
 *
 *   claim → job_spec → session, masker → boxes ‖ steps → statuses → everything removed
 *
 * What may happen at any time (cancel, timeout, a lost token, a stop signal) is a cause: recorded
 * once, first one wins, by job_end, which also interrupts the step that runs. The main path looks
 * at job->cause after every wait.
 */
#ifndef RUNNER_JOB_H
#define RUNNER_JOB_H

#include "checkout/checkout.h"
#include "config/runner_config.h"
#include "engine/image.h"
#include "engine/step_box.h"
#include "runner/job_context.h"
#include "runner/job_spec.h"
#include "runner/progress.h"
#include "state/state_dir.h"
#include "runner/session.h"
#include "runner/step_log.h"

enum job_cause {
	CAUSE_NONE,
	CAUSE_CANCELLED, /* the coordinator said so */
	CAUSE_TIMED_OUT, /* timeout_minutes */
	CAUSE_SHUTDOWN,  /* the runner was told to stop now */
	CAUSE_WORKSPACE, /* runner.workspace_limit; a failure, and nothing runs after it */
	CAUSE_LOST,      /* the token chain is dead: nothing can be reported any more */
};

/* How a step ended, in the wire's words where they exist. */
enum outcome {
	OUTCOME_SUCCESS,
	OUTCOME_FAILURE,
	OUTCOME_CANCELLED,
	OUTCOME_TIMED_OUT,
	OUTCOME_SKIPPED
};
const char *outcome_text(enum outcome o);

/* Why the running step was interrupted; the first reason stays. */
enum interrupt { INTERRUPT_NONE, INTERRUPT_CANCELLED, INTERRUPT_TIMED_OUT, INTERRUPT_FAILED };

/* A step as it went; one for each of spec->steps, kept until everything is delivered. */
struct step_run {
	struct step_log log;
	struct step_box *box; /* while prepared; isolation job: the first one's is everyone's */
	bool ended;
	enum outcome outcome, conclusion; /* they differ by continue-on-error */
	struct pairs outputs;
	size_t output_bytes;
	bool outputs_full; /* the log says so already */
};

struct job {
	struct loop *loop;
	struct http *http;
	struct runner_config *config; /* ours: step_io is resolved in job_setup */
	struct state_dir state;
	int channel;
	struct progress_sender *progress;
	bool local;               /* a local run: no coordinator, a terminal instead */
	bool journal;             /* the supervisor began one in our folder */
	bool undelivered;         /* what is not reported stays there for the next start */
	const char *no_workspace; /* the supervisor's reason; NULL: there is one */
	char *files_dir;          /* command files, seen by every box as /shithub/files */
	char *dir; /* our folder in the state directory; NULL: there is none, nor a workspace */
	char *workspace; /* host path */

	struct job_spec *spec;
	struct report *report;
	struct mask *mask;
	struct engine *engine;
	struct box_job *boxes;
	char *seccomp, *gate_path;
	struct workspace_watch *watch;
	struct image image; /* of the boxes, job_image.h */
	bool image_wanted;  /* a pull stands before the first step; there are no boxes yet */
	bool image_told;    /* a log names it */

	struct step_run *runs;
	struct expr_arena *kept;    /* values that live as long as the job */
	struct expr_value event;    /* shithub.event, in kept */
	struct flagged_env job_env; /* the claim's, rendered */
	struct pairs env;           /* set by steps through SHITHUB_ENV */
	struct strv path;           /* and SHITHUB_PATH, strongest first */
	enum job_cause cause;
	bool in_callback; /* no waiting here: hashFiles() is an error */
	bool failed;  /* a step failed: later ones are skipped unless their condition says otherwise
		       */
	bool no_more; /* not even always() steps start any more */

	/* the step that runs now; log NULL when none */
	size_t index;
	struct step_log *log;
	struct step_box *box;
	struct checkout *checkout;
	bool step_over;
	bool launched; /* the script runs; before that there is nothing to ask politely */
	bool acting;   /* an action waits for something that an interrupt may simply end */
	enum interrupt interrupt;
	struct loop_source *deadline, *step_deadline, *grace, *last_call, *term;
};

/* Records the cause if it is the first and interrupts what runs. Callable from callbacks. */
void job_end(struct job *j, enum job_cause cause);
int job_role_main(int argc, char **argv);

/* Ends the running step: SIGTERM to everything in its box, stop_grace, the engine's kill. */
void job_interrupt(struct job *j, enum interrupt why);

/* job_setup.c: engine, profile, gate and boxes of a parsed job. -1: the reason for the log. */
int job_setup(struct job *j, struct err *e) CHECK_RESULT;
/* What of it had to wait for a log to tell: the image, when it is pulled, and its boxes. */
int job_setup_rest(struct job *j, struct err *e) CHECK_RESULT;
/* Prepares boxes for the first JOB_BOXES_AHEAD run steps at or after index that have none yet. */
enum { JOB_BOXES_AHEAD = 2 };
void job_prepare_boxes(struct job *j, size_t index);
void job_free_boxes(struct job *j);

/* job_journal.c: what the next one must know if this process dies. Nothing without a journal. */
void job_journal_started(struct job *j);
void job_journal_cause(struct job *j, const char *cause); /* the first one stays */

/* job_step.c: one step to its end, statuses and log included. */
void job_step(struct job *j, size_t index);
/* Logs the reason into the running step and says what that makes of it. */
enum outcome step_fails(struct job *j, const struct err *e);
/* What an interrupt makes of the running step. */
enum outcome step_interrupted(const struct job *j);

#endif
