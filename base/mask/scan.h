/*
 * Finds the next place in a text where a form could begin at all, much faster than a walk.
 * Immutable once built; pure; the owner frees it before the forms, whose bytes it reads.
 *
 * A secret may begin in plain bytes: then one of the grams of its head stands there
 * (base/mask/grams.h), and what follows is that form's until something comes that is not plain. Or
 * something else than a plain byte stands in its head: each byte that can begin such a thing is
 * looked for, and the text around it, read in every way, must make a gram (base/mask/stops.h).
 */
#ifndef BASE_MASK_SCAN_H
#define BASE_MASK_SCAN_H

#include "base/mask/forms.h"

struct mask_scan;

/* forms: at least one. wide: with wide registers, where the processor has them. */
struct mask_scan *mask_scan_new(const struct mask_forms *forms, bool wide);
void mask_scan_free(struct mask_scan *s); /* wipes; NULL fine */
/* Matches that begin in the last gram_len - 1 bytes and are plain so far do not stop a scan from
 * being worth it. */
size_t mask_scan_gram(const struct mask_scan *s);
/* The first position >= start where a form may begin, or where the rest is too short to tell; no
 * form begins before it. The bytes before walked >= start were walked over, so what is not plain
 * there need not be looked at again. *ret_next: scanning again is of use from this start on. */
size_t mask_scan_find(const struct mask_scan *s, const unsigned char *p, size_t start,
	size_t walked, size_t n, size_t *ret_next);

#endif
