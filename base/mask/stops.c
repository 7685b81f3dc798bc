/*
 * Two bytes decide nearly always: what stands in front of the byte and what follows it must be able
 * to stand in a form's head. Only then is the text around it read. A token is decoded once for all
 * that it may be a part of: a gram of its own and one that begins in front of it. Reading is
 * bounded by a budget; where it runs out, or where the text ends first, the answer is "may be".
 */
#include "base/mask/stops.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/mask/lane.h"
#include "base/mask/token.h"
#include "base/mask/wide.h"

enum { BUDGET = 48 }; /* bytes that are read around one byte */

/* ---- tables ---- */

static void add_rules(struct mask_stops *s, enum mask_lane lane)
{
	const struct mask_rules *rules = mask_lane_rules(lane);
	unsigned char bit = (unsigned char)(1u << lane);
	struct mask_token t;

	for (unsigned c = 0; c < 256; c++) {
		if (rules->skip[c] & MASK_SKIP)
			s->skips[c] |= bit;
		if (rules->skip[c] & MASK_SKIP_WRAP)
			s->wraps[c] |= bit;
		if ((rules->tokens || rules->colours) && mask_token_open(&t, (unsigned char)c) &&
			(rules->tokens || !mask_token_spells_first(&t)))
			s->opens[c] |= bit;
	}
}

/* What a token of these two bytes may be worth: everything if it may go on. */
static unsigned char second_lanes(const struct mask_stops *s, unsigned char first, unsigned char c)
{
	unsigned spells = 0, nothing = 0, all = s->opens[first];
	struct mask_decoded d = { 0 };
	struct mask_token t;

	if (!mask_token_open(&t, first))
		return 0;
	if (mask_token_next(&t, c, &d))
		return (unsigned char)(all | all << MASK_LANES);
	if (!d.complete)
		return 0;
	for (unsigned i = 0; i < d.n; i++)
		spells |= all & s->grams->in_head[d.v[i].bytes[0]];
	if (d.nothing || d.v[0].bytes[0] == '\r' || d.v[0].bytes[0] == '\n')
		nothing = all;
	return (unsigned char)(spells | nothing << MASK_LANES);
}

static void build_seconds(struct mask_stops *s)
{
	unsigned char n = 0;

	for (unsigned first = 0; first < 256; first++) {
		if (!s->opens[first])
			continue;
		if (n == MASK_OPENERS)
			BUG("more than %d bytes that begin a token", MASK_OPENERS);
		s->opener[first] = ++n;
		for (unsigned c = 0; c < 256; c++)
			s->seconds[n][c] = second_lanes(s, (unsigned char)first, (unsigned char)c);
	}
}

/* A bit for each upper half, in the order in which they come. */
static void build_halves(struct mask_stops *s)
{
	unsigned n = 0;

	for (unsigned c = 0; c < 256; c++) {
		if (!s->all[c])
			continue;
		if (!s->high[c >> 4])
			s->high[c >> 4] = (unsigned char)(1u << n++);
		s->low[c & 15] |= s->high[c >> 4];
	}
}

void mask_stops_init(struct mask_stops *s, const struct mask_grams *grams,
	const struct mask_forms *forms, bool wide)
{
	unsigned n = 0;

	*s = (struct mask_stops){ .grams = grams, .wide = wide, .breaks = true };
	for (size_t i = 0; i < forms->n; i++)
		add_rules(s, forms->v[i].lane);
	for (unsigned c = 0; c < 256; c++) {
		s->gaps[c] = s->skips[c] | s->wraps[c];
		s->all[c] = s->gaps[c] | s->opens[c];
		s->means[c] = s->grams->in_head[c] | s->all[c];
		s->in_front[c] = s->grams->len > 1 ? s->grams->in_head[c] : 0;
		if (!s->all[c])
			continue;
		s->breaks &= !mask_lane_in_line((unsigned char)c);
		if (n == MASK_STOPS)
			BUG("more than %d bytes that are not plain", MASK_STOPS);
		for (unsigned i = n++; i < MASK_STOPS; i++)
			memset(&s->marks[i], (int)c, sizeof(mask_block));
	}
	s->none = n == 0;
	build_halves(s);
	build_seconds(s);
}

/* ---- reading ---- */

/* A text that is read on in every way, for a gram, from a byte that is not plain. */
struct reader {
	const struct mask_stops *s;
	const unsigned char *p;
	size_t n;
	int budget;
	unsigned most;                 /* plain bytes in front of it with which a gram may begin */
	uint32_t front[MASK_GRAM_MAX]; /* [k]: the last k of them, as the beginning of a gram */
	unsigned char lanes[MASK_GRAM_MAX]; /* [k]: lanes in whose heads all of these stand */
};

