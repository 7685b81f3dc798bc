/*
 * An admin verb for a caller elsewhere: the role `admin-call --data DIR --login LOGIN --user ID
 * [--site-admin] -- WORDS` that serve starts (api/admin.c). It runs the verb of the same table,
 * with the folder and the caller from serve; what only makes sense at the machine is refused by
 * name.
 */
#ifndef COORDINATOR_ADMIN_CALL_H
#define COORDINATOR_ADMIN_CALL_H

#include "base/cli.h"

/* verbs: those below `admin`. An exit code. */
int admin_call(int argc, char **argv, const struct cli_verb *verbs);

#endif
