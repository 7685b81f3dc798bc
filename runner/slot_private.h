/*
 * The slot's inside, shared by its files and by nobody else: slot.c (life and states),
 * slot_workspace.c (janitor and copy), slot_job.c (the job process and its helpers), slot_keep.c
 * (lease, journal, recovery).
 */
#ifndef RUNNER_SLOT_PRIVATE_H
#define RUNNER_SLOT_PRIVATE_H

#include "runner/slot.h"

enum slot_state {
	SLOT_MAKING,
	SLOT_COPYING,
	SLOT_RUNNING,
	SLOT_RECOVERING,
	SLOT_REMOVING,
	SLOT_OVER
};
/* A janitor that has not removed a workspace by then hangs in its file system. */
#define SLOT_REMOVE_US (10 * 60 * USEC_PER_SEC)

struct slot {
	struct slot_owner owner;
	struct claim_identity id;
	enum slot_state state;
	int claim_fd; /* memfd until the job process has it */
	int channel;  /* our end */
	struct loop_source *channel_watch;
	struct role job, helper, janitor; /* helper: a checkout or artifact child */
	struct role watch;                /* see workspace_watch.h */
	int janitor_err;                  /* read end of the janitor's stderr */
	char *workspace_error;            /* why there is no workspace; NULL: there is one */
	char conclusion[CHANNEL_TEXT];
	struct progress_view progress;
	struct mono since;               /* when the claim came */
	bool claim_cut, cancelled, made; /* made: there is a workspace to remove */
	struct lease lease;
	bool kept;                    /* there is a journal */
	bool leave;                   /* and it stays for the next start */
	char *ended;                  /* how the job process died: "signal 11"; NULL: with us */
	struct loop_source *deadline; /* of the removing janitor */
};

/* slot.c: the only place where a state changes */
void slot_enter(struct slot *s, enum slot_state next);

/* slot_workspace.c */
void slot_enter_making(struct slot *s);
void slot_enter_copying(struct slot *s);
void slot_enter_removing(struct slot *s);
/* Arguments of a role that becomes the step user in the job's workspace, and of the copy. */
void slot_step_role_argv(const struct slot *s, const char *role, struct strv *argv);
void slot_local_copy_argv(const struct slot *s, struct strv *argv);

/* slot_keep.c */
/* Lease, folder and journal; what fails becomes the workspace_error. */
void slot_secure(struct slot *s);
void slot_note(struct slot *s, enum lease_state state);
void slot_enter_recovering(struct slot *s);
/* At the end: nothing is left of the job, or what the next start needs. */
void slot_settle(struct slot *s);

/* slot_job.c */
void slot_enter_running(struct slot *s);

#endif
