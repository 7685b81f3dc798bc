/*
 * Files of a workspace as one stream, and back: a request goes to a sandboxed child over a socket,
 * the archive moves through a descriptor, lines and one result come back. This header is the job's
 * side; artifact_role_main is the child's.
 *
 * The child is started by the supervisor (`shithubd-runner artifact --uid N --gid N`) with its end
 * of the socket as descriptor 3. It becomes the step user first, then reads one request, then
 * closes itself in: packing may read the workspace and nothing else, unpacking may write the target
 * folder and nothing else; neither has a network or may execute anything.
 *
 * The archive is a gzipped tar of files, folders and symbolic links (tar.h), which neither side
 * ever holds in memory. Unpacking reads it twice: nothing is written before all of it, and the
 * places of its entries in the workspace, were found fine. Then only the file system can refuse (a
 * full disk, a process that changes the workspace meanwhile), and the error says that files may
 * have been written.
 */
#ifndef ARTIFACT_ARTIFACT_H
#define ARTIFACT_ARTIFACT_H

#include "base/loop.h"

/* HASH is packing without an archive: what is written to the descriptor is the SHA-256, as 64 hex
 * digits, over the SHA-256 of each file in byte order of their paths (the hashFiles of
 * expressions); nothing when no file matches. Links and folders do not count. */
enum artifact_mode { ARTIFACT_PACK, ARTIFACT_UNPACK, ARTIFACT_HASH };
struct artifact_request {
	enum artifact_mode mode;
	const char *paths; /* PACK, HASH: patterns, one a line (pattern.h) */
	int64_t level;     /* PACK: 0..9 */
	bool hidden;       /* PACK, HASH: names that begin with a dot too */
	const char *path;  /* UNPACK: target folder below the workspace; NULL or ".": itself */
};
struct artifact_result {
	bool ok;
	struct err error;
	uint64_t files, links, folders;
	uint64_t bytes; /* of the files, unpacked */
};

/* Pure; ERR_INPUT or ERR_LIMIT name the input. */
int artifact_request_check(const struct artifact_request *r, struct err *e) CHECK_RESULT;

struct artifact;
typedef void (*artifact_line_fn)(void *data, const char *line); /* no newline */
typedef void (*artifact_done_fn)(void *data, const struct artifact_result *r);
/* sock: connected SOCK_STREAM, taken over, also on failure. archive: PACK a pipe to write to,
 * UNPACK a file to read from its start; stays the caller's, who may close it at once. on_done fires
 * once: result, or a child that died. */
struct artifact *artifact_start(struct loop *l, int sock, int archive,
	const struct artifact_request *r, artifact_line_fn on_line, artifact_done_fn on_done,
	void *data, struct err *e) CHECK_RESULT;
/* Closes the socket: the child sees it and ends. No callback afterwards. NULL fine. */
void artifact_free(struct artifact *a);

/* The child: `artifact` verb. */
int artifact_role_main(int argc, char **argv);

#endif
