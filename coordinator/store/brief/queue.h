/* Runs that have jobs which wait, for lists for people. */
#ifndef COORDINATOR_STORE_BRIEF_QUEUE_H
#define COORDINATOR_STORE_BRIEF_QUEUE_H

#include "coordinator/store/store.h"

struct queued_run {
	int64_t id, repo_id;
	bool waits; /* one of its jobs is queued */
};
struct queued_runs {
	struct queued_run *v;
	size_t n;
};
void queued_runs_release(struct queued_runs *l);
/* The runs that are not over with an id above `after`, oldest first, at most QUEUED_RUNS_WALKED. */
enum { QUEUED_RUNS_WALKED = 500 };
int store_queued_runs(
	struct store *s, int64_t after, struct queued_runs *ret, struct err *e) CHECK_RESULT;

#endif
