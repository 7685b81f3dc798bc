/*
 * Failed authentications of the last minute, by whom they count for: an address, or a name that
 * somebody wants to sign in with. A table of fixed size; all zero is an empty one.
 */
#ifndef COORDINATOR_APP_FAILURES_H
#define COORDINATOR_APP_FAILURES_H

#include "base/clock.h"

enum { FAILURE_SETS = 256, FAILURE_WAYS = 4, FAILURE_KEY_LEN = 32 };
struct failure_count {
	uint64_t who; /* a keyed hash */
	struct mono since;
	unsigned n;
};
struct failures {
	bool keyed;
	unsigned char key[FAILURE_KEY_LEN];
	struct failure_count sets[FAILURE_SETS][FAILURE_WAYS];
};

/* How many there were within the minute that the first of them began. */
unsigned failures_of(struct failures *f, const void *who, size_t len, struct mono now);
/* One more; how many there are with it. */
unsigned failures_add(struct failures *f, const void *who, size_t len, struct mono now);
/* One that was added was none. */
void failures_take_back(struct failures *f, const void *who, size_t len, struct mono now);

#endif
