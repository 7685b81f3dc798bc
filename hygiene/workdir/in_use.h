/*
 * Positive evidence that somebody works in a folder, across mount namespaces:
 *
 *   a process whose working directory, root, program or an open file lies in it, by the place of
 *   the file (hygiene/workdir/mount_table.h) or by its device and inode
 *   a mount namespace that has the folder mounted, or a container that has its work root mounted
 *
 *   a container that has one of the two mounted and was made but not started yet: it has no
 * process, so whoever can ask an engine names what such containers mount
 *
 * Reads /proc once, then answers for any number of folders. What it does not find proves nothing:
 * files of other users' processes may be hidden. Owned by the caller; any process.
 */
#ifndef HYGIENE_WORKDIR_IN_USE_H
#define HYGIENE_WORKDIR_IN_USE_H

#include "base/err.h"

struct in_use; /* a snapshot */

struct in_use_engine {
	/* Adds the folders of this machine that containers mount which did not start yet. */
	void (*mounts)(void *data, struct strv *ret);
	void *data;
};
/* Never NULL; without /proc it is empty. engine NULL: there is none to ask. */
struct in_use *in_use_snapshot(const struct in_use_engine *engine);
void in_use_free(struct in_use *u); /* NULL fine */
static inline void in_use_freep(struct in_use **u)
{
	in_use_free(*u);
	*u = NULL;
}
enum { IN_USE_CONTAINER = -1 };
/* Id of a process (never our own) that uses path, an absolute one without links, or what is below
 * it; IN_USE_CONTAINER: a container without a process; 0: none seen. root: the work root that path
 * lies in; a namespace that has it mounted can reach path. *ret_how, a constant: "works in it",
 * "has it mounted", and for a container all of the sentence. */
pid_t in_use_by(const struct in_use *u, const char *root, const char *path, const char **ret_how);
/* The same for one file that a walk met; 0: nobody has it open or works in it. */
pid_t in_use_inode(const struct in_use *u, uint64_t dev, uint64_t ino);

#endif
