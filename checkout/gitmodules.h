/*
 * .gitmodules as data: the names, paths and URLs of a tree's submodules, nothing else. Every other
 * option (update, branch, shallow, …) could only make somebody run something and is skipped.
 *
 * Pure: bytes in, list or `.gitmodules line N: …` out. Limits: GITMODULES_BYTES of text,
 * GITMODULES_MAX entries, LIMIT_NAME bytes a value.
 */
#ifndef CHECKOUT_GITMODULES_H
#define CHECKOUT_GITMODULES_H

#include "base/err.h"

enum { GITMODULES_BYTES = 1 << 20, GITMODULES_MAX = 1000 };

struct gitmodule {
	char *name, *path, *url; /* path and url NULL when not given */
};
struct gitmodules {
	struct gitmodule *v;
	size_t n;
};
/* *ret is released by the caller in any case. The last value of a key wins, as for git. */
int gitmodules_parse(
	const char *text, size_t n, struct gitmodules *ret, struct err *e) CHECK_RESULT;
void gitmodules_release(struct gitmodules *m);
const struct gitmodule *gitmodules_find(const struct gitmodules *m, const char *path); /* or NULL */

#endif
