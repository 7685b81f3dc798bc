/*
 * Which rows of a list are asked for: some behind a row that the caller has seen. So a list that
 * grows or shrinks meanwhile shows no row twice and leaves none out.
 */
#ifndef COORDINATOR_STORE_PAGE_H
#define COORDINATOR_STORE_PAGE_H

#include <stdint.h>

struct page {
	int64_t limit; /* at most so many rows; INT64_MAX: all */
	int64_t after; /* the id of the last row seen; 0: none was */
};

/* For lists that begin with the largest id: those below this one. */
static inline int64_t page_below(const struct page *p)
{
	return p->after ? p->after : INT64_MAX;
}

#endif
