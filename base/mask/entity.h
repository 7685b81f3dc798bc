/* The names of HTML's entities, found letter by letter. Pure. */
#ifndef BASE_MASK_ENTITY_H
#define BASE_MASK_ENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All names. */
void mask_entity_begin(uint32_t *first, uint32_t *end);
/* Of the names [first, end), which agree in their first `at` letters: those with c as the next.
 * False when none is left. */
bool mask_entity_narrow(uint32_t *first, uint32_t *end, size_t at, unsigned char c);
/* True when the first of them has `len` letters: it is the only one that can. */
bool mask_entity_at(uint32_t first, size_t len, uint32_t *ret_code);

#endif
