/*
 * The artifacts of a local run: files NAME in a folder of its state directory, written and read by
 * its jobs (runner/step/artifact_store.h). The run begins with an empty folder and ends with none;
 * what the user wants to have is copied to a folder of theirs as NAME.tar.gz. Process of `exec`.
 */
#ifndef RUNNER_STEP_LOCAL_ARTIFACTS_H
#define RUNNER_STEP_LOCAL_ARTIFACTS_H

#include "base/err.h"

#define LOCAL_ARTIFACTS "artifacts"

int local_artifacts_begin(const char *state_dir, struct err *e) CHECK_RESULT;
/* Copies all of them into dir, made when missing; files of these names are replaced. Each is named
 * on standard output. */
int local_artifacts_deliver(const char *state_dir, const char *dir, struct err *e) CHECK_RESULT;
void local_artifacts_end(const char *state_dir);

#endif
