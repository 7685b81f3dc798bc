/* The child's two works; private to artifact/ and its tests. */
#ifndef ARTIFACT_ROLE_H
#define ARTIFACT_ROLE_H

#include "artifact/artifact.h"

/* Where a work tells lines and asks whether somebody still wants it. */
struct artifact_watch {
	void (*line)(void *data, const char *line);
	bool (*wanted)(void *data);
	void *data;
};

/* Writes the archive, or the hash of its files, to `out`. root: descriptor of the archive's root, a
 * folder of the workspace; root_path: the same as a path relative to the workspace, "" the
 * workspace itself. -1 after errors; nothing found is none. */
struct pattern_list;
struct pack_spec {
	int root;
	const char *root_path;
	const struct pattern_list *patterns;
	int level;
	bool hidden;
	int out;
	struct sha256_stream *hash; /* HASH: over the files' hashes; NULL: an archive is written */
	const struct artifact_watch *watch;
};
int artifact_pack(
	const struct pack_spec *spec, struct artifact_result *ret, struct err *e) CHECK_RESULT;

/* Reads all of the archive to judge it, then again to write it below target. */
int artifact_unpack(int archive, int target, const struct artifact_watch *watch,
	struct artifact_result *ret, struct err *e) CHECK_RESULT;

#endif
