/*
 * Making one workspace deletable (unlock) or deleting it (remove), with the rights of the user who
 * owns the host's workspaces and never with more: a root process takes that user's effective ids
 * for the walk. Never chowns, never follows a link, never leaves the workspace. The caller has
 * established that nobody uses it and holds its lease.
 */
#ifndef HYGIENE_WORKDIR_REPAIR_H
#define HYGIENE_WORKDIR_REPAIR_H

#include "hygiene/workdir/workdir.h"

enum workdir_mode { WORKDIR_UNLOCK, WORKDIR_REMOVE };
extern const char *const workdir_mode_words[]; /* "unlock" "remove", ended by NULL */

struct workdir_repair {
	uint64_t directories, files; /* modes changed, or to be changed in a preview */
	uint64_t shared;  /* unlock: left alone, as a name outside may be of the same file */
	uint64_t failed;  /* unlock: chmod refused */
	uint64_t left;    /* remove: entries that stay */
	char *first_left; /* owned; the first reason, NULL: none */
};
void workdir_repair_release(struct workdir_repair *r);

/* preview: counts and changes nothing. -1: it could not even be begun. Entries that resist are no
 * error but counted. */
int workdir_unlock(const struct workdir *w, bool preview, struct workdir_repair *ret,
	struct err *e) CHECK_RESULT;
/* Renamed in its folder, where no job meets it while it is deleted; w->entry is the new name. */
int workdir_set_aside(struct workdir *w, struct err *e) CHECK_RESULT;
int workdir_remove(const struct workdir *w, struct workdir_repair *ret, struct err *e) CHECK_RESULT;

#endif
