/*
 * Whether the step user can pass every folder on the way to the workspace root. A step sees its
 * workspace as a mount and needs none of them, but checkout and artifact children work as that user
 * on the host and resolve the path.
 */
#ifndef HYGIENE_WORKDIR_ROOT_REACH_H
#define HYGIENE_WORKDIR_ROOT_REACH_H

#include <sys/types.h>

#include "base/err.h"

/* ERR_CONFLICT names the folder and the cure. Folders that do not exist yet are fine: the runner
 * makes them passable. A folder with an access control list counts as passable, as its mode does
 * not say whom the list lets through. */
int root_reach_check(const char *root, uid_t uid, gid_t gid, struct err *e) CHECK_RESULT;

#endif
