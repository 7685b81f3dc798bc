/*
 * The automaton under the masker: Aho-Corasick over all forms, and a scan that finds the next place
 * where a form could begin at all. Immutable once built; pure; the owner frees it.
 *
 * States are numbered breadth first. The first n_dense of them (the shallow ones, where text
 * without secrets moves) have complete rows over byte classes; deeper ones keep their children only
 * and follow `fail` otherwise, so that a secret of 64 KiB costs 26 bytes for each of its bytes.
 *
 * The scan looks at every stride-th position for a gram (2 to 4 bytes, hashed into a bitmap) that
 * stands within the first bytes of some form. The bitmap holds the grams at offsets 0..stride-1 of
 * each form, so one of any stride neighbouring positions inside the head of an occurrence hits.
 */
#ifndef RUNNER_MASK_AUTOMATON_H
#define RUNNER_MASK_AUTOMATON_H

#include "runner/mask_forms.h"

struct mask_state {
	uint32_t first; /* children are first .. first + children - 1 */
	uint32_t children;
	uint32_t fail;  /* the longest proper suffix that is a state */
	uint32_t depth; /* length of the text this state stands for */
	uint32_t cover; /* length of the longest form that ends here, 0: none */
	uint32_t hold;  /* length of the longest suffix that can still grow into a form */
};

struct mask_automaton {
	struct mask_state *states;
	unsigned char *labels; /* of each state: the byte that leads to it */
	uint32_t n_states, n_dense, n_classes;
	uint32_t *dense; /* [state * n_classes + class] */
	unsigned char classes[256];
	uint32_t *grams; /* bitmap */
	unsigned gram_len, gram_shift;
	uint32_t gram_mask;
	size_t stride;
};

/* forms: at least one. dense_bytes: most memory for dense rows (the root always has one). */
struct mask_automaton *mask_automaton_new(const struct mask_forms *forms, size_t dense_bytes);
void mask_automaton_free(struct mask_automaton *a); /* wipes; NULL is fine */

static inline uint32_t mask_automaton_child(
	const struct mask_automaton *a, uint32_t state, unsigned char c)
{
	const struct mask_state *s = &a->states[state];
	const unsigned char *hit = memchr(a->labels + s->first, c, s->children);

	return hit ? (uint32_t)(hit - a->labels) : 0;
}

/* The state after one more byte. */
static inline uint32_t mask_automaton_next(
	const struct mask_automaton *a, uint32_t state, unsigned char c)
{
	while (state >= a->n_dense) {
		uint32_t child = mask_automaton_child(a, state, c);
		if (child)
			return child;
		state = a->states[state].fail;
	}
	return a->dense[(size_t)state * a->n_classes + a->classes[c]];
}

/* From a position before which everything is decided: the first one (>= start) where a form may
 * begin, or where the rest is too short to tell. No form begins before it, and the automaton may
 * start there from the root. *ret_next: scanning again is of use from this start on. */
size_t mask_automaton_scan(const struct mask_automaton *a, const unsigned char *p, size_t start,
	size_t n, size_t *ret_next);

#endif
