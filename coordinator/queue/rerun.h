/*
 * Running again what a finished run did: everything, or only some of its jobs and what needs them.
 * The new attempt is a run of its own, of the same workflow file, commit and event. Jobs that do
 * not run again stand in it with the result and the outputs that they had; their steps, logs and
 * artifacts stay with the attempt that made them (struct job_row, source_id), which retention keeps
 * as long as a later attempt leans on it.
 */
#ifndef COORDINATOR_QUEUE_RERUN_H
#define COORDINATOR_QUEUE_RERUN_H

#include "coordinator/queue/run_create.h"

struct rerun_spec {
	int64_t run_id;
	enum {
		RERUN_ALL,
		RERUN_FAILED, /* all that ended in anything but success and was not skipped */
		RERUN_JOB,    /* one leg or job */
	} what;
	int64_t job_id;    /* RERUN_JOB: of that run */
	const char *actor; /* NULL: unknown */
};
/* ERR_CONFLICT unless the run is over and has jobs, and when RERUN_FAILED finds nothing that
 * failed. A run that was refused is judged anew: trigger/rerun.h. */
int store_run_rerun(struct store *s, const struct rerun_spec *spec, struct wall now,
	struct run_created *ret, struct err *e) CHECK_RESULT;

/* What every new attempt of the run has, but for its jobs; borrows from `old`. */
int rerun_run_spec(struct store *s, const struct run_row *old, const char *actor,
	struct run_spec *ret, struct err *e) CHECK_RESULT;

#endif
