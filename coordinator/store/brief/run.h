/* Runs as a list for people shows them: without the payload of their event, but with what it says
 * about the commit. */
#ifndef COORDINATOR_STORE_BRIEF_RUN_H
#define COORDINATOR_STORE_BRIEF_RUN_H

#include "base/clock.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

struct run_brief {
	int64_t id, run_index, attempt, pull_number;
	char *workflow_name, *run_name, *event, *head_sha, *head_ref, *actor; /* actor NULL: none */
	char *message; /* of the head commit, or the title of the pull request; NULL: not known */
	bool awaits_approval;
	struct state state;
	struct wall created_at, started_at, completed_at;
};
struct run_briefs {
	struct run_brief *v;
	size_t n;
};
void run_brief_release(struct run_brief *b);
void run_briefs_release(struct run_briefs *l);
/* "waiting" (for approval), else the conclusion, else the status. */
const char *run_brief_word(const struct run_brief *b);

int store_run_brief(
	struct store *s, int64_t run_id, struct run_brief *ret, struct err *e) CHECK_RESULT;

/* Which runs of a repository; NULL: any. The words are those of struct run_filter (run.h). */
struct run_brief_spec {
	int64_t repo_id;
	int64_t before; /* run_index: only older ones; 0: from the newest on */
	const char *branch, *event, *state, *actor;
	int64_t limit; /* at most so many */
};
/* Newest first. However few fit, at most RUN_BRIEFS_WALKED runs are read: *ret_next is where to go
 * on (`before` of the next call), 0: that was all. */
enum { RUN_BRIEFS_WALKED = 2000 };
int store_run_briefs(struct store *s, const struct run_brief_spec *spec, struct run_briefs *ret,
	int64_t *ret_next, struct err *e) CHECK_RESULT;

#endif
