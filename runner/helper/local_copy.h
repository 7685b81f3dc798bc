/*
 * The local-copy role: copies the work tree of a repository into a workspace, for local runs. Two
 * processes, so that the reader of the user's files writes nothing and the writer is the
 * step user:
 *
 *   reader (our user; of root's capabilities only CAP_DAC_READ_SEARCH)
 *      ──packets: path, mode, open file──▶ writer (step user, no capability)
 *
 *   local-copy --uid N --gid N --workspace DIR --label TEXT            copies now
 *   local-copy … --serve       answers one checkout request on descriptor 3 (checkout/message.h):
 *                              of the whole workspace it only says that the copy is there, another
 *                              path gets a copy of its own
 *
 * Descriptor 5 is the work tree, 6 a memory file of paths below it, each ended by NUL; with
 * --history 8 and 9 are the same of a folder that holds a .git, which is copied beside them.
 * Regular files (with their x bit) and links (never followed) are copied; a path that ends with a
 * slash is a folder to be made; files that vanish meanwhile are left out, other folders in the list
 * (submodules, repositories in the repository) are counted and left out. Where the file system can,
 * files share their blocks until one side writes. Exit 0, or 1 with one line on stderr.
 */
#ifndef RUNNER_HELPER_LOCAL_COPY_H
#define RUNNER_HELPER_LOCAL_COPY_H

#include "base/err.h"

struct copy_counts {
	uint64_t files, links, bytes, skipped;
};
/* Where to copy from: the paths in list, n bytes, below the folder. */
struct copy_source {
	int folder;
	const char *list;
	size_t n;
};
/* The reader's half without its process: sends what the n sources name over a SOCK_SEQPACKET, then
 * waits for the writer's result. Counted are the first one's files, and the bytes of all. target:
 * path below the workspace, "." for all of it. */
int local_copy_send(int sock, const struct copy_source *sources, size_t n, const char *target,
	struct copy_counts *ret, struct err *e) CHECK_RESULT;
/* The writer's: until the reader is done. workspace: the folder to write below. */
int local_copy_receive(int sock, int workspace, struct err *e) CHECK_RESULT;

int local_copy_role_main(int argc, char **argv);

#endif
