/* Real git and a scratch folder for the coordinator's tests. Failures fail the test. */
#ifndef TESTS_UNIT_HELP_GIT_TOOL_H
#define TESTS_UNIT_HELP_GIT_TOOL_H

#include "base/buf.h"
#include "base/loop.h"

struct git_tool {
	struct loop *loop; /* dispatched while git runs: a server on it can answer */
	char *root;        /* scratch folder, removed by git_tool_free */
};
struct git_tool *git_tool_new(void);
void git_tool_free(struct git_tool *g);

/* Runs `git -C dir args…` (the list ends with NULL); the exit status. Output of both streams. */
int git_try(struct git_tool *g, const char *dir, struct buf *out, ...) __attribute__((sentinel));
/* The same; anything but success fails the test. Returns what it printed, trimmed; the caller's. */
char *git_run(struct git_tool *g, const char *dir, ...) __attribute__((sentinel));
/* Writes dir/path with parents. */
void git_write(const char *dir, const char *path, const char *text);
/* git init with branch trunk and an identity; dir is made below root. The caller's string. */
char *git_work_tree(struct git_tool *g, const char *name);
/* add -A, commit; the new commit's id, the caller's. */
char *git_commit_all(struct git_tool *g, const char *dir, const char *message);

#endif
