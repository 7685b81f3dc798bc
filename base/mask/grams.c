/*
 * The bitmap has each spelling of a gram in plain bytes (hex digits in either case). What it finds
 * is compared with the forms that it may be of before anybody walks: text that begins as a secret
 * does and ends otherwise, as identifiers with a common prefix do, costs one comparison and not a
 * walk through all of it. Forms and lengths that are compared have bounds, since secrets and text
 * can be made so that each position is worth many comparisons; what is beyond them "may match".
 */
#include "base/mask/grams.h"

#include "base/mask/lane.h"

enum {
	STRIDE_MAX = 16,
	BITS_MIN = 15,
	BITS_MAX = 20,
	SPACE = 128, /* bits of the bitmap for each gram */
	USES_MAX = 1 << 16,
	COMPARED_MAX = 16, /* forms for a gram */
	SYMBOLS_MAX = 256, /* of a form */
};

/* A gram with its bytes folded into symbols, at this offset of a form. */
struct mask_gram_use {
	uint32_t symbols, form;
	uint32_t next; /* with the same hash; index + 1 */
	unsigned char lane, offset;
};

/* ---- bitmap ---- */

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

static void add_gram(struct mask_grams *g, enum mask_lane lane, uint32_t gram)
{
	uint32_t slot = (gram & g->mask) * UINT32_C(0x9e3779b1) >> g->shift;

	g->bitmap[slot >> 5] |= UINT32_C(1) << (slot & 31);
	*mask_grams_lanes(g, gram) |= (unsigned char)(1u << lane);
}

/* Calls add_gram with every gram of bytes that stand for these symbols; returns how many there are,
 * and does no more than that when there is no bitmap yet. */
static size_t add_grams(struct mask_grams *g, const struct mask_form *f, size_t offset)
{
	unsigned char bytes[MASK_GRAM_MAX][256];
	unsigned n[MASK_GRAM_MAX];
	size_t all = 1;

	for (unsigned i = 0; i < g->len; i++) {
		n[i] = bytes_of(mask_lane_rules(f->lane), f->bytes[offset + i], bytes[i]);
		all *= n[i];
	}
	for (size_t which = 0; g->bitmap && which < all; which++) {
		size_t rest = which;
		uint32_t gram = 0;

		for (unsigned i = 0; i < g->len; rest /= n[i], i++) {
			gram |= (uint32_t)bytes[i][rest % n[i]] << 8 * i;
			g->in_head[bytes[i][rest % n[i]]] |= (unsigned char)(1u << f->lane);
		}
		add_gram(g, f->lane, gram);
	}
	return all;
}

static size_t add_all_grams(struct mask_grams *g, const struct mask_forms *forms)
{
	size_t all = 0;

	for (size_t i = 0; i < forms->n; i++) {
		for (size_t offset = 0; offset < g->stride; offset++)
			all += add_grams(g, &forms->v[i], offset);
	}
	return all;
}

static void choose_lengths(struct mask_grams *g, const struct mask_forms *forms)
{
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < forms->n; i++)
		least = forms->v[i].len < least ? forms->v[i].len : least;
	if (least < 1 || least == SIZE_MAX)
		BUG("an empty form, or none");
	g->len = least < MASK_GRAM_MAX ? (unsigned)least : MASK_GRAM_MAX;
	g->mask = UINT32_MAX >> (32 - 8 * g->len);
	g->stride = least - g->len + 1 < STRIDE_MAX ? least - g->len + 1 : STRIDE_MAX;
	g->head = g->stride + g->len - 1;
}

/* ---- uses ---- */

static uint32_t *first_use(const struct mask_grams *g, uint32_t symbols)
{
	return &g->first_use[(symbols & g->mask) * UINT32_C(0xc2b2ae35) >> (32 - g->use_bits)];
}

static void add_use(struct mask_grams *g, uint32_t form, size_t offset)
{
	const struct mask_form *f = &g->forms->v[form];
	struct mask_gram_use *use = &g->uses[g->n_uses];
	uint32_t *first;

	for (unsigned i = 0; i < g->len; i++)
		use->symbols |= (uint32_t)(unsigned char)f->bytes[offset + i] << 8 * i;
	first = first_use(g, use->symbols);
	use->form = form;
	use->offset = (unsigned char)offset;
	use->lane = (unsigned char)f->lane;
	use->next = *first;
	*first = (uint32_t)++g->n_uses;
}

