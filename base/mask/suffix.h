/*
 * The failure links of an automaton as a tree: a state's ancestors are the suffixes of its text.
 * Two questions are answered from it in constant and logarithmic time, whatever the forms are: does
 * one text end another's, and where does a symbol lead that the state itself has no edge for.
 * Following the links instead takes as many steps as the text is long ("aaaa…"), and a walk has no
 * way to make up for that when it comes back to the same state again and again. Immutable, pure.
 */
#ifndef BASE_MASK_SUFFIX_H
#define BASE_MASK_SUFFIX_H

#include "base/util.h"

struct mask_automaton;

/* Of a state: all states that end in its text have a number in [number, end). */
struct mask_suffix {
	uint32_t number, end;
};

/* From this number on, up to the next turn of the class, the class leads to this state. */
struct mask_turn {
	uint32_t number, state;
};

struct mask_suffixes {
	struct mask_suffix *of;  /* each state */
	struct mask_turn *turns; /* of class c: [first[c], first[c + 1]) */
	uint32_t first[256 + 1], n_turns;
};

/* From states, labels and classes. */
void mask_suffixes_build(struct mask_suffixes *s, const struct mask_automaton *a);
void mask_suffixes_release(struct mask_suffixes *s); /* wipes */
uint32_t mask_suffixes_next(const struct mask_suffixes *s, uint32_t state, unsigned class);

/* True when the text of `suffix` ends the text of `state` (or is the same): what the one can
 * become, the other can too. */
static inline bool mask_suffixes_ends(
	const struct mask_suffixes *s, uint32_t state, uint32_t suffix)
{
	uint32_t number = s->of[state].number;

	return number >= s->of[suffix].number && number < s->of[suffix].end;
}

#endif
