/* The badge: a small picture that says how a branch is. */
#ifndef COORDINATOR_VIEW_BADGE_H
#define COORDINATOR_VIEW_BADGE_H

#include "base/buf.h"

enum badge_state { BADGE_NO_RUNS, BADGE_PENDING, BADGE_PASSING, BADGE_FAILING };
enum { BADGE_LABEL_MAX = 64, BADGE_MAX = 4096 };

/* An SVG of at most BADGE_MAX bytes. The label may be anything: what is no text of a page becomes
 * '?', and more than BADGE_LABEL_MAX bytes are cut. */
void badge_write(struct buf *out, const char *label, enum badge_state s);

#endif
