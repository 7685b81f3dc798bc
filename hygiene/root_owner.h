/*
 * Whose workspace root it is: <root>/.owner names the runner (instance id of its state directory)
 * whose leases speak for the root. Another one's cleaner is refused, as its leases would prove
 * nothing. The first cleaner claims a root that has no owner yet.
 */
#ifndef HYGIENE_ROOT_OWNER_H
#define HYGIENE_ROOT_OWNER_H

#include "base/err.h"

/* claim: write the mark where there is none. ERR_CONFLICT: it is another runner's root. */
int root_owner_check(
	const char *root, const char *state_dir, bool claim, struct err *e) CHECK_RESULT;

#endif
