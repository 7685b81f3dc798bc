/*
 * The disk quota of a job (runner.workspace_limit): what its workspace and its command files take,
 * in allocated bytes; a file with several names counts once, every entry as 4 KiB at least, so that
 * empty files cannot use up the inodes. Not seen: files that were deleted while still open.
 *
 * The role `watch` looks (it needs to read folders that a step closed to others, so it may keep
 * CAP_DAC_READ_SEARCH and nothing else; Landlock and seccomp leave it nothing but looking): free
 * blocks once a second, the tree only when those allow that the limit was passed, or now and then,
 * and never for more than a tenth of the time. It speaks once, when the limit is passed.
 *
 *   watch --workspace DIR --files DIR --limit BYTES    socket to the job: descriptor 3
 *
 * The job process holds the other end. A watcher that ends before its time ends the job too: else
 * whoever can make it crash has no quota.
 */
#ifndef RUNNER_WORKSPACE_WATCH_H
#define RUNNER_WORKSPACE_WATCH_H

#include "base/loop.h"

struct workspace_watch;
struct workspace_watch_spec {
	struct loop *loop;
	int channel; /* to the supervisor, which starts the role */
	/* Once. used 0: the watcher itself failed. */
	void (*on_exceeded)(void *data, uint64_t used);
	void *data;
};
struct workspace_watch *workspace_watch_new(
	const struct workspace_watch_spec *spec, struct err *e) CHECK_RESULT;
void workspace_watch_free(struct workspace_watch *w); /* the role ends; NULL fine */

int watch_role_main(int argc, char **argv);

#endif
