/*
 * Where workspaces are and who may touch them. A host is one runner instance: a folder that holds
 * workspaces, the user who owns them, and the leases that say which are in use.
 *
 *   shithub  <workspace_root>/<run>/<job>, named <run>-<job>; leases in <state_dir>/leases
 *   actions  <instance>/_work/<repo>, named <repo>; nobody can prove that such a host is drained
 *
 * Folders are resolved by where they are, never guessed by their name; links are not followed below
 * the root. Reads only, but for workdir_claim. Verbs and the sweep.
 */
#ifndef HYGIENE_WORKDIR_WORKDIR_H
#define HYGIENE_WORKDIR_WORKDIR_H

#include "base/tree/walk.h"
#include "hygiene/workdir/in_use.h"
#include "state/lease.h"

enum workdir_layout { WORKDIR_SHITHUB, WORKDIR_ACTIONS };
enum { WORKDIR_UIDS_MAX = 16, WORKDIR_NAME_MAX = 255 };

struct workdir_uids {
	uid_t v[WORKDIR_UIDS_MAX];
	size_t n;
	uid_t first; /* and `users` of them from here on: engine.user as a range */
	int64_t users;
};
/* "N" or "N,N…". */
int workdir_uids_parse(const char *text, struct workdir_uids *ret, struct err *e) CHECK_RESULT;
bool workdir_uids_have(const struct workdir_uids *u, uid_t uid);

struct workdir_host {
	char *name; /* shithub: of the machine; actions: of the instance's folder */
	char *root; /* absolute, without links */
	int fd;     /* the root */
	enum workdir_layout layout;
	struct walk_entry self; /* the root's facts */
	uid_t home_uid;         /* who runs it: owner of the instance, or of our root */
	gid_t home_gid;
	struct walk_who who;        /* who deletes in it */
	struct workdir_uids owners; /* expected ones */
	char *leases;               /* NULL: no lease can be read: nothing proves idleness */
};
struct workdir_host_spec {
	enum workdir_layout layout;
	const char *path;                    /* workspace root, or the instance's folder */
	const char *state_dir;               /* shithub */
	int64_t step_uid;                    /* shithub: engine.user; -1: none */
	int64_t step_users;                  /* from step_uid on; 0 or 1: that one */
	const struct workdir_uids *expected; /* NULL: by who runs it */
};
/* -1: such a host cannot be opened. */
int workdir_host_open(
	struct workdir_host *h, const struct workdir_host_spec *spec, struct err *e) CHECK_RESULT;
void workdir_host_release(struct workdir_host *h);

struct workdir {
	const struct workdir_host *host;
	char *name;  /* <repo>, or <run>-<job>; any bytes */
	char *run;   /* shithub: folder between root and entry; else NULL */
	char *entry; /* last component */
};
struct workdirs {
	struct workdir *v;
	size_t n;
};
/* All of a host, sorted by name. Folders that are no workspaces (_temp, _tool, …) are left out. */
int workdirs_list(const struct workdir_host *h, struct workdirs *ret, struct err *e) CHECK_RESULT;
void workdirs_release(struct workdirs *w);
const struct workdir *workdirs_find(const struct workdirs *w, const char *name);
/* One plain component that can name a workspace: the reason why not, or NULL. */
const char *workdir_name_problem(const char *name);
/* What a walk would tell of an open folder: owner, mode, attributes. */
int workdir_facts(int fd, struct walk_entry *ret, struct err *e) CHECK_RESULT;
/* The folder that holds the entry; -1. */
int workdir_open_parent(const struct workdir *w, struct err *e) CHECK_RESULT;
char *workdir_path(const struct workdir *w) CHECK_RESULT; /* absolute */

/* Name of the lease that covers it, owned; NULL: none can. */
char *workdir_lease(const struct workdir *w) CHECK_RESULT;
enum workdir_use {
	WORKDIR_IDLE,    /* proved: the runner's state is there and nobody holds the lease */
	WORKDIR_UNKNOWN, /* nobody can tell: a person must (--confirm-drained) */
	WORKDIR_BUSY,    /* proved: no flag overrides it */
};
/* *ret_why (owned) says by what it is busy. claimed: the caller holds its lease; else the lease is
 * only inspected. user: a process that a walk found to have something in it open; 0: none. */
enum workdir_use workdir_in_use(
	const struct workdir *w, const struct in_use *u, bool claimed, pid_t user, char **ret_why);
/* Whether somebody holds the lease <folder>/<name>; as workdir_in_use looks. */
bool workdir_lease_held(const char *folder, const char *name);
/* Takes the lease for a change (shithub; else nothing to take): ERR_CONFLICT when somebody has it.
 * lease_end it afterwards. */
int workdir_claim(const struct workdir *w, struct lease *ret, struct err *e) CHECK_RESULT;

#endif
