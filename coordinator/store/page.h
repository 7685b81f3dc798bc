/* Which rows of a list are asked for. */
#ifndef COORDINATOR_STORE_PAGE_H
#define COORDINATOR_STORE_PAGE_H

#include <stdint.h>

struct page {
	int64_t limit;  /* at most so many rows; INT64_MAX: all */
	int64_t offset; /* without so many at the start */
};

#endif
