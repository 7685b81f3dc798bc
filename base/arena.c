/*
 * A document is freed at once, so pieces need no free list: a chunk is filled from its start and
 * the next one begins. Release wipes what was used, because documents hold tokens.
 */
#include "base/arena.h"

enum { CHUNK_BYTES = 16 << 10 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	max_align_t data[];
};

void *arena_take(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->chunks;
	size_t units;

	if (!size_add(n, sizeof(max_align_t) - 1, &units))
		BUG("%zu bytes of an arena", n);
	n = units / sizeof(max_align_t) * sizeof(max_align_t);
	if (!c || c->size - c->used < n) {
		size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;

		c = xmalloc(sizeof(*c) + size);
		*c = (struct arena_chunk){ .next = a->chunks, .size = size };
		a->chunks = c;
	}
	void *p = (char *)c->data + c->used;
	c->used += n;
	return memset(p, 0, n);
}

char *arena_copy(struct arena *a, const void *p, size_t n)
{
	char *copy = arena_take(a, n + 1);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

void arena_release(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *c = a->chunks;

		a->chunks = c->next;
		wipe(c->data, c->used);
		free(c);
	}
}
