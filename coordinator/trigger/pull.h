/*
 * From an event of a pull request to runs. The event comes from the host that owns pull requests
 * (POST …/pulls/{n}/events) after it pushed the head to refs/pull/N/head; a host that only pushes
 * makes `opened` and `synchronize` events of which nothing but the commit is known.
 *
 * The workflow files are those of the commit that runs: the merge commit if the host names one,
 * else the head. What they may do is pull_trust.h's to say, what the base branch requires
 * required.h's.
 */
#ifndef COORDINATOR_TRIGGER_PULL_H
#define COORDINATOR_TRIGGER_PULL_H

#include "coordinator/trigger/file_run.h"

/* Borrowed; NULL: not said. Where it says so, it was checked for its form. */
struct pull_event {
	int64_t number;
	const char *action; /* one of WORKFLOW_PULL_ACTIONS */
	const char *title, *body, *label;
	const char *author, *sender; /* logins; sender NULL: the author */
	const char *association;     /* OWNER, MEMBER, …, NONE */
	const struct strv *labels;
	const char *head_sha, *head_ref;
	const char *head_repo; /* owner/name; NULL: this repository */
	const char *base_ref;  /* name of a branch */
	const char *base_sha;  /* NULL: what the branch points at */
	const char *merge_sha; /* a merge of the head into the base */
	bool draft, merged;
	bool pushed; /* nobody sent it: its ref was pushed */
};
struct pull_made {
	struct file_runs files;
	enum run_trust trust;
	bool awaits_approval;
};
void pull_made_release(struct pull_made *m);

/* ERR_CONFLICT: the head is not there yet, or too many runs of it are open; ERR_INPUT names the
 * member that is wrong. All or nothing. */
int trigger_pull(const struct trigger *t, const struct repo_row *row, const struct pull_event *ev,
	struct pull_made *ret, struct err *e) CHECK_RESULT;
/* refs/pull/N/head was pushed. Starts nothing when the host sends events. */
int trigger_pull_pushed(const struct trigger *t, const struct repo_row *row, struct repo *repo,
	int64_t number, const char *sha, const char *pusher, struct file_runs *made,
	struct err *e) CHECK_RESULT;
/* N of refs/pull/N/head, 0: another ref. */
int64_t pull_ref_number(const char *ref) CHECK_RESULT;

#endif
