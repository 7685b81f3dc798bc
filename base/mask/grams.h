/*
 * The grams of the forms: 2 to 4 neighbouring bytes, hashed into a bitmap, that stand in a form's
 * head, which are its first `head` symbols. A gram begins at each of the first `stride` of these,
 * so it is enough to look at every stride-th position of a text. Immutable once built; pure; the
 * owner of the forms frees it first, it reads their bytes.
 */
#ifndef BASE_MASK_GRAMS_H
#define BASE_MASK_GRAMS_H

#include <endian.h>

#include "base/mask/forms.h"

enum {
	MASK_GRAM_MAX = 4,
	MASK_GRAM_LANE_BITS = 16, /* of a slot in lanes */
	MASK_ALL_LANES = (1 << MASK_LANES) - 1,
};

struct mask_gram_use;

/* "Lanes" are bits of enum mask_lane. */
struct mask_grams {
	uint32_t *bitmap;
	size_t bytes;               /* of it */
	unsigned len, shift;        /* len: bytes of a gram */
	uint32_t mask;              /* of the bytes that count */
	size_t stride, head;        /* head: stride + len - 1 */
	unsigned char *lanes;       /* for a gram: lanes that have it */
	unsigned char in_head[256]; /* for a byte: lanes in whose heads it stands for a symbol */
	/* where each gram stands in which form; no table when there are too many */
	const struct mask_forms *forms;
	struct mask_gram_use *uses;
	uint32_t *first_use;
	size_t n_uses;
	unsigned use_bits;
};

void mask_grams_init(struct mask_grams *g, const struct mask_forms *forms); /* at least one */
void mask_grams_release(struct mask_grams *g);                              /* wipes */

/* May a form begin at `start` or later, but not behind t, of whose head the gram at t is a part and
 * which is plain so far? stops: for a byte, lanes in which it may be something else than itself. */
bool mask_grams_match(const struct mask_grams *g, const unsigned char stops[256],
	const unsigned char *p, size_t start, size_t t, size_t n);

static inline uint32_t mask_gram_at(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline bool mask_grams_have(const struct mask_grams *g, uint32_t gram)
{
	uint32_t slot = (gram & g->mask) * UINT32_C(0x9e3779b1) >> g->shift;

	return g->bitmap[slot >> 5] >> (slot & 31) & 1;
}

/* By another hash, so that what passes both is a gram nearly always. */
static inline unsigned char *mask_grams_lanes(const struct mask_grams *g, uint32_t gram)
{
	return &g->lanes[(gram & g->mask) * UINT32_C(0x85ebca6b) >> (32 - MASK_GRAM_LANE_BITS)];
}

#endif
