/*
 * hashFiles() of expressions: the workspace belongs to the step user, so an artifact child reads it
 * (artifact/artifact.h, ARTIFACT_HASH). Waits on the loop: main path of the job process only.
 */
#ifndef RUNNER_CONTEXT_HASH_FILES_H
#define RUNNER_CONTEXT_HASH_FILES_H

#include "base/buf.h"
#include "base/err.h"

/* For struct expr_context; data is the struct job. */
int hash_files(
	void *data, const struct strv *patterns, struct buf *out, struct err *e) CHECK_RESULT;

#endif
