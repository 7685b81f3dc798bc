/*
 * Both searches go over one window after the other, so that a hit of the one is not paid with a
 * pass of the other over the whole text.
 */
#include "base/mask/scan.h"

#include "base/mask/wide.h"

enum { WINDOW = 4096 };

struct mask_scan {
	struct mask_stops stops;
	struct mask_grams grams;
};

struct mask_scan *mask_scan_new(const struct mask_forms *forms, bool wide)
{
	struct mask_scan *s = xcalloc(1, sizeof(*s));

	wide = wide && mask_wide();

	mask_grams_init(&s->grams, forms);
	mask_stops_init(&s->stops, &s->grams, forms, wide);
	return s;
}

void mask_scan_free(struct mask_scan *s)
{
	if (!s)
		return;
	mask_grams_release(&s->grams);
	free(s);
}

size_t mask_scan_gram(const struct mask_scan *s)
{
	return s->grams.len;
}

/* Is the gram at t of a form that may begin at `start` or later? */
static bool is_hit(
	const struct mask_scan *s, const unsigned char *p, size_t start, size_t t, size_t n)
{
	return mask_grams_have(&s->grams, mask_gram_at(p + t)) &&
	       mask_grams_match(&s->grams, s->stops.all, p, start, t, n);
}

/* The first of every stride-th position from t on where a gram of a form stands that may have begun
 * at `start` or later; at or behind `stop`, or where no gram fits in any more, when there is none.
 */
static size_t find_gram(const struct mask_scan *s, const unsigned char *p, size_t start, size_t t,
	size_t stop, size_t n)
{
	const struct mask_grams *g = &s->grams;
	const size_t k = g->stride;

	while (t < stop && t + MASK_GRAM_MAX <= n) {
		if (s->stops.wide)
			t = mask_wide_grams(g, p, t, stop, n);
		/* four tests at once: their loads do not depend on each other */
		for (; t < stop && t + 3 * k + MASK_GRAM_MAX <= n; t += 4 * k) {
			if (mask_grams_have(g, mask_gram_at(p + t)) |
				mask_grams_have(g, mask_gram_at(p + t + k)) |
				mask_grams_have(g, mask_gram_at(p + t + 2 * k)) |
				mask_grams_have(g, mask_gram_at(p + t + 3 * k)))
				break;
		}
		for (int i = 0; i < 4 && t < stop && t + MASK_GRAM_MAX <= n; i++, t += k) {
			if (is_hit(s, p, start, t, n))
				return t;
		}
	}
	return t;
}

size_t mask_scan_find(const struct mask_scan *s, const unsigned char *p, size_t start,
	size_t walked, size_t n, size_t *ret_next)
{
	const size_t stride = s->grams.stride;

	for (size_t t = start + stride - 1;;) {
		size_t stop = t + WINDOW;
		size_t end, from;

		t = find_gram(s, p, start, t, stop, n);
		from = t - (stride - 1);
		end = from + s->grams.head - 1 < n ? from + s->grams.head - 1 : n;
		if (!s->stops.none && walked < end) {
			size_t inside = mask_stops_find(&s->stops, p, start, walked, end, n);

			walked = inside;
			if (inside < end) {
				size_t first = inside < start + s->grams.head
						       ? start
						       : inside - s->grams.head;

				*ret_next = inside + 1;
				return first < from ? first : from;
			}
		}
		if (t < stop) {
			*ret_next = t - stride + 2;
			return from;
		}
	}
}
