/*
 * Running a plan on this machine: one job after the other, each through the same slot, job process
 * and boxes as a coordinator's job (runner/slot.h). Owns the engine check before, the signals and
 * the clean-up after.
 *
 * The first SIGINT, SIGTERM or SIGHUP cancels with grace, the second ends the running step at once,
 * the third ends the job process too.
 */
#ifndef RUNNER_LOCAL_RUN_H
#define RUNNER_LOCAL_RUN_H

#include "runner/local_plan.h"
#include "runner/local_repo.h"
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
	bool color;
};
/* EXIT_OK when no job failed, EXIT_FINDINGS else; with e set when it could not even begin. */
int local_run(const struct local_run_spec *spec, struct err *e);

#endif
