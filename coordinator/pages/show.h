/* Small things that several pages show. */
#ifndef COORDINATOR_PAGES_SHOW_H
#define COORDINATOR_PAGES_SHOW_H

#include "base/clock.h"
#include "coordinator/pages/html.h"
#include "coordinator/store/brief/run.h"

/* A state for people: "timed out" for timed_out. */
const char *word_shown(const char *word);
/* Without refs/heads/ and refs/tags/. Points into ref. */
const char *ref_shown(const char *ref);
/* What a run is called: its own name, its commit's first line, or its workflow; the caller's. */
char *run_title(const struct run_brief *b);
/* Between two moments, to now while the second is not known; 0: it has not begun. */
int64_t span_of(const struct html *h, struct wall from, struct wall to);
char *joined(const struct strv *words); /* "a, b", NULL: none; the caller's */

#endif
