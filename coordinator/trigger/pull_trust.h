/*
 * Whose a pull request is. Nothing of what its host says of the author raises it: that a commit is
 * the repository's own is read from the repository's branches, that the author may write from the
 * roles, that the author is no newcomer from what was merged here. Internal to trigger.
 */
#ifndef COORDINATOR_TRIGGER_PULL_TRUST_H
#define COORDINATOR_TRIGGER_PULL_TRUST_H

#include "coordinator/trigger/pull.h"

struct pull_trust {
	enum run_trust trust;
	bool awaits; /* nothing runs before the commit is approved */
};
int pull_trust_judge(const struct trigger *t, const struct repo_row *row, struct repo *repo,
	const struct pull_event *ev, struct pull_trust *ret, struct err *e) CHECK_RESULT;
/* The head is in the repository, not in a fork, by what the host says. */
bool pull_is_own(const struct repo_row *row, const struct pull_event *ev);

#endif
