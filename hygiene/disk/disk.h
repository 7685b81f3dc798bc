/*
 * How full a file system is, in df's arithmetic: what counts is what an ordinary user can still
 * have, so blocks reserved for root are neither used nor free, and percent is rounded up. Inodes
 * run out like bytes do. Cheap (one statvfs); any process.
 */
#ifndef HYGIENE_DISK_DISK_H
#define HYGIENE_DISK_DISK_H

#include "base/err.h"

struct disk_space {
	uint64_t used, avail;             /* bytes */
	uint64_t files_used, files_avail; /* both 0: the file system does not count them */
	uint64_t dev;
};
/* The file system of path, or where nothing stands yet of the nearest folder above it. */
int disk_measure(const char *path, struct disk_space *ret, struct err *e) CHECK_RESULT;

/* used of used + avail in percent, rounded up as df does; 0 of nothing is 0. */
unsigned disk_percent_of(uint64_t used, uint64_t avail);
/* Of bytes or of inodes, whichever is worse. */
unsigned disk_percent(const struct disk_space *d);
/* Less than min_free percent of bytes or inodes are left. */
bool disk_is_short(const struct disk_space *d, int64_t min_free);

#endif