static void build_uses(struct mask_grams *g, const struct mask_forms *forms)
{
	size_t n = forms->n * g->stride;

	if (n > USES_MAX)
		return;
	g->forms = forms;
	g->use_bits = 4;
	while ((size_t)1 << g->use_bits < n)
		g->use_bits++;
	g->uses = xcalloc(n, sizeof(*g->uses));
	g->first_use = xcalloc((size_t)1 << g->use_bits, sizeof(*g->first_use));
	for (uint32_t form = 0; form < forms->n; form++) {
		for (size_t offset = 0; offset < g->stride; offset++)
			add_use(g, form, offset);
	}
}

void mask_grams_init(struct mask_grams *g, const struct mask_forms *forms)
{
	unsigned bits = BITS_MIN;
	size_t all;

	*g = (struct mask_grams){ 0 };
	choose_lengths(g, forms);
	all = add_all_grams(g, forms);
	while (bits < BITS_MAX && (size_t)1 << bits < all * SPACE)
		bits++;
	g->shift = 32 - bits;
	g->bytes = (size_t)1 << (bits - 3);
	g->bitmap = xcalloc(g->bytes, 1);
	g->lanes = xcalloc((size_t)1 << MASK_GRAM_LANE_BITS, 1);
	add_all_grams(g, forms);
	build_uses(g, forms);
}

void mask_grams_release(struct mask_grams *g)
{
	wipe(g->bitmap, g->bytes);
	wipe(g->lanes, (size_t)1 << MASK_GRAM_LANE_BITS);
	if (g->uses)
		wipe(g->uses, g->n_uses * sizeof(*g->uses));
	free(g->bitmap);
	free(g->lanes);
	free(g->uses);
	free(g->first_use);
}

/* ---- comparing ---- */

struct place {
	const unsigned char *p, *stops;
	size_t n;
};

/* Is it this form from here on, as far as can be said of plain bytes? */
static bool is_form(const struct place *at, size_t from, const struct mask_form *f)
{
	const struct mask_rules *rules = mask_lane_rules(f->lane);
	const unsigned lane = 1u << f->lane;
	size_t most = at->n - from < SYMBOLS_MAX ? at->n - from : SYMBOLS_MAX;

	most = f->len < most ? f->len : most;
	for (size_t i = 0; i < most; i++) {
		unsigned char c = at->p[from + i], symbol = (unsigned char)f->bytes[i];

		if (at->stops[c] & lane)
			return true;
		if (c != symbol && !stands_for(rules, c, symbol))
			return false;
	}
	return true;
}

/* The gram at t as symbols of a lane. False: a byte of it may be two. */
static bool fold(const struct mask_grams *g, enum mask_lane lane, const unsigned char *p,
	uint32_t *ret_symbols)
{
	const struct mask_rules *rules = mask_lane_rules(lane);

	*ret_symbols = 0;
	for (unsigned i = 0; i < g->len; i++) {
		if (rules->other[p[i]])
			return false;
		*ret_symbols |= (uint32_t)(unsigned char)(p[i] ^ rules->fold[p[i]]) << 8 * i;
	}
	return true;
}

static bool match_lane(const struct mask_grams *g, enum mask_lane lane, const struct place *at,
	size_t start, size_t t)
{
	unsigned compared = 0;
	uint32_t symbols;

	if (!fold(g, lane, at->p + t, &symbols))
		return true;
	for (uint32_t i = *first_use(g, symbols); i; i = g->uses[i - 1].next) {
		const struct mask_gram_use *use = &g->uses[i - 1];

		if (++compared > COMPARED_MAX)
			return true;
		if (use->symbols == symbols && use->lane == lane && t - start >= use->offset &&
			is_form(at, t - use->offset, &g->forms->v[use->form]))
			return true;
	}
	return false;
}

bool mask_grams_match(const struct mask_grams *g, const unsigned char stops[256],
	const unsigned char *p, size_t start, size_t t, size_t n)
{
	unsigned lanes = *mask_grams_lanes(g, mask_gram_at(p + t));
	const struct place at = { p, stops, n };

	for (enum mask_lane lane = 0; lane < MASK_LANES; lane++) {
		if (lanes >> lane & 1 && (!g->uses || match_lane(g, lane, &at, start, t)))
			return true;
	}
	return false;
}
