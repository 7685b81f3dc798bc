/*
 * One claimed job as the supervisor sees it, from the claim to the end of clean-up:
 *
 *   SECURING lease and journal; a lease that a cleaner holds just now is waited for
 *   MAKING   the janitor makes the workspace
 *   COPYING  local runs only: the work tree is copied into it (runner/helper/local_copy.h)
 *   RUNNING  the job process works; children that it asks for are started
 *   RECOVERING  it died unexpectedly, or hung and was killed: the recover process reports what it
 *               left (runner/job/recover.h), again and again while the job's token lives
 *   REMOVING the janitor removes the workspace, with a deadline
 *   OVER     on_over tells the owner, who frees the slot from a callback of its own
 *
 * Before anything is made the slot takes the job's lease and writes its journal (state/lease.h,
 * state/journal.h); both go when the workspace is gone. Job and recover process inherit the lease.
 * A slot that is freed before its end, or whose recovery was cancelled, leaves all of it for the
 * next start (runner/supervisor/recovery.h).
 *
 * States change in slot_enter only. The supervisor reads nothing of the claim but its ids.
 */
#ifndef RUNNER_SLOT_SLOT_H
#define RUNNER_SLOT_SLOT_H

#include "config/runner_config.h"
#include "runner/ipc/channel.h"
#include "runner/claim/identity.h"
#include "runner/ipc/role.h"
#include "state/journal.h"
#include "state/lease.h"
#include "state/state_dir.h"

struct slot;

/* A local run: the job reports here, its checkouts are answered by the copy. */
struct slot_local {
	int source;         /* the work tree's folder */
	int files;          /* memory file: what to copy, paths below it, each ended by NUL */
	int history;        /* a folder with a .git of it, -1: there is none */
	int history_files;  /* memory file: its paths */
	const char *label;  /* of the work tree, for people */
	int output;         /* where the job reports: our standard output, or a file */
	bool shared_output; /* other jobs report there too */
};

struct slot_owner {
	struct loop *loop;
	const struct runner_config *config;
	const struct strv *job_env; /* environment of job processes: the resolved configuration */
	const struct state_dir *state; /* of the supervisor: what jobs keep, leases */
	/* why the job is handed back instead of run; copied. NULL: run it */
	const char *refusal;
	const struct slot_local *local; /* NULL: a coordinator's job */
	int64_t make_us;    /* patience with the janitor that makes the workspace; 0: ten minutes */
	int64_t silence_us; /* of a job process that hangs; 0: JOB_SILENCE_US */
	int64_t remove_us;  /* patience with children that must go and the removing janitor; 0: ten
			       minutes */
	int64_t recover_us; /* patience with a recover process; 0: a minute more than a token lives
			     */
	void (*on_over)(void *data); /* some slot is over, or holds no place any longer: check
					later, not inside */
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
/* Lease and journal stand, or cannot. */
bool slot_is_secured(const struct slot *s);
/* Its job process died and it only reports what that left: it holds no place of a new job. */
bool slot_is_recovering(const struct slot *s);
int64_t slot_job_id(const struct slot *s);
/* What the job process reported: "success", "failure", …; "lost": nothing could be reported any
 * more, "undelivered": not yet; "crashed" if it said nothing, "recovered" of slot_recover. */
const char *slot_conclusion(const struct slot *s);
/* Why this machine could not run the job; NULL: it could. */
const char *slot_platform_error(const struct slot *s);
/* Its workspace could not be removed and waits for the sweep. */
bool slot_workspace_kept(const struct slot *s);
/* For people and metrics; borrowed from the slot. */
struct slot_view {
	int64_t job_id, run_id;
	const char *state; /* "securing", "making", … */
	struct mono since; /* when the claim came */
	const struct progress_view *progress;
};
struct slot_view slot_view(const struct slot *s);
void slot_free(struct slot *s); /* kills what still runs; NULL fine */

#endif
