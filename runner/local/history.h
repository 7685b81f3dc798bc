/*
 * The .git that the steps of a local run see: the last commits of the current branch with the tags
 * that point at them, an index, and no configuration of the user's, so no credential, hook or path
 * of this machine. Process of `exec`.
 */
#ifndef RUNNER_LOCAL_HISTORY_H
#define RUNNER_LOCAL_HISTORY_H

#include "runner/local/repo.h"

enum { LOCAL_HISTORY_COMMITS = 50 };

/* Makes it in state_dir and opens it: r->history, r->history_files. Nothing before the first
 * commit.
 */
int local_history_make(
	struct loop *l, struct local_repo *r, const char *state_dir, struct err *e) CHECK_RESULT;
void local_history_remove(const char *state_dir);

#endif
