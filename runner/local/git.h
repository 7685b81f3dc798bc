/* The user's git, for local runs. Process of `exec`. */
#ifndef RUNNER_LOCAL_GIT_H
#define RUNNER_LOCAL_GIT_H

#include "base/buf.h"
#include "base/loop.h"

/* Runs git in dir; words: ended by NULL. *ret_ok: it exited with 0; else *e says why, with 0. -1:
 * it could not be run, or said too much. No hook of the repository runs, no lock is taken for
 * reading.
 */
int local_git(struct loop *l, const char *dir, const char *const *words, struct buf *out,
	bool *ret_ok, struct err *e) CHECK_RESULT;
/* The same in a repository of our own: what the environment says of another one does not count, and
 * any failure is -1. */
int local_git_own(
	struct loop *l, const char *dir, const char *const *words, struct err *e) CHECK_RESULT;
/* Takes line ends off the end. */
void local_git_trim(struct buf *b);

#endif
