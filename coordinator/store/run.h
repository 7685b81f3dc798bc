/* Runs: one workflow file for one event. */
#ifndef COORDINATOR_STORE_RUN_H
#define COORDINATOR_STORE_RUN_H

#include "base/clock.h"
#include "coordinator/store/page.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

/* Whose code a run executes, and so whether its jobs get secrets and variables. */
enum run_trust {
	TRUST_BY_EVENT,  /* no pull request; an event of one without more is untrusted */
	TRUST_OWN,       /* a pull request out of the repository, by somebody with write */
	TRUST_UNTRUSTED, /* any other */
	TRUST_APPROVED,  /* untrusted; somebody with write gave this commit the secrets */
};

struct run_row {
	int64_t id, repo_id, run_index, parent_run_id;
	char *workflow_file, *workflow_name, *event, *event_payload, *head_sha, *head_ref, *actor;
	char *run_name;    /* what its workflow calls it; NULL: nothing */
	char *problems;    /* NULL: none */
	bool refused;      /* what the problems are about may be another time (run_create.h) */
	char *inputs;      /* JSON text, typed; NULL: not started by hand */
	int64_t attempt;   /* 1, and one more each time it runs again */
	char *first_actor; /* who caused the first attempt; NULL: unknown */
	int64_t cancels;   /* how often somebody cancelled it */
	char *concurrency_group; /* NULL: none */
	bool cancel_in_progress;
	bool pending;         /* waits for its concurrency group */
	char *reason;         /* of an end that its author did not write; NULL: none */
	int64_t pull_number;  /* 0: of no pull request */
	char *pull_head;      /* the commit that was proposed; head_sha may be its merge */
	int64_t trust;        /* enum run_trust */
	bool awaits_approval; /* nothing of it runs before somebody approves the commit */
	char *approved_by, *approve_reason; /* NULL: nobody; none given */
	struct wall approved_at;
	struct state state;
	struct wall created_at, started_at, completed_at;
};
struct run_list {
	struct run_row *v;
	size_t n;
};
void run_row_release(struct run_row *r);
/* Secrets, variables and whatever else belongs to the repository alone. */
bool run_gets_secrets(const struct run_row *r);
/* The word for people and answers: that of its state, or "waiting" (for approval). */
const char *run_status_text(const struct run_row *r);
const char *run_state_word(const struct run_row *r); /* the same, or its conclusion (state_word) */
const char *run_trust_text(const struct run_row *r); /* NULL: of no pull request */
/* The commit that the outside sees the run at: of a pull request its head, also when the merge of
 * it is what runs, as nobody looks for a status at that. */
const char *run_checked_sha(const struct run_row *r);
void run_list_release(struct run_list *l);
int store_run_get(struct store *s, int64_t id, struct run_row *ret, struct err *e) CHECK_RESULT;
/* Newest first; repo_id 0: of all repositories. */
int store_run_list(struct store *s, int64_t repo_id, int64_t limit, struct run_list *ret,
	struct err *e) CHECK_RESULT;
/* Which runs; NULL and 0: any. */
struct run_filter {
	int64_t repo_id;
	const char *state;  /* a status or a conclusion */
	const char *branch; /* a branch or tag, or a whole ref */
	const char *event;
	const char *actor;
	const char *workflow; /* its file, the end of that name, or its name */
};
/* Newest first. */
int store_run_find(struct store *s, const struct run_filter *f, const struct page *page,
	struct run_list *ret, struct err *e) CHECK_RESULT;
int store_run_count(
	struct store *s, const struct run_filter *f, int64_t *ret, struct err *e) CHECK_RESULT;

/* A commit in full from at least RUN_SHA_LEAST of its digits: all 40 are taken as they are, fewer
 * must fit exactly one commit at which the repository has a run (run_checked_sha). ERR_INPUT,
 * ERR_NOT_FOUND, ERR_CONFLICT when they fit several. */
enum { RUN_SHA_MAX = 41, RUN_SHA_LEAST = 7 };
int store_run_sha(struct store *s, int64_t repo_id, const char *text, char out[RUN_SHA_MAX],
	struct err *e) CHECK_RESULT;
/* The newest run of each workflow file and event, of one ref or one commit (run_checked_sha); of a
 * commit also of each workflow name, as what a base requires has the file of what it adds to. By
 * file, event and name. */
enum run_heads { RUNS_OF_COMMIT, RUNS_OF_REF };
int store_run_heads(struct store *s, int64_t repo_id, enum run_heads of, const char *which,
	struct run_list *ret, struct err *e) CHECK_RESULT;

#endif