/* What was read from that byte on. */
struct known {
	uint32_t gram;
	unsigned have;
	unsigned lanes; /* in which it may go on what is in front */
	unsigned alone; /* in which it may be a gram of its own */
};

static bool may_read(struct reader *r, size_t at, struct known k);

/* One byte more was read. True: with what is in front it is a gram, or alone. */
static bool is_whole(const struct reader *r, struct known *k, unsigned char c)
{
	unsigned lacks, lanes;

	k->gram |= (uint32_t)c << 8 * k->have++;
	k->lanes &= r->s->grams->in_head[c];
	k->alone &= r->s->grams->in_head[c];
	lacks = r->s->grams->len - k->have;
	if (lacks == 0)
		return k->alone & *mask_grams_lanes(r->s->grams, k->gram);
	lanes = lacks <= r->most ? k->lanes & r->lanes[lacks] : 0;
	return lanes &&
	       lanes & *mask_grams_lanes(r->s->grams, r->front[lacks] | k->gram << 8 * lacks);
}

/* What was read and is no gram yet may become one. */
static bool goes_on(const struct reader *r, const struct known *k)
{
	return (k->alone && k->have < r->s->grams->len) ||
	       (k->lanes && k->have + 1 < r->s->grams->len);
}

/* What may stand for nothing does so between two bytes. */
static struct known skip(const struct known *k, unsigned lanes)
{
	return (struct known){ k->gram, k->have, k->lanes & lanes, k->have ? k->alone & lanes : 0 };
}

static bool may_spell(struct reader *r, size_t at, struct known k, const struct mask_decoded *d)
{
	if (d->nothing || d->v[0].bytes[0] == '\r' || d->v[0].bytes[0] == '\n') {
		struct known same = skip(&k, MASK_ALL_LANES);

		if (goes_on(r, &same) && may_read(r, at, same))
			return true;
	}
	for (unsigned i = 0; i < d->n; i++) {
		struct known longer = k;

		if (!((k.lanes | k.alone) & r->s->grams->in_head[d->v[i].bytes[0]]))
			continue;
		for (unsigned j = 0; j < d->v[i].len && goes_on(r, &longer); j++) {
			if (is_whole(r, &longer, d->v[i].bytes[j]))
				return true;
		}
		if (goes_on(r, &longer) && may_read(r, at, longer))
			return true;
	}
	return false;
}

/* Lanes in which these two bytes may begin a token that spells something, and from bit MASK_LANES
 * on those in which it may also stand for nothing. */
static inline unsigned token_lanes(
	const struct mask_stops *s, const unsigned char *p, size_t at, size_t n)
{
	const unsigned all = s->opens[p[at]];

	return at + 1 == n ? all | all << MASK_LANES : s->seconds[s->opener[p[at]]][p[at + 1]];
}

/* A token that begins at `at`, whichever length it has. */
static bool may_read_token(struct reader *r, size_t at, struct known k)
{
	unsigned lanes = token_lanes(r->s, r->p, at, r->n);
	struct mask_decoded d;
	struct mask_token t;

	k.alone &= lanes | (k.have ? lanes >> MASK_LANES : 0);
	k.lanes &= lanes | lanes >> MASK_LANES;
	if (!(k.lanes | k.alone) || !mask_token_open(&t, r->p[at]))
		return false;
	for (bool more = true; more;) {
		if (++at == r->n || --r->budget < 0)
			return true;
		more = mask_token_next(&t, r->p[at], &d);
		if (d.complete && may_spell(r, at + 1, k, &d))
			return true;
	}
	return false;
}

static bool may_read_plain(struct reader *r, size_t at, struct known k)
{
	return is_whole(r, &k, r->p[at]) || (goes_on(r, &k) && may_read(r, at + 1, k));
}

static bool may_skip(struct reader *r, size_t at, struct known k)
{
	k = skip(&k, r->s->gaps[r->p[at]]);
	return goes_on(r, &k) && may_read(r, at + 1, k);
}

static bool may_read(struct reader *r, size_t at, struct known k)
{
	const unsigned lanes = k.lanes | k.alone;
	const struct mask_stops *s = r->s;

	if (at == r->n || --r->budget < 0)
		return true;
	unsigned char c = r->p[at];
	if (lanes & s->grams->in_head[c] && may_read_plain(r, at, k))
		return true;
	return (lanes & s->gaps[c] && may_skip(r, at, k)) ||
	       (lanes & s->opens[c] && may_read_token(r, at, k));
}

/* The bytes in front of `at` that may belong to a gram, and in which lanes. */
static void read_front(struct reader *r, size_t start, size_t at, unsigned lanes)
{
	uint32_t gram = 0;

	for (unsigned k = 1; k < r->s->grams->len && k <= at - start; k++) {
		gram = gram << 8 | r->p[at - k];
		lanes &= r->s->grams->in_head[r->p[at - k]];
		if (!lanes)
			return;
		r->most = k;
		r->front[k] = gram;
		r->lanes[k] = (unsigned char)lanes;
	}
}

