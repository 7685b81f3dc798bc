/*
 * The automaton under the masker: Aho-Corasick over the forms of one lane (base/mask/forms.h). Its
 * symbols are those of the forms: a walk (base/mask/walk.h) reads text as symbols. Immutable once
 * built; pure; the owner frees it.
 *
 * States are numbered breadth first. The first n_dense of them (the shallow ones, where text
 * without secrets moves) have complete rows over byte classes; deeper ones keep their children only
 * and follow a few links otherwise (then base/mask/suffix.h answers), so that a secret of 64 KiB
 * costs 45 bytes for each of its bytes.
 */
#ifndef BASE_MASK_AUTOMATON_H
#define BASE_MASK_AUTOMATON_H

#include "base/mask/forms.h"
#include "base/mask/suffix.h"

enum { MASK_LINKS_MAX = 4 }; /* that are followed one by one */

struct mask_state {
	uint32_t first; /* its children end where the next state's begin */
	uint32_t fail;  /* the longest proper suffix that is a state */
	uint32_t depth; /* length of the text this state stands for */
	uint32_t cover; /* length of the longest form that ends here, 0: none */
	uint32_t hold;  /* length of the longest suffix that can still grow into a form */
};

struct mask_automaton {
	struct mask_state *states; /* n_states, and one that ends the last children */
	unsigned char *labels;     /* of each state: the byte that leads to it */
	uint32_t n_states, n_dense, n_classes;
	uint32_t *dense; /* [state * n_classes + class] */
	unsigned char classes[256];
	struct mask_suffixes suffixes;
};

/* forms: at least one. dense_bytes: most memory for dense rows (the root always has one). */
struct mask_automaton *mask_automaton_new(const struct mask_forms *forms, size_t dense_bytes);
void mask_automaton_free(struct mask_automaton *a); /* wipes; NULL is fine */

static inline uint32_t mask_automaton_child(
	const struct mask_automaton *a, uint32_t state, unsigned char c)
{
	const struct mask_state *s = &a->states[state];
	const unsigned char *hit = memchr(a->labels + s->first, c, s[1].first - s->first);

	return hit ? (uint32_t)(hit - a->labels) : 0;
}

/* The state after one more symbol, in logarithmic time. */
static inline uint32_t mask_automaton_next(
	const struct mask_automaton *a, uint32_t state, unsigned char c)
{
	for (int links = 0; state >= a->n_dense; links++) {
		uint32_t child = mask_automaton_child(a, state, c);

		if (child)
			return child;
		if (links == MASK_LINKS_MAX)
			return mask_suffixes_next(&a->suffixes, state, a->classes[c]);
		state = a->states[state].fail;
	}
	return a->dense[(size_t)state * a->n_classes + a->classes[c]];
}

#endif
