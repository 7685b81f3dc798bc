/*
 * What scans do with the wide registers of a processor that has AVX2. They only skip: where they
 * find something, the portable code looks at it again. Pure.
 */
#ifndef BASE_MASK_WIDE_H
#define BASE_MASK_WIDE_H

#include "base/mask/stops.h"

enum { MASK_WIDE_GRAMS = 8, MASK_WIDE_BYTES = 64 };

bool mask_wide(void); /* does this processor have it? */
/* From t on every stride-th position, eight at once: the first eight of which one may have a gram,
 * or that begin at or behind `stop`, or that the n bytes at p do not hold. */
size_t mask_wide_grams(
	const struct mask_grams *g, const unsigned char *p, size_t t, size_t stop, size_t n);
/* A bit for each of the 64 bytes at p that is not plain. */
uint64_t mask_wide_stops(const struct mask_stops *s, const unsigned char *p);

#endif
