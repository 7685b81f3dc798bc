/*
 * From an event to runs: after a push or on a dispatch, the workflow files of the commit are read,
 * parsed, filtered and stored as runs.
 *
 * A file that does not parse becomes a run that is completed/failure with the problem lines in it,
 * so that its author sees them where they look for the result. A commit whose message holds a skip
 * marker ("[skip ci]" and its relatives) starts nothing on push. A push to the default branch also
 * replaces the schedules of the repository (schedule.h).
 *
 * Runs synchronously, without network and child processes: milliseconds for ordinary commits. The
 * caller wakes waiting runners when *ret_runs > 0.
 */
#ifndef COORDINATOR_TRIGGER_TRIGGER_H
#define COORDINATOR_TRIGGER_TRIGGER_H

#include "coordinator/repo/repo.h"
#include "coordinator/store/repo.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/trigger/notes.h"
#include "coordinator/trigger/push.h"
#include "workflow/workflow.h"

struct trigger {
	struct store *store;
	const char *data_dir;
	const char *public_url; /* NULL: unknown; links in payloads are left out */
	struct wall now;
};

struct push_made {
	size_t runs;
	struct push_notes notes; /* what the pusher should know of them */
};
void push_made_release(struct push_made *m);
/* For each branch and tag of the push that really has its new value now. All runs of one push
 * belong together: the caller has a transaction or a group, and drops it after an error. */
int trigger_push(const struct trigger *t, const struct repo_row *repo, const struct push *push,
	const char *pusher, struct push_made *ret, struct err *e) CHECK_RESULT;

struct trigger_dispatch {
	const char *workflow; /* "smoke.yml" or its whole path */
	const char *ref;      /* NULL: the default branch */
	const struct pairs *inputs;
	const char *actor; /* NULL: unknown */
};
/* ERR_NOT_FOUND: no such file or ref; ERR_INPUT: broken file (its lines in problems), no
 * workflow_dispatch, unknown, missing or unfit inputs. */
int trigger_dispatch(const struct trigger *t, const struct repo_row *repo,
	const struct trigger_dispatch *d, struct strv *problems, struct run_created *ret,
	struct err *e) CHECK_RESULT;

/* Whether a push to this ref passes the branch or tag filter; paths are checked separately. */
bool trigger_ref_wanted(const struct workflow_push *p, bool tag, const char *name) CHECK_RESULT;
bool trigger_skips(const char *message) CHECK_RESULT; /* a skip marker in the message */

#endif
