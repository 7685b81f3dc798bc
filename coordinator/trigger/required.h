/*
 * What the base branch asks of a pull request: each of its workflows that the event starts is
 * required, with its jobs. The head's files are what runs, so a head that drops one must not look
 * as if all went well: every gap becomes a failed run of the name "NAME (required by BRANCH)".
 */
#ifndef COORDINATOR_TRIGGER_REQUIRED_H
#define COORDINATOR_TRIGGER_REQUIRED_H

#include "coordinator/repo/repo.h"
#include "coordinator/trigger/pull_filter.h"

struct required_gap {
	char *file, *name; /* the workflow's path; what its run is called */
	struct strv lines; /* what is missing, a line each */
};
struct required_gaps {
	struct required_gap *v;
	size_t n;
};
void required_gaps_release(struct required_gaps *g);
/* base, head: the workflow files of the two. A file of the base that does not parse requires
 * nothing; one of the head that does not parse is a failed run already. */
int required_gaps_find(const struct repo_files *base, const struct repo_files *head,
	struct pull_filter *f, struct required_gaps *ret, struct err *e) CHECK_RESULT;

#endif
