/*
 * Where the last characters of a reading began in the stream. As long as each symbol was one byte
 * this needs no memory; each token or gap is one link of a trail, and readings that part share what
 * they had in common. Links are kept in the order of the stream and dropped in that order, when
 * everything before a position was handed out. Finding a character takes logarithmic time.
 */
#ifndef BASE_MASK_TRAIL_H
#define BASE_MASK_TRAIL_H

#include "base/util.h"

enum { MASK_TRAIL_MAX = 1 << 18 }; /* links */

struct mask_trail {
	struct mask_link *links; /* link id is at id & (cap - 1) */
	uint64_t first, end;     /* ids that are kept; 0 is never one */
	size_t cap;
};

/* One reading's place in the stream. */
struct mask_place {
	uint64_t link;    /* of the trail, 0: every symbol was one byte */
	uint64_t at;      /* end of its last symbol */
	uint32_t symbols; /* read so far; only differences count */
};

#define MASK_TRAIL_INIT ((struct mask_trail){ .first = 1, .end = 1 })
void mask_trail_release(struct mask_trail *t);
/* The place after `symbols` more ones, which one token of [from, to) spells, after a gap from
 * place->at; or after the gap alone (symbols 0, from == to). False: no more room. */
bool mask_trail_add(struct mask_trail *t, struct mask_place *place, uint64_t from, uint64_t to,
	unsigned symbols) CHECK_RESULT;
/* The position where the last `symbols` ones began. */
uint64_t mask_trail_start(
	const struct mask_trail *t, const struct mask_place *place, uint32_t symbols);
/* Nobody asks for a start before this position any more. */
void mask_trail_drop(struct mask_trail *t, uint64_t before);

#endif
