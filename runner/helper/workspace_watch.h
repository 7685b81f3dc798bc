/*
 * The disk quota of a job (runner.workspace_limit): what its workspace and its command files take,
 * in allocated bytes; a file with several names counts once, every entry as 4 KiB at least, so that
 * empty files cannot use up the inodes. Not seen: files that were deleted while still open.
 *
 * The role `watch` measures (it needs to read folders that a step closed to others, so it may keep
 * CAP_DAC_READ_SEARCH and nothing else; Landlock and seccomp leave it nothing but reading): free
 * blocks once a second, the tree only when those allow that the limit was passed.
 *
 * A step can move a folder past a walk and so keep it unseen. Growth of the file system that a walk
 * does not explain is therefore kept, not forgotten; while it could pass the limit, the watcher has
 * the step paused for one walk, which nothing can escape. What that one does not find is somebody
 * else's. Others who delete files hide growth of the file system, so the step is also paused for a
 * walk every ten seconds, or every fifty lengths of the last pause if that is longer: at most a
 * fiftieth of its time.
 *
 * A workspace whose project has a limit (hygiene/disk/project.h) is not walked: the kernel enforces
 * the limit, also on files that were deleted while open, and the role reads how much is used.
 *
 *   watch --workspace DIR --files DIR --limit BYTES    socket to the job: descriptor 3
 *
 * It sends struct watch_message; WATCH_PAUSE is answered with one byte, 1: everything is paused.
 *
 * The job process holds the other end. A watcher that ends before its time ends the job too: else
 * whoever can make it crash has no quota.
 */
#ifndef RUNNER_HELPER_WORKSPACE_WATCH_H
#define RUNNER_HELPER_WORKSPACE_WATCH_H

#include "base/loop.h"

enum watch_kind { WATCH_EXCEEDED, WATCH_PAUSE, WATCH_RESUME };
struct watch_message {
	uint32_t kind, unused;
	uint64_t used; /* bytes; WATCH_EXCEEDED */
};

struct workspace_watch;
struct workspace_watch_spec {
	struct loop *loop;
	int channel; /* to the supervisor, which starts the role */
	/* Once. used 0: the watcher itself failed. */
	void (*on_exceeded)(void *data, uint64_t used);
	/* Pauses (on) or resumes whatever of the job may write; workspace_watch_paused answers,
	 * then or later. */
	void (*pause)(void *data, struct workspace_watch *w, bool on);
	void *data;
};
struct workspace_watch *workspace_watch_new(
	const struct workspace_watch_spec *spec, struct err *e) CHECK_RESULT;
/* For the owner: whether everything is paused now. */
void workspace_watch_paused(struct workspace_watch *w, bool paused);
void workspace_watch_free(struct workspace_watch *w); /* the role ends; NULL fine */

int watch_role_main(int argc, char **argv);

#endif
