/*
 * The slot's inside. Only its files include it: slot.c (life and states),
 * slot/workspace.c (janitor and copy), slot/job.c (the job process and its helpers), slot/keep.c
 * (lease, journal, recovery).
 */
#ifndef RUNNER_SLOT_PRIVATE_H
#define RUNNER_SLOT_PRIVATE_H

#include "base/backoff.h"
#include "runner/slot/slot.h"

enum slot_state {
	SLOT_SECURING,
	SLOT_MAKING,
	SLOT_COPYING,
	SLOT_RUNNING,
	SLOT_RECOVERING,
	SLOT_REMOVING,
	SLOT_OVER
};
/* A janitor that has not made or removed a workspace by then hangs in its file system. */
#define SLOT_REMOVE_US (10 * 60 * USEC_PER_SEC)
/* A cleaner holds a lease for the time of one rename; longer than this it is no cleaner. */
#define SLOT_LEASE_US (30 * USEC_PER_SEC)

/* What the job process may have us run beside it. */
enum slot_child_kind { SLOT_HELPER, SLOT_WATCH, SLOT_CHILDREN };
struct slot_child {
	struct slot *slot;
	struct role role;
	const struct slot_role *wanted; /* asked for while the last one was still ending; job.c */
	int socket;                     /* that one's */
};

struct slot {
	struct slot_owner owner;
	struct claim_identity id;
	enum slot_state state;
	int claim_fd; /* memfd until the job process has it */
	int channel;  /* our end */
	struct loop_source *channel_watch;
	struct role job, janitor;
	struct slot_child children[SLOT_CHILDREN];
	int janitor_err;       /* read end of the janitor's stderr */
	char *workspace_error; /* why there is no workspace; NULL: there is one */
	char *platform_error;  /* why this machine could not run the job; NULL: it could */
	char conclusion[CHANNEL_TEXT];
	struct progress_view progress;
	struct mono since;               /* when the claim came */
	bool claim_cut, cancelled, made; /* made: there is a workspace to remove */
	struct lease lease;
	bool kept;                    /* there is a journal */
	bool workspace_kept;          /* the janitor could not remove it */
	bool leave;                   /* and it stays for the next start */
	char *ended;                  /* how the job process died: "signal 11"; NULL: with us */
	struct loop_source *deadline; /* next try for the lease or the recovery; of children that
					 must go, of the recover process, of the janitor */
	struct mono lease_until;      /* last try for the lease */
	struct loop_source *silence;  /* of the job process */
	bool silent;                  /* it gets one more chance */
	int seat;                     /* slot/seat.c; -1: none of its own */
	struct backoff retry;         /* of the recovery */
};

/* slot.c: the only place where a state changes */
void slot_enter(struct slot *s, enum slot_state next);

/* slot/seat.c */
void slot_seat_take(struct slot *s);
void slot_seat_give(struct slot *s);
int64_t slot_project(const struct slot *s); /* 0: none */
int64_t slot_uid(const struct slot *s);
int64_t slot_gid(const struct slot *s);
/* The environment of its job process: one step user instead of the range. */
void slot_job_env(const struct slot *s, struct strv *ret);

/* slot/workspace.c */
int64_t slot_remove_patience(const struct slot *s);
void slot_enter_making(struct slot *s);
void slot_enter_copying(struct slot *s);
void slot_enter_removing(struct slot *s);
/* Arguments of a role that becomes the step user in the job's workspace, and of the copy. */
void slot_step_role_argv(const struct slot *s, const char *role, struct strv *argv);
void slot_local_copy_argv(const struct slot *s, struct strv *argv);
/* Its descriptors; how many. */
enum { SLOT_COPY_FDS = 4 };
size_t slot_local_copy_fds(const struct slot *s, struct proc_fd ret[SLOT_COPY_FDS]);

/* slot/keep.c */
/* Lease, folder and journal, then MAKING; what fails becomes the workspace_error. */
void slot_enter_securing(struct slot *s);
void slot_note(struct slot *s, enum lease_state state);
void slot_enter_recovering(struct slot *s);
/* Not now: the next start recovers the job. */
void slot_leave_recovery(struct slot *s);
/* At the end: nothing is left of the job, or what the next start needs. */
void slot_settle(struct slot *s);

/* slot/job.c */
void slot_enter_running(struct slot *s);

#endif
