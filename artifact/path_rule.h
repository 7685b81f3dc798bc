/*
 * Which paths and links an archive may hold, on both sides: what the packer writes, the unpacker
 * takes. Pure.
 *
 * A link is fine when it is relative and goes up (..) only at its start, at most to the root. Its
 * folder is a real one, so going up from there stays inside; after that it only goes down, through
 * links of which the same is true. "a/.." further on is refused, because `a` may be a link to a
 * place less deep than its name.
 */
#ifndef ARTIFACT_PATH_RULE_H
#define ARTIFACT_PATH_RULE_H

#include "base/err.h"

enum { PATH_RULE_MAX = 4096, PATH_RULE_PART_MAX = 255, PATH_RULE_DEPTH = 200 };

/* Relative, clean (no "", "." or ".." components, no control characters), within the caps. The text
 * is changed in place first: leading "./" and trailing slashes go; "." itself becomes "". */
int path_rule_clean(char *path, struct err *e) CHECK_RESULT;
/* path: clean, where the link stands. */
int path_rule_link(const char *path, const char *target, struct err *e) CHECK_RESULT;

#endif
