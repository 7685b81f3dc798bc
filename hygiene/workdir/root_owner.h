/*
 * Whose workspace root it is: <root>/.owner names the runner (instance id of its state directory)
 * whose leases speak for the root. Another one is refused, as its leases would prove nothing and
 * its jobs may have the same numbers. Who first uses a root that has no owner yet claims it.
 */
#ifndef HYGIENE_WORKDIR_ROOT_OWNER_H
#define HYGIENE_WORKDIR_ROOT_OWNER_H

#include "base/err.h"

/* claim: write the mark where there is none. ERR_CONFLICT: it is another runner's root. */
int root_owner_check(
	const char *root, const char *state_dir, bool claim, struct err *e) CHECK_RESULT;

#endif
