/*
 * Policies: what the site, an owner and a repository allow. A level sets what it wants to set; for
 * a repository all three levels hold together, and the strictest one wins. Nothing is set at first.
 */
#ifndef COORDINATOR_QUEUE_POLICY_H
#define COORDINATOR_QUEUE_POLICY_H

#include "base/clock.h"
#include "coordinator/store/store.h"

enum policy_level { POLICY_SITE, POLICY_OWNER, POLICY_REPO, POLICY_LEVELS };
const char *policy_level_text(enum policy_level level); /* "site", "owner", "repository" */

enum policy_cap {
	CAP_REPO_QUEUED_RUNS,      /* runs of a repository of which no job has begun */
	CAP_REPO_CONCURRENT_JOBS,  /* running jobs of a repository */
	CAP_OWNER_CONCURRENT_JOBS, /* running jobs of an owner's repositories; not per repository */
	CAP_ACTOR_TRIGGERS,        /* runs that one user starts in an hour, within the level */
	POLICY_CAPS,
};
const char *policy_cap_key(enum policy_cap cap); /* "max_repo_queued_runs", … */
#define POLICY_CAP_MAX INT64_C(1000000)

/* Where a policy stands. */
struct policy_place {
	enum policy_level level;
	const char *owner; /* POLICY_OWNER */
	int64_t repo_id;   /* POLICY_REPO */
};
struct policy_row {
	struct wall disabled_at; /* 0: actions are enabled */
	char *disabled_reason;   /* NULL: none given */
	/* "site", "owner", "repo": runners of that scope; else a runner's name. Empty: all. */
	struct strv allowed_runners;
	int64_t caps[POLICY_CAPS]; /* 0: not set */
};
void policy_row_release(struct policy_row *p);
/* A place where nothing is set gives an empty row. */
int store_policy_get(struct store *s, const struct policy_place *at, struct policy_row *ret,
	struct err *e) CHECK_RESULT;
int store_policy_put(struct store *s, const struct policy_place *at, const struct policy_row *p,
	struct err *e) CHECK_RESULT;

/* The three levels that hold for a repository. */
struct policy {
	struct policy_row levels[POLICY_LEVELS];
};
void policy_release(struct policy *p);
/* The repository's (repo_id), an owner's (repo_id 0) or the site's (owner NULL too). */
int store_policy_load(struct store *s, const char *owner, int64_t repo_id, struct policy *ret,
	struct err *e) CHECK_RESULT;
/* The strictest cap and the level that sets it; 0: none. */
int64_t policy_cap(const struct policy *p, enum policy_cap cap, enum policy_level *ret_level);

/* May this event start a run now? ERR_LIMIT with the cap, its level and the remedy. actor NULL and
 * schedules: nobody started it. Once for each run, before it is planned, and inside the transaction
 * that makes it. */
int policy_admits(struct store *s, int64_t repo_id, const char *event, const char *actor,
	struct wall now, struct err *e) CHECK_RESULT;

#endif
