/*
 * The bytes of a text that are not plain: those that may begin a token or stand for nothing. Finds
 * one inside or in front of which a form may begin, by reading the text around it in every way for
 * a gram (base/mask/grams.h). Immutable once built; pure.
 */
#ifndef BASE_MASK_STOPS_H
#define BASE_MASK_STOPS_H

#include "base/mask/grams.h"

enum {
	MASK_STOPS = 8,
	MASK_OPENERS = 5, /* bytes that begin a token */
};

typedef unsigned char mask_block __attribute__((vector_size(16)));

/* "Lanes" are bits of enum mask_lane. */
struct mask_stops {
	mask_block marks[MASK_STOPS];    /* the bytes, the last one again and again */
	unsigned char low[16], high[16]; /* the same bytes by their halves, see wide.c */
	const struct mask_grams *grams;
	bool none, wide;
	bool breaks;                 /* no such byte stands in a line that was wrapped */
	unsigned char opens[256];    /* lanes in which it may begin a token */
	unsigned char skips[256];    /* lanes in which it may stand for nothing */
	unsigned char wraps[256];    /* the same, where a line was wrapped */
	unsigned char gaps[256];     /* lanes in which either holds */
	unsigned char all[256];      /* lanes in which it may be any of these */
	unsigned char means[256];    /* lanes in which it is that, or a symbol of a head */
	unsigned char in_front[256]; /* lanes in which it is such a symbol; none where a gram is one
					byte */
	unsigned char opener[256];   /* which one it is, from 1 on; 0: it begins no token */
	unsigned char seconds[MASK_OPENERS + 1]
			     [256]; /* by opener and the byte behind it: see token_lanes */
};

/* grams, of these forms, are borrowed. wide: as in mask_scan_new. */
void mask_stops_init(struct mask_stops *s, const struct mask_grams *grams,
	const struct mask_forms *forms, bool wide);
/* The first byte of [at, end) that is not plain and with which or in front of which, at `start` or
 * later, a form may begin; end when there is none. p has n bytes. */
size_t mask_stops_find(const struct mask_stops *s, const unsigned char *p, size_t start, size_t at,
	size_t end, size_t n);

#endif
