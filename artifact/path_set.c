/*
 * An archive may name a million files. Their texts would fill the child's memory, but to find that
 * one path is both a file and a folder needs no texts. The hash is not keyed: who makes collisions
 * makes an archive that is refused.
 */
#include "artifact/path_set.h"

enum { FIRST_CAP = 1024 };

/* FNV-1a, its bits spread over the whole word; never 0. */
static uint64_t hash_of(const char *path, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)path[i]) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
	h ^= h >> 32;
	return h ? h : 1;
}

/* Where it stands, or the free slot where it would. */
static size_t slot_of(const struct path_set *s, uint64_t h)
{
	size_t i = h & (s->cap - 1);

	while (s->slots[i] && s->slots[i] != h)
		i = (i + 1) & (s->cap - 1);
	return i;
}

static void grow(struct path_set *s)
{
	struct path_set wider = { .cap = s->cap ? s->cap * 2 : FIRST_CAP, .n = s->n };

	wider.slots = xcalloc(wider.cap, sizeof(*wider.slots));
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i])
			wider.slots[slot_of(&wider, s->slots[i])] = s->slots[i];
	free(s->slots);
	*s = wider;
}

void path_set_add(struct path_set *s, const char *path, size_t n)
{
	uint64_t h = hash_of(path, n);
	size_t i;

	if ((s->n + 1) * 4 > s->cap * 3)
		grow(s);
	i = slot_of(s, h);
	s->n += s->slots[i] == 0;
	s->slots[i] = h;
}

bool path_set_has(const struct path_set *s, const char *path, size_t n)
{
	return s->n && s->slots[slot_of(s, hash_of(path, n))] != 0;
}

void path_set_release(struct path_set *s)
{
	free(s->slots);
	*s = (struct path_set){ 0 };
}
