/*
 * Outputs of the jobs of a local run: a file for each in the state directory of the run, written by
 * the job process as it would be sent to a coordinator, read by `exec` when the job is over.
 */
#ifndef RUNNER_REPORT_LOCAL_OUTPUTS_H
#define RUNNER_REPORT_LOCAL_OUTPUTS_H

#include "base/err.h"

/* body: {"outputs": {name: text}}. Job process. */
int local_outputs_keep(
	const char *state_dir, int64_t job, const char *body, struct err *e) CHECK_RESULT;
/* Adds them to *ret and removes the file; a job without outputs adds none. Process of `exec`. */
int local_outputs_take(
	const char *state_dir, int64_t job, struct pairs *ret, struct err *e) CHECK_RESULT;

#endif
