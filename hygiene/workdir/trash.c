/*
 * A rename in the same folder is atomic and needs no room, so it works on a full disk; the random
 * part keeps two that were set aside for the same job apart.
 */
#include "hygiene/workdir/trash.h"

#include <errno.h>
#include <stdio.h>

#include "base/codec.h"

static const char PREFIX[] = ".stale-";

bool trash_is(const char *entry)
{
	return str_starts(entry, PREFIX);
}

char *trash_move(int parent, const char *entry, struct err *e)
{
	char uuid[UUID_TEXT_MAX];
	CLEAN_STR char *name = NULL;

	if (trash_is(entry))
		return xstrdup(entry);
	uuid_v4(uuid);
	name = xasprintf("%s%s-%.8s", PREFIX, entry, uuid);
	if (renameat(parent, entry, parent, name) < 0) {
		err_set_errno(e, errno, "move %s aside", entry);
		return NULL;
	}
	return TAKE(name);
}
