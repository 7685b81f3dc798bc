/*
 * Running a plan on this machine: jobs side by side, each through the same slot, job process and
 * boxes as a coordinator's job (runner/slot/slot.h). Owns the engine check before, the signals
 * and the clean-up after.
 *
 * The first SIGINT, SIGTERM or SIGHUP cancels with grace, the second ends the running step at once,
 * the third ends the job process too.
 */
#ifndef RUNNER_LOCAL_RUN_H
#define RUNNER_LOCAL_RUN_H

#include "runner/local/plan.h"
#include "runner/local/repo.h"
#include "state/state_dir.h"
#include "config/runner_config.h"

struct local_run_spec {
	struct loop *loop;
	const struct runner_config *config;
	const struct strv *job_env;    /* see slot.h */
	const struct state_dir *state; /* owned: the lock is held */
	struct local_plan *plan;       /* results are filled in */
	const struct local_repo *repo; /* listed */
	const char *artifact_dir;      /* where artifacts go at the end; NULL: nowhere */
	size_t jobs;                   /* that run at the same time, at least 1 */
	bool live; /* lines of jobs that run side by side alternate, each with its job's name; else
		    * what a job says stands together, when it is over */
	bool color;
};
/* EXIT_OK when no job failed, EXIT_FINDINGS else; with e set when it could not even begin. */
int local_run(const struct local_run_spec *spec, struct err *e);

#endif
