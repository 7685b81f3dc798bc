/*
 * One claimed job as the supervisor sees it, from the claim to the end of clean-up:
 *
 *   MAKING   the janitor makes the workspace
 *   COPYING  local runs only: the work tree is copied into it (runner/local_copy.h)
 *   RUNNING  the job process works; children that it asks for are started
 *   RECOVERING it died unexpectedly: the recover process reports what it left (runner/recover.h)
 *   REMOVING the janitor removes the workspace, with a deadline
 *   over     on_over tells the owner, who frees the slot from a callback of its own
 *
 * Before anything is made the slot takes the job's lease and writes its journal (state/lease.h,
 * state/journal.h); both go when the workspace is gone. Job and recover process inherit the lease.
 * A slot that is freed before its end, or whose recovery was cancelled, leaves all of it for the
 * next start (runner/recovery.h).
 *
 * States change in slot_enter only. The supervisor never looks into the claim beyond its ids.
 */
#ifndef RUNNER_SLOT_H
#define RUNNER_SLOT_H

#include "config/runner_config.h"
#include "runner/channel.h"
#include "runner/job_spec.h"
#include "runner/role.h"
#include "state/journal.h"
#include "state/lease.h"
#include "state/state_dir.h"

struct slot;

/* A local run: the job reports to our standard output, its checkouts are answered by the copy. */
struct slot_local {
	int source;        /* the work tree's folder */
	int files;         /* memory file: what to copy, paths below it, each ended by NUL */
	const char *label; /* of the work tree, for people */
};

struct slot_owner {
	struct loop *loop;
	const struct runner_config *config;
	const struct strv *job_env; /* environment of job processes: the resolved configuration */
	const struct state_dir *state;  /* of the supervisor: what jobs keep, leases */
	const struct slot_local *local; /* NULL: a coordinator's job */
	int64_t remove_us;              /* patience with the removing janitor; 0: ten minutes */
	void (*on_over)(void *data); /* some slot is over: look with slot_over, later, not inside */
	void *data;
};

/* Starts at once. Takes identity over; the claim is copied into a sealed memory file. cut: it is
 * not all of the claim, so the job can only be reported. NULL: the claim could not even be stored.
 */
struct slot *slot_start(const struct slot_owner *owner, struct claim_identity *identity,
	struct slice claim, bool cut, struct err *e) CHECK_RESULT;
/* A job whose processes died with an earlier supervisor: begins with RECOVERING. Takes lease and
 * journal over; never fails. */
struct slot *slot_recover(
	const struct slot_owner *owner, struct journal *journal, struct lease *lease);
/* Asks the job process to end its job as cancelled (second SIGTERM, shutdown). */
void slot_cancel(struct slot *s);
/* Ends the job process itself; what it left in the engine is the caller's to remove. */
void slot_kill(struct slot *s);
bool slot_over(const struct slot *s);
int64_t slot_job_id(const struct slot *s);
/* What the job process reported: "success", "failure", …; "lost": nothing could be reported any
 * more, "undelivered": not yet; "crashed" if it said nothing, "recovered" of slot_recover. */
const char *slot_conclusion(const struct slot *s);
/* For people and metrics; borrowed from the slot. */
struct slot_view {
	int64_t job_id, run_id;
	const char *state; /* "making", "running", … */
	struct mono since; /* when the claim came */
	const struct progress_view *progress;
};
struct slot_view slot_view(const struct slot *s);
void slot_free(struct slot *s); /* kills what still runs; NULL fine */

#endif
