/*
 * Out of the way before it is deleted: a rename in the same folder to .stale-<entry>-<random>, so
 * that no job ever meets a half-deleted tree and a crash leaves only what every later sweep takes.
 */
#ifndef HYGIENE_WORKDIR_TRASH_H
#define HYGIENE_WORKDIR_TRASH_H

#include "base/err.h"

bool trash_is(const char *entry); /* was moved there by somebody */
/* The new name, owned; what is trash already keeps its own. NULL: it stays where it is. */
char *trash_move(int parent, const char *entry, struct err *e) CHECK_RESULT;

#endif
