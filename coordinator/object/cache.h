/*
 * What was fetched of a bucket, as files. Each use sets a file's time; those that nobody used for
 * an hour go, and the oldest while all together are more than two gigabytes. Whoever reads one that
 * goes reads on.
 */
#ifndef COORDINATOR_OBJECT_CACHE_H
#define COORDINATOR_OBJECT_CACHE_H

#include "base/limits.h"
#include "coordinator/object/files.h"

#define CACHE_AGE_S 3600
#define CACHE_BYTES ((int64_t)GIB(2))

/* After one was fetched, which stays. What cannot be removed is left for next time. */
void cache_trim(const struct files *f, const char *fetched);

#endif
