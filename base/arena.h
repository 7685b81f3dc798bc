/*
 * Memory of a document: many small pieces that live and die together. Pieces are zeroed, aligned
 * for any type and never move; they cannot be given back singly. The caller caps their number and
 * sizes. A zeroed struct is an empty arena.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/util.h"

struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
};

void *arena_take(struct arena *a, size_t n) CHECK_RESULT;
/* A copy of n bytes with a NUL behind it. */
char *arena_copy(struct arena *a, const void *p, size_t n) CHECK_RESULT;
void arena_release(struct arena *a); /* wipes: documents hold secrets */

#endif