/* In which lanes the byte at `at` may stand for nothing, begin a token, begin a form with a token;
 * without reading on. */
struct chances {
	unsigned skips, tokens, begins;
};

/* What the bytes around say; it is enough nearly always. */
static inline __attribute__((always_inline)) struct chances chances_at(
	const struct mask_stops *s, const unsigned char *p, size_t start, size_t at, size_t n)
{
	unsigned char c = p[at];
	unsigned front = at > start ? s->in_front[p[at - 1]] : 0;
	unsigned tokens = s->opens[c] ? token_lanes(s, p, at, n) : 0;

	return (struct chances){
		.skips = s->gaps[c] & front & (at + 1 < n ? s->means[p[at + 1]] : MASK_ALL_LANES),
		.tokens = (tokens | tokens >> MASK_LANES) & front,
		.begins = tokens & MASK_ALL_LANES,
	};
}

/* Reads what chances_at could not rule out. */
static __attribute__((noinline)) bool may_be_inside(const struct mask_stops *s,
	const unsigned char *p, size_t start, size_t at, size_t n, struct chances may)
{
	struct reader r = { .s = s, .p = p, .n = n, .budget = BUDGET };

	read_front(&r, start, at, may.skips | may.tokens);
	return ((may.tokens | may.begins) &&
		       may_read_token(&r, at,
			       (struct known){ .lanes = may.tokens, .alone = may.begins })) ||
	       (may.skips && may_read(&r, at + 1, (struct known){ .lanes = may.skips }));
}

/* May the byte at `at` stand for nothing because a line was wrapped there? Not in one so short that
 * the byte before it that is not plain, `gap` bytes away, stands in it; nearer than three bytes it
 * may be the CR, plain or escaped, of the line's end. At the beginning of p nobody knows. */
static inline unsigned wraps_at(
	const struct mask_stops *s, const unsigned char *p, size_t at, size_t gap)
{
	if (at < MASK_WRAP_BACK)
		return MASK_ALL_LANES;
	if (gap > 2 && gap <= MASK_WRAP_LEAST && s->breaks)
		return 0;
	return mask_lane_wraps(p + at, at);
}

/* May a form begin at `start` or later whose first byte that is not plain is this one? */
static inline bool is_inside(const struct mask_stops *s, const unsigned char *p, size_t start,
	size_t at, size_t n, size_t gap)
{
	struct chances may = chances_at(s, p, start, at, n);

	if (may.skips & s->wraps[p[at]])
		may.skips &= s->skips[p[at]] | wraps_at(s, p, at, gap);
	return (may.skips | may.tokens | may.begins) && may_be_inside(s, p, start, at, n, may);
}

/* ---- finding ---- */

/* One bit for each byte that is 0xff. */
static inline uint64_t bits_of(mask_block b)
{
#ifdef __SSE2__
	return (uint64_t)_mm_movemask_epi8((__m128i)b);
#else
	uint64_t bits = 0;

	for (unsigned i = 0; i < sizeof(b); i++)
		bits |= (uint64_t)(b[i] & 1) << i;
	return bits;
#endif
}

/* Which of the 64 bytes at p are not plain. */
static inline uint64_t find_stops(const struct mask_stops *s, const unsigned char *p)
{
	uint64_t found = 0;

	if (s->wide)
		return mask_wide_stops(s, p);
	for (unsigned i = 0; i < 4; i++) {
		mask_block b, any;

		memcpy(&b, p + i * sizeof(b), sizeof(b));
		any = (mask_block)(b == s->marks[0]);
#pragma GCC unroll 8
		for (unsigned j = 1; j < MASK_STOPS; j++)
			any |= (mask_block)(b == s->marks[j]);
		found |= bits_of(any) << 16 * i;
	}
	return found;
}

size_t mask_stops_find(const struct mask_stops *s, const unsigned char *p, size_t start, size_t at,
	size_t end, size_t n)
{
	size_t before = (size_t)0 - 2 * MASK_WRAP_LEAST; /* the stop before; none yet: far away */

	for (; at + 64 <= end; at += 64) {
		for (uint64_t stops = find_stops(s, p + at); stops; stops &= stops - 1) {
			size_t stop = at + (unsigned)__builtin_ctzll(stops), gap = stop - before;

			before = stop;
			if (is_inside(s, p, start, stop, n, gap))
				return stop;
		}
	}
	for (; at < end; at++) {
		if (s->all[p[at]] && is_inside(s, p, start, at, n, SIZE_MAX))
			return at;
	}
	return end;
}
