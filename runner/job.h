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
#include "engine/step_box.h"
#include "runner/job_spec.h"
#include "runner/state_dir.h"
#include "runner/session.h"
#include "runner/step_log.h"

enum job_cause {
	CAUSE_NONE,
	CAUSE_CANCELLED, /* the coordinator said so */
	CAUSE_TIMED_OUT, /* timeout_minutes */
	CAUSE_SHUTDOWN,  /* the runner was told to stop now */
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

struct job {
	struct loop *loop;
	struct http *http;
	struct runner_config *config; /* ours: step_io is resolved in job_setup */
	struct state_dir state;
	int channel;
	const char *no_workspace; /* the supervisor's reason; NULL: there is one */
	char *dir;                /* our folder in the state directory */
	char *workspace;          /* host path */

	struct job_spec *spec;
	struct report *report;
	struct mask *mask;
	struct engine *engine;
	struct box_job *boxes;
	struct step_box **ahead; /* one a step: its box while it is prepared; isolation job: [0] */
	char *seccomp, *gate_path;

	struct step_log *logs; /* one a step, kept until everything is delivered */
	enum job_cause cause;
	bool failed; /* a step failed: later ones are skipped unless their condition says otherwise
		      */

	/* the step that runs now; NULL when none */
	struct step_log *log;
	struct step_box *box;
	struct checkout *checkout;
	bool step_over;
	struct loop_source *deadline, *grace, *term;
};

/* Records the cause if it is the first and interrupts what runs. Callable from callbacks. */
void job_end(struct job *j, enum job_cause cause);
int job_role_main(int argc, char **argv);

/* job_setup.c: engine, profile, gate and boxes of a parsed job. -1: the reason for the log. */
int job_setup(struct job *j, struct err *e) CHECK_RESULT;
/* job_step.c: one step to its end, statuses and log included. */
enum outcome job_step(struct job *j, size_t index);
/* Prepares boxes for the first JOB_BOXES_AHEAD run steps at or after index that have none yet. */
enum { JOB_BOXES_AHEAD = 2 };
void job_prepare_boxes(struct job *j, size_t index);
void job_free_boxes(struct job *j);
/* step_env.c: NAME=value for a step: defaults of the runner, job env, step env. */
void step_env(const struct job *j, const struct step_spec *s, struct strv *ret);

#endif
