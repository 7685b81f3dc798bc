/*
 * Approval of a commit of an untrusted pull request: its runs may start, and if that is said, their
 * jobs get the repository's secrets. An approval holds for one commit of one pull request: all runs
 * of it that wait, and those that are made of it later. The next push waits again.
 */
#ifndef COORDINATOR_QUEUE_APPROVE_H
#define COORDINATOR_QUEUE_APPROVE_H

#include "coordinator/queue/run_create.h"

enum { APPROVE_REASON_MAX = 500 }; /* bytes */
struct approval {
	const char *by;     /* who */
	const char *reason; /* NULL: none given */
	bool secrets;       /* also the trusted secret path */
};
/* Of the run's commit. ret_started: how many runs waited for it. ERR_CONFLICT unless the run waits,
 * or is of an untrusted pull request and secrets are asked for: then its next attempts get them. */
int store_run_approve(struct store *s, int64_t run_id, const struct approval *a, struct wall now,
	int64_t *ret_started, struct err *e) CHECK_RESULT;

/* What the audit table calls it. */
const char *approve_verb(bool secrets);
/* Ends the runs of a pull request that wait, but those of the commit `but` (NULL: all). */
int store_pull_cancel_waiting(struct store *s, int64_t repo_id, int64_t number, const char *but,
	const char *why, struct wall now, struct err *e) CHECK_RESULT;

/* What is true of a commit that runs again: the trust that the old run had, and what was approved
 * since. For this folder. */
int run_trust_again(struct store *s, const struct run_row *old, struct run_spec *spec,
	struct err *e) CHECK_RESULT;

#endif
