/*
 * The known word that is nearest to a mistyped one: fewest letters inserted, removed, replaced or
 * swapped with their neighbour. Of two that are as near, the first one tried. Pure.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include "base/util.h"

struct nearest {
	const char *word, *best; /* best: NULL when none is near enough to be meant */
	size_t distance;         /* of best; before there is one: below this is near enough */
};
struct nearest nearest_to(const char *word);            /* borrows word */
void nearest_try(struct nearest *n, const char *known); /* borrows known too */

#endif
