/* Patterns of git for names and paths: *, ?, [...], \x, and ** for any number of folders. Pure, and
 * in time that is bounded by the product of the two lengths, whatever the pattern is. */
#ifndef CHECKOUT_WILD_H
#define CHECKOUT_WILD_H

#include <stdbool.h>

/* Of a name without slashes. */
bool wild_matches(const char *pattern, const char *name);
/* Of a path: *, ? and [...] stay within one name. */
bool wild_matches_path(const char *pattern, const char *path);

#endif
