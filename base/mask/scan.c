/*
 * Both searches go over one window after the other, so that a hit of the one is not paid with a
 * pass of the other over the whole text. Reading the text around a byte in every way is bounded by
 * a budget; where it runs out, or where the text ends first, the answer is "may be".
 */
#include "base/mask/scan.h"

#include <endian.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/mask/lane.h"
#include "base/mask/token.h"

enum {
	GRAM_MAX = 4,
	STRIDE_MAX = 16,
	GRAM_BITS_MIN = 15,
	GRAM_BITS_MAX = 20,
	GRAM_SPACE = 128, /* bits of the bitmap for each gram */
	LANE_BITS = 16,   /* of a slot in lanes_of */
	WINDOW = 4096,
	BUDGET = 48, /* bytes that are read around one byte */
	STOPS = 8,
};

typedef unsigned char block __attribute__((vector_size(16)));

/* "Lanes" are bits of enum mask_lane. */
struct mask_scan {
	block stops[STOPS]; /* the bytes that are not plain, the last one again and again */
	bool all_plain;
	uint32_t *grams; /* bitmap */
	size_t bytes;    /* of it */
	unsigned gram_len, gram_shift;
	uint32_t gram_mask;
	size_t stride, head;        /* head: stride + gram_len - 1 */
	unsigned char *lanes_of;    /* for a gram: lanes that have it */
	unsigned char in_head[256]; /* for a byte: lanes in whose heads it stands for a symbol */
	unsigned char opens[256];   /* lanes in which it may begin a token */
	unsigned char skips[256];   /* lanes in which it may stand for nothing */
	unsigned char wraps[256];   /* the same, where a line was wrapped */
	unsigned char means[256];   /* lanes in which any of this holds */
};

/* ---- grams ---- */

static inline uint32_t hash_of(const struct mask_scan *s, uint32_t gram)
{
	return (gram & s->gram_mask) * UINT32_C(0x9e3779b1);
}

static inline bool is_gram(const struct mask_scan *s, uint32_t gram)
{
	uint32_t slot = hash_of(s, gram) >> s->gram_shift;

	return s->grams[slot >> 5] >> (slot & 31) & 1;
}

/* By another hash, so that what passes both is a gram nearly always. */
static inline unsigned char *lanes_slot(const struct mask_scan *s, uint32_t gram)
{
	return &s->lanes_of[(gram & s->gram_mask) * UINT32_C(0x85ebca6b) >> (32 - LANE_BITS)];
}

