/*
 * What stands in the folder of a job, <workspace_root>/<run>/<job>: the workspace, and beside it,
 * so that a checkout sees nothing of them, what else the job's steps share (box_own_folders). The
 * janitor makes them all for the step user and removes the whole folder; the watcher counts all of
 * it. Steps write below these folders but cannot reach the one that holds them.
 */
#ifndef RUNNER_HELPER_JOB_FOLDER_H
#define RUNNER_HELPER_JOB_FOLDER_H

#include <sys/types.h>

#include "base/err.h"

#define JOB_FOLDER_WORKSPACE "workspace"

/* part: JOB_FOLDER_WORKSPACE, or NULL for the folder itself; the caller's. */
char *job_folder_path(const char *root, int64_t run, int64_t job, const char *part);
/* Makes all of it in dir, the empty folder of a job, and hands it to its owner, dir last. */
int job_folder_fill(int dir, uid_t uid, gid_t gid, struct err *e) CHECK_RESULT;

#endif
