/*
 * Positive evidence that somebody works in a folder: a process whose working directory, root,
 * program or an open file lies in it. Reads /proc once, then answers for any number of folders.
 * What it does not find proves nothing: processes of other users may be hidden, and those in
 * containers name their files as the container sees them.
 */
#ifndef HYGIENE_IN_USE_H
#define HYGIENE_IN_USE_H

#include "base/err.h"

struct in_use; /* a snapshot */

struct in_use *in_use_look(void); /* never NULL; without /proc it is empty */
void in_use_free(struct in_use *u);
/* Id of a process (never our own) that uses path, an absolute one without links, or what is below
 * it; 0: none seen. */
pid_t in_use_by(const struct in_use *u, const char *path);

#endif
