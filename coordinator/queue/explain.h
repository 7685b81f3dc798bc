/*
 * Why a job waits: everything that keeps it from being claimed, in the order in which it has to go
 * away. What decides is elsewhere (settle.h, concurrency.h, eligible.h, claim.h); this puts it into
 * words for the command line and the API.
 */
#ifndef COORDINATOR_QUEUE_EXPLAIN_H
#define COORDINATOR_QUEUE_EXPLAIN_H

#include "base/clock.h"
#include "coordinator/store/job.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/store.h"

enum wait_kind {
	WAIT_APPROVAL,     /* somebody has to approve the commit of a pull request */
	WAIT_RUN_GROUP,    /* the run waits for its concurrency group */
	WAIT_NEEDS,        /* jobs that it needs are not over */
	WAIT_MATRIX,       /* its legs are about to be made */
	WAIT_ENVIRONMENT,  /* its environment wants an approval, or time */
	WAIT_MAX_PARALLEL, /* as many of its legs are open as may be */
	WAIT_GROUP,        /* the job waits for its concurrency group */
	WAIT_DISABLED,     /* a policy has disabled actions */
	WAIT_REPO_CAP,     /* as many jobs of the repository run as a policy allows */
	WAIT_OWNER_CAP,    /* likewise of its owner */
	WAIT_NO_RUNNER,    /* no runner offers its labels */
	WAIT_SCOPE,        /* those that do belong to another owner or repository */
	WAIT_NOT_ALLOWED,  /* a policy allows none of those that do */
	WAIT_OFFLINE,      /* those that do are offline */
	WAIT_TROUBLE,      /* those that do said what keeps them from work */
	WAIT_DRAINED,      /* those that do and are online are drained */
	WAIT_BUSY,         /* those that do and might are at capacity */
	WAIT_RETURNED,     /* the runner that just gave it back is the only one */
	WAIT_SOON,         /* nothing keeps it: the next heartbeat takes it */
};
const char *wait_kind_text(enum wait_kind k); /* "needs", "no_runner", … of the JSON */

struct wait_reason {
	enum wait_kind kind;
	char *text; /* one line: who or what it waits for */
};
struct wait_reasons {
	struct wait_reason *v;
	size_t n;
};
/* One queued job. */
struct job_wait {
	int64_t job_id;
	char *name;
	struct wait_reasons reasons; /* at least one */
};
struct job_waits {
	struct job_wait *v;
	size_t n;
	size_t left_out; /* queued jobs beyond spec->most */
};
void job_waits_release(struct job_waits *l);
struct explain_spec {
	int64_t run_id;
	int64_t job_id;           /* of that run; 0: all its queued jobs */
	struct wall online_since; /* a runner with a heartbeat since then is online */
	struct wall now;
	size_t most; /* at most so many jobs; 0: all */
	/* Of the whole pool, for who asks about many runs; NULL: they are read. */
	const struct runner_list *runners;
};
/* In the order of the file. None: nothing of it waits. */
int store_run_explain(struct store *s, const struct explain_spec *spec, struct job_waits *ret,
	struct err *e) CHECK_RESULT;

#endif
