/*
 * Branch, tag and path filters of workflow files, as users of hosted workflow services know them.
 * Pure functions, no allocation that outlives a call, time at most pattern length × text length.
 *
 *   *      any characters but '/'          **     any characters
 *   ?      the item before it, or nothing  +      the item before it, once or more
 *   [a-z]  one of these characters         \c     the character c itself
 *   !      first in a pattern: what it matches is taken out again (order decides)
 * At the start of a pattern and after a '/', "**" followed by '/' also matches no folder at all.
 */
#ifndef WORKFLOW_FILTER_H
#define WORKFLOW_FILTER_H

#include "base/err.h"

enum { FILTER_PATTERN_MAX = 512 };

/* Says what is wrong with one pattern (a leading '!' included). */
int filter_check(const char *pattern, struct err *e) CHECK_RESULT;

/* One pattern without a leading '!' against the whole text. A malformed pattern matches nothing. */
bool filter_match(const char *pattern, const char *text) CHECK_RESULT;

/* A list with negations: the last pattern that matches decides; none matching means no. */
bool filter_list_match(const struct strv *patterns, const char *text) CHECK_RESULT;

/* One side of a trigger: `branches` / `branches-ignore` (or tags, paths). */
struct filter {
	struct strv only;   /* empty: not given */
	struct strv ignore; /* empty: not given */
};
static inline bool filter_given(const struct filter *f)
{
	return f->only.n > 0 || f->ignore.n > 0;
}
/* True when nothing is given, or text passes `only`, or text is not matched by `ignore`. */
bool filter_passes(const struct filter *f, const char *text) CHECK_RESULT;
void filter_release(struct filter *f);

#endif
