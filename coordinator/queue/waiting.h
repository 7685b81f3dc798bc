/* The queue by repository and labels, and what a runner could take of it. */
#ifndef COORDINATOR_QUEUE_WAITING_H
#define COORDINATOR_QUEUE_WAITING_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/queue/policy.h"
#include "coordinator/store/store.h"

struct offer; /* eligible.h */

/* One row for each repository and each distinct list of labels that its queued jobs ask for, with
 * what policies say about it. */
struct queue_row {
	int64_t repo_id, first_id; /* first_id: the job that was made first */
	char *owner;
	struct strv labels;    /* runs_on of the jobs */
	int64_t jobs;          /* queued; 0 with store_queue_heads */
	struct wall oldest_at; /* when the one that was queued first was created */
	struct wall since; /* since when the first of them could be claimed; not with the heads */
	bool disabled[POLICY_LEVELS];
	struct strv allowed[POLICY_LEVELS];  /* policy.h; empty: all */
	int64_t repo_cap, owner_cap;         /* strictest; 0: none */
	int64_t repo_running, owner_running; /* counted where there is a cap */
	int64_t runners;  /* queue_count_runners: online, not revoked, not drained, fit for it */
	int64_t offline;  /* the same, but not online … */
	int64_t troubled; /* … and those that say what keeps them from work */
};
struct queue_list {
	struct queue_row *v;
	size_t n;
};
void queue_list_release(struct queue_list *l);
/* By labels, then by repository. */
int store_queue(struct store *s, struct queue_list *ret, struct err *e) CHECK_RESULT;
/* The same without reading the jobs: the first of each, oldest first. */
int store_queue_heads(struct store *s, struct queue_list *ret, struct err *e) CHECK_RESULT;
/* One row: of this job, as if it waited alone. None without such a job. */
int store_queue_of_job(
	struct store *s, int64_t job_id, struct queue_list *ret, struct err *e) CHECK_RESULT;
/* Fills runners, offline and troubled; a runner counts once for rows of the same labels, at the
 * first of them. Online: a heartbeat since then, and not marked offline. */
int queue_count_runners(struct store *s, struct queue_list *l, struct wall online_since,
	struct err *e) CHECK_RESULT;
/* Rows of store_queue with the same labels become one, for listings. */
void queue_merge(struct queue_list *l);

/* What waits for a runner: jobs it could take now. */
struct matching {
	int64_t jobs;
	struct wall oldest_at; /* since when the oldest could be claimed */
};
struct matching queue_matching(const struct queue_list *l, const struct offer *o);
bool queue_offers(const struct queue_list *l, const struct offer *o); /* is there any? */
int store_matching(
	struct store *s, const struct offer *o, struct matching *ret, struct err *e) CHECK_RESULT;
struct waiting_row {
	int64_t job_id;
	struct wall since;
};
struct waiting_list {
	struct waiting_row *v;
	size_t n;
};
void waiting_list_release(struct waiting_list *l);
/* The oldest of them. */
int store_matching_list(struct store *s, const struct offer *o, int64_t limit,
	struct waiting_list *ret, struct err *e) CHECK_RESULT;

/* Jobs of a repository that are not over: those of untrusted pull requests, or all others. */
int store_open_jobs(
	struct store *s, int64_t repo_id, bool untrusted, int64_t *ret, struct err *e) CHECK_RESULT;

#endif