static inline uint32_t gram_at(const unsigned char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static bool stands_for(const struct mask_rules *rules, unsigned c, unsigned char symbol)
{
	return (unsigned char)(c ^ rules->fold[c]) == symbol ||
	       (rules->other[c] && (unsigned char)(c ^ rules->other[c]) == symbol);
}

/* Bytes that stand for a symbol. */
static unsigned bytes_of(const struct mask_rules *rules, char symbol, unsigned char out[256])
{
	unsigned n = 0;

	for (unsigned c = 0; c < 256; c++) {
		if (stands_for(rules, c, (unsigned char)symbol))
			out[n++] = (unsigned char)c;
	}
	return n;
}

static void add_gram(struct mask_scan *s, enum mask_lane lane, uint32_t gram)
{
	uint32_t slot = hash_of(s, gram) >> s->gram_shift;

	s->grams[slot >> 5] |= UINT32_C(1) << (slot & 31);
	*lanes_slot(s, gram) |= (unsigned char)(1u << lane);
}

/* Calls add_gram with every gram of bytes that stand for these symbols; returns how many there are,
 * and does no more than that when there is no bitmap yet. */
static size_t add_grams(struct mask_scan *s, const struct mask_form *f, size_t offset)
{
	unsigned char bytes[GRAM_MAX][256];
	unsigned n[GRAM_MAX];
	size_t all = 1;

	for (unsigned i = 0; i < s->gram_len; i++) {
		n[i] = bytes_of(mask_lane_rules(f->lane), f->bytes[offset + i], bytes[i]);
		all *= n[i];
	}
	for (size_t which = 0; s->grams && which < all; which++) {
		size_t rest = which;
		uint32_t gram = 0;

		for (unsigned i = 0; i < s->gram_len; rest /= n[i], i++) {
			gram |= (uint32_t)bytes[i][rest % n[i]] << 8 * i;
			s->in_head[bytes[i][rest % n[i]]] |= (unsigned char)(1u << f->lane);
		}
		add_gram(s, f->lane, gram);
	}
	return all;
}

static size_t add_all_grams(struct mask_scan *s, const struct mask_forms *forms)
{
	size_t all = 0;

	for (size_t i = 0; i < forms->n; i++) {
		for (size_t offset = 0; offset < s->stride; offset++)
			all += add_grams(s, &forms->v[i], offset);
	}
	return all;
}

static void build_grams(struct mask_scan *s, const struct mask_forms *forms)
{
	size_t least = SIZE_MAX, all;
	unsigned bits = GRAM_BITS_MIN;

	for (size_t i = 0; i < forms->n; i++)
		least = forms->v[i].len < least ? forms->v[i].len : least;
	if (least < 1 || least == SIZE_MAX)
		BUG("an empty form, or none");
	s->gram_len = least < GRAM_MAX ? (unsigned)least : GRAM_MAX;
	s->gram_mask = UINT32_MAX >> (32 - 8 * s->gram_len);
	s->stride = least - s->gram_len + 1 < STRIDE_MAX ? least - s->gram_len + 1 : STRIDE_MAX;
	s->head = s->stride + s->gram_len - 1;
	all = add_all_grams(s, forms);
	while (bits < GRAM_BITS_MAX && (size_t)1 << bits < all * GRAM_SPACE)
		bits++;
	s->gram_shift = 32 - bits;
	s->bytes = (size_t)1 << (bits - 3);
	s->grams = xcalloc(s->bytes, 1);
	s->lanes_of = xcalloc((size_t)1 << LANE_BITS, 1);
	add_all_grams(s, forms);
}

static void add_rules(struct mask_scan *s, enum mask_lane lane)
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

static void build_rules(struct mask_scan *s, const struct mask_forms *forms)
{
	unsigned n = 0;

	for (size_t i = 0; i < forms->n; i++)
		add_rules(s, forms->v[i].lane);
	for (unsigned c = 0; c < 256; c++) {
		s->means[c] = s->in_head[c] | s->skips[c] | s->wraps[c] | s->opens[c];
		if (!s->skips[c] && !s->wraps[c] && !s->opens[c])
			continue;
		if (n == STOPS)
			BUG("more than %d bytes that are not plain", STOPS);
		for (unsigned i = n++; i < STOPS; i++)
			memset(&s->stops[i], (int)c, sizeof(block));
	}
	s->all_plain = n == 0;
}

struct mask_scan *mask_scan_new(const struct mask_forms *forms)
{
	struct mask_scan *s = xcalloc(1, sizeof(*s));

	build_grams(s, forms);
	build_rules(s, forms);
	return s;
}

void mask_scan_free(struct mask_scan *s)
{
	if (!s)
		return;
	wipe(s->grams, s->bytes);
	wipe(s->lanes_of, (size_t)1 << LANE_BITS);
	free(s->grams);
	free(s->lanes_of);
	free(s);
}

size_t mask_scan_gram(const struct mask_scan *s)
{
	return s->gram_len;
}

/* ---- what is not plain ---- */

/* A text that is read on; so far it is `have` bytes of a gram, for some lanes. */
struct reader {
	const struct mask_scan *s;
	const unsigned char *p;
	size_t n;
	int budget;
};

struct known {
	uint32_t gram;
	unsigned have, lanes;
};

static bool may_read(struct reader *r, size_t at, struct known k);

static bool may_spell(struct reader *r, size_t at, struct known k, const struct mask_decoded *d)
{
	if (k.have && (d->nothing || d->v[0].bytes[0] == '\r' || d->v[0].bytes[0] == '\n') &&
		may_read(r, at, k))
		return true;
	for (unsigned i = 0; i < d->n; i++) {
		struct known longer = k;

		for (unsigned j = 0; j < d->v[i].len && longer.have < r->s->gram_len; j++)
			longer.gram |= (uint32_t)d->v[i].bytes[j] << 8 * longer.have++;
		if (may_read(r, at, longer))
			return true;
	}
	return false;
}

/* A token that begins at `at`, whichever length it has. */
static bool may_read_token(struct reader *r, size_t at, struct known k)
{
	struct mask_decoded d = { 0 };
	struct mask_token t;

	k.lanes &= r->s->opens[r->p[at]];
	if (!k.lanes || !mask_token_open(&t, r->p[at]))
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

static bool may_read(struct reader *r, size_t at, struct known k)
{
	const struct mask_scan *s = r->s;

	if (k.have == s->gram_len)
		return *lanes_slot(s, k.gram) & k.lanes;
	if (at == r->n || --r->budget < 0)
		return true;
	unsigned char c = r->p[at];
	unsigned plain = k.lanes & s->in_head[c], skip = k.lanes & (s->skips[c] | s->wraps[c]);
	struct known longer = { k.gram | (uint32_t)c << 8 * k.have, k.have + 1, plain };
	return (plain && may_read(r, at + 1, longer)) ||
	       (skip && may_read(r, at + 1, (struct known){ k.gram, k.have, skip })) ||
	       (k.lanes & s->opens[c] && may_read_token(r, at, k));
}

/* Lanes in which this byte stands for nothing, if what follows it means anything to them. At the
 * beginning of p it is not known whether a line was wrapped. */
static inline unsigned skip_lanes(
	const struct mask_scan *s, const unsigned char *p, size_t at, size_t n)
{
	unsigned char c = p[at];
	unsigned lanes = s->skips[c] | s->wraps[c];

	if (at + 1 < n)
		lanes &= s->means[p[at + 1]];
	if (lanes & s->wraps[c] && at >= MASK_WRAP_BACK)
		lanes &= s->skips[c] | mask_lane_wraps(p + at, at);
	return lanes;
}

/* Lanes in which a token begins with this byte, whatever it spells; or may, where the text ends. */
static inline unsigned opening_lanes(
	const struct mask_scan *s, const unsigned char *p, size_t at, size_t n)
{
	struct mask_decoded d = { 0 };
	struct mask_token t;
	unsigned lanes = s->opens[p[at]];
	bool more = lanes && mask_token_open(&t, p[at]);

	while (more && !d.complete) {
		if (++at == n)
			return lanes;
		more = mask_token_next(&t, p[at], &d);
	}
	return d.complete ? lanes : 0;
}

/* May a form begin at `start` or later whose first byte that is not plain is this one? */
static bool may_be_inside(
	const struct mask_scan *s, const unsigned char *p, size_t start, size_t at, size_t n)
{
	struct reader r = { s, p, n, BUDGET };
	unsigned opens = opening_lanes(s, p, at, n), skips = skip_lanes(s, p, at, n);
	struct known k = { 0, 0, opens | skips };

	if (opens && may_read_token(&r, at, k))
		return true;
	while (k.have + 1 < s->gram_len && k.have < at - start) {
		k.have++;
		k.gram = k.gram << 8 | p[at - k.have];
		k.lanes &= s->in_head[p[at - k.have]];
		if (!k.lanes)
			return false;
		struct known skipped = { k.gram, k.have, k.lanes & skips };
		if ((skipped.lanes && may_read(&r, at + 1, skipped)) ||
			(k.lanes & opens && may_read_token(&r, at, k)))
			return true;
	}
	return false;
}

/* One bit for each byte that is 0xff. */
static inline uint64_t bits_of(block b)
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
static inline uint64_t find_stops(const struct mask_scan *s, const unsigned char *p)
{
	uint64_t found = 0;

	for (unsigned i = 0; i < 4; i++) {
		block b, any;

		memcpy(&b, p + i * sizeof(b), sizeof(b));
		any = (block)(b == s->stops[0]);
#pragma GCC unroll 8
		for (unsigned j = 1; j < STOPS; j++)
			any |= (block)(b == s->stops[j]);
		found |= bits_of(any) << 16 * i;
	}
	return found;
}

static bool is_stop(const struct mask_scan *s, unsigned char c)
{
	return s->opens[c] || s->skips[c] || s->wraps[c];
}

/* The first byte of [at, end) inside which a form may begin; end when there is none. */
static size_t find_inside(const struct mask_scan *s, const unsigned char *p, size_t start,
	size_t at, size_t end, size_t n)
{
	for (; at + 64 <= end; at += 64) {
		for (uint64_t stops = find_stops(s, p + at); stops; stops &= stops - 1) {
			size_t stop = at + (unsigned)__builtin_ctzll(stops);

			if (may_be_inside(s, p, start, stop, n))
				return stop;
		}
	}
	for (; at < end; at++) {
		if (is_stop(s, p[at]) && may_be_inside(s, p, start, at, n))
			return at;
	}
	return end;
}

/* ---- what is plain ---- */

/* The first of every stride-th position from t on where a gram stands; at or behind `stop`, or
 * where no gram fits in any more, when there is none. */
static size_t find_gram(
	const struct mask_scan *s, const unsigned char *p, size_t t, size_t stop, size_t n)
{
	const size_t k = s->stride;

	while (t < stop && t + GRAM_MAX <= n) {
		/* four tests at once: their loads do not depend on each other */
		for (; t < stop && t + 3 * k + GRAM_MAX <= n; t += 4 * k) {
			if (is_gram(s, gram_at(p + t)) | is_gram(s, gram_at(p + t + k)) |
				is_gram(s, gram_at(p + t + 2 * k)) |
				is_gram(s, gram_at(p + t + 3 * k)))
				break;
		}
		for (int i = 0; i < 4 && t < stop && t + GRAM_MAX <= n; i++, t += k) {
			if (is_gram(s, gram_at(p + t)) && *lanes_slot(s, gram_at(p + t)))
				return t;
		}
	}
	return t;
}

size_t mask_scan_find(const struct mask_scan *s, const unsigned char *p, size_t start,
	size_t walked, size_t n, size_t *ret_next)
{
	for (size_t t = start + s->stride - 1;;) {
		size_t stop = t + WINDOW;
		size_t end, from;

		t = find_gram(s, p, t, stop, n);
		from = t - (s->stride - 1);
		end = from + s->head - 1 < n ? from + s->head - 1 : n;
		if (!s->all_plain && walked < end) {
			size_t inside = find_inside(s, p, start, walked, end, n);

			walked = inside;
			if (inside < end) {
				size_t first = inside < start + s->head ? start : inside - s->head;

				*ret_next = inside + 1;
				return first < from ? first : from;
			}
		}
		if (t < stop) {
			*ret_next = t - s->stride + 2;
			return from;
		}
	}
}
