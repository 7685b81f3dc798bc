/*
 * A supervisor without free descriptors cannot start the process that would report a job, so the
 * shortage is found before the first claim. For each slot: channel, lease, claim, the descriptors
 * of four processes and a pipe, and some to spare.
 */
#include "runner/supervisor/descriptors.h"

#include "config/descriptors.h"

enum { OWN = 96, EACH_SLOT = 12 };

int descriptors_for_capacity(int64_t capacity, struct err *e)
{
	return descriptors_require(
		(uint64_t)(OWN + EACH_SLOT * capacity), "runner.capacity", capacity, e);
}
