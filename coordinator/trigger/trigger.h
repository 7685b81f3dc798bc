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
 * caller wakes waiting runners when there are new runs.
 */
#ifndef COORDINATOR_TRIGGER_TRIGGER_H
#define COORDINATOR_TRIGGER_TRIGGER_H

#include "coordinator/app/app.h"
#include "coordinator/repo/repo.h"
#include "coordinator/store/push.h"
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
/* As of now; what it points to is borrowed. */
static inline struct trigger trigger_at(
	struct store *s, const char *data_dir, const char *public_url)
{
	return (struct trigger){ s, data_dir, public_url, wall_now() };
}

static inline struct trigger trigger_of(const struct app *a)
{
	return trigger_at(a->store, a->data_dir, a->public_url);
}

/* A push whose runs are made one after the other. */
struct push_runs {
	const struct push *push;
	const char *pusher;       /* NULL: unknown */
	struct push_progress at;  /* where to begin, and how far it came, after an error too */
	struct push_notes *notes; /* what the pusher should know; the caller's. NULL: nobody asks */
	/* In the transaction of a run: what stands before `at` is made. NULL: nobody keeps it. */
	int (*keep)(void *data, const struct push_progress *at, struct err *e);
	bool (*stops)(void *data); /* asked between two runs; NULL: it never does */
	void *data;
};
/* For each branch and tag of the push that really has its new value now. A run is a transaction of
 * its own (those of a pull request are one together), so nobody waits for a whole push; git is read
 * and files are parsed between them. 0 with at.ref == push->n: all are made; else `stops` said so.
 */
int trigger_push(const struct trigger *t, const struct repo_row *repo, struct push_runs *p,
	struct err *e) CHECK_RESULT;

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
bool trigger_skips(const char *message) CHECK_RESULT; /* a skip marker or trailer */

#endif
