/* Shared by repo.c and repo/read.c: libgit2's errors as ours. */
#ifndef COORDINATOR_REPO_GIT_ERROR_H
#define COORDINATOR_REPO_GIT_ERROR_H

#include "base/err.h"

/* Sets class by libgit2's code and text `what: message`. Returns -1. */
int git_failed(struct err *e, int code, const char *what);

#endif
