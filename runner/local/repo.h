/*
 * The repository that a local run is about, as git tells it: asks the git program, reads nothing
 * but its answers, changes nothing (no index refresh, no fsmonitor hook).
 */
#ifndef RUNNER_LOCAL_REPO_H
#define RUNNER_LOCAL_REPO_H

#include "base/buf.h"
#include "base/loop.h"
#include "workflow/event.h"

struct local_repo {
	char *root; /* of the work tree */
	char *url; /* of the remote origin as https://host/owner/name.git, without credentials; else
		    * one below http://localhost */
	char *name;                 /* owner/name */
	char *sha;                  /* HEAD; 40 zeros before the first commit */
	char *ref;                  /* refs/heads/…; detached: "HEAD" */
	char *actor;                /* user.name, else as local_user_name */
	char *default_branch;       /* of the remote origin; NULL: not known */
	char *before;               /* the commit before HEAD, NULL: none */
	struct event_commit commit; /* of HEAD, without its id; borrows from text */
	char *text;
	char *label;          /* "/src/app (work tree on trunk at 1a2b3c4)" */
	int dir;              /* the root, -1 */
	int files;            /* memory file: tracked and untracked paths, ignored ones not; -1 */
	struct strv left_out; /* repositories in the repository: not in files */
	int history;          /* the folder of a .git for steps (runner/local/history.h), -1 */
	int history_files;    /* memory file: its paths, -1 */
};
#define LOCAL_REPO_INIT                                                    \
	{                                                                  \
		.dir = -1, .files = -1, .history = -1, .history_files = -1 \
	}

/* The work tree around dir. ERR_NOT_FOUND with the remedy when there is none, or no git. */
int local_repo_open(
	struct loop *l, const char *dir, struct local_repo *ret, struct err *e) CHECK_RESULT;
/* A memory file of paths, each ended by NUL, that nobody can change any more. */
int local_repo_keep_list(const struct buf *list, struct err *e) CHECK_RESULT;
/* Opens the root and lists its files: what local_copy wants. */
int local_repo_list(struct loop *l, struct local_repo *r, struct err *e) CHECK_RESULT;
void local_repo_release(struct local_repo *r);

/* The login of whoever runs this, "local" without one; the caller's. */
char *local_user_name(void) CHECK_RESULT;

/* https form of any remote: scp-like, ssh, git, http with credentials. NULL: not one with a host
 * and a path. Pure. */
char *local_repo_url(const char *remote) CHECK_RESULT;

#endif
