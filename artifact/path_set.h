/*
 * Which paths were seen, without keeping them: 64-bit hashes, eight to sixteen bytes a path. Two
 * paths may count as one, once in millions of full sets; whoever asks must be able to live with
 * that.
 */
#ifndef ARTIFACT_PATH_SET_H
#define ARTIFACT_PATH_SET_H

#include "base/util.h"

struct path_set {
	uint64_t *slots; /* 0: free */
	size_t n, cap;   /* cap: a power of two, or 0 */
};

void path_set_add(struct path_set *s, const char *path, size_t n);
bool path_set_has(const struct path_set *s, const char *path, size_t n);
void path_set_release(struct path_set *s);

#endif
