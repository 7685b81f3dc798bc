/*
 * Whether an event of a pull request starts a workflow: the types, the base branch, and the files
 * that differ between the head and where it left the base. Internal to trigger.
 */
#ifndef COORDINATOR_TRIGGER_PULL_FILTER_H
#define COORDINATOR_TRIGGER_PULL_FILTER_H

#include "coordinator/repo/repo.h"
#include "workflow/workflow.h"

struct pull_filter {
	struct repo *repo;
	const char *action;
	const char *base;     /* name of the branch */
	const char *base_sha; /* a commit of it */
	const char *head_sha;
	/* read when the first path filter asks */
	struct strv changed;
	bool changed_known, changed_all;
};
void pull_filter_release(struct pull_filter *f);
int pull_filter_passes(struct pull_filter *f, const struct workflow_pull_request *on, bool *ret,
	struct err *e) CHECK_RESULT;

#endif
