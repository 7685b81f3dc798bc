/* What wide registers skip is what the portable code skips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/mask/mask.h"
#include "base/mask/wide.h"

enum { TEXT = 64 << 10, SECRETS = 12 };

static uint32_t roll(uint32_t *state, uint32_t sides)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 8) % sides;
}

static void fill(uint32_t *state, char *p, size_t n, bool any)
{
	static const char usual[] = "abcdefghij0123456789 =/%\\\"'&;\n+-_";

	for (size_t i = 0; i < n; i++)
		p[i] = any ? (char)roll(state, 256) : usual[roll(state, sizeof(usual) - 1)];
}

/* The secrets of a round, and what stands in the text: some of them, whole and cut short. */
struct round {
	char values[SECRETS][64], text[TEXT];
	size_t n_values, lengths[SECRETS];
};

static void build(uint32_t *state, size_t shortest, struct round *r)
{
	r->n_values = 1 + roll(state, SECRETS);
	fill(state, r->text, sizeof(r->text), roll(state, 2));
	for (size_t i = 0; i < r->n_values; i++) {
		r->lengths[i] = shortest + roll(state, (uint32_t)(sizeof(r->values[i]) - shortest));
		fill(state, r->values[i], r->lengths[i], false);
		for (int times = 0; times < 20; times++)
			memcpy(r->text + roll(state, TEXT - 64), r->values[i],
				r->lengths[i] - roll(state, 2));
	}
}

/* Whether one of the eight positions from t on has a gram. */
static bool any_gram(const struct mask_grams *g, const unsigned char *p, size_t t)
{
	for (size_t i = 0; i < MASK_WIDE_GRAMS; i++)
		if (mask_grams_have(g, mask_gram_at(p + t + i * g->stride)))
			return true;
	return false;
}

static void check_grams(const struct mask_grams *g, const unsigned char *p, size_t stop)
{
	const size_t n = TEXT, step = MASK_WIDE_GRAMS * g->stride;

	for (size_t t = stop % 7; t < stop; t += step) {
		size_t found = mask_wide_grams(g, p, t, stop, n);

		for (; t < found; t += step)
			assert_false(any_gram(g, p, t));
		assert_int_equal(t, found);
		if (t < stop && t + step - g->stride + MASK_GRAM_MAX <= n)
			assert_true(any_gram(g, p, t));
	}
}

static void check_stops(const struct mask_stops *s, const unsigned char *p)
{
	for (size_t at = 0; at + MASK_WIDE_BYTES <= TEXT; at += MASK_WIDE_BYTES / 2 + 1) {
		uint64_t bits = mask_wide_stops(s, p + at);

		for (size_t i = 0; i < MASK_WIDE_BYTES; i++)
			assert_int_equal(bits >> i & 1, s->all[p[at + i]] != 0);
	}
}

static void skips_what_holds_nothing(void **state)
{
	uint32_t dice = 3;
	struct round *r = xcalloc(1, sizeof(*r));

	(void)state;
	for (size_t round = 0; mask_wide() && round < 24; round++) {
		CLEANUP(mask_forms_release) struct mask_forms forms = { 0 };
		struct mask_grams grams;
		struct mask_stops stops;

		build(&dice, 1 + round, r);
		for (size_t i = 0; i < r->n_values; i++) {
			mask_forms_add_value(&forms, r->values[i], r->lengths[i], MASK_PIECE_MIN);
			mask_forms_add_derived(&forms, r->values[i], r->lengths[i], MASK_PIECE_MIN);
		}
		mask_grams_init(&grams, &forms);
		mask_stops_init(&stops, &grams, &forms, true);
		check_grams(&grams, (const unsigned char *)r->text, TEXT);
		check_grams(&grams, (const unsigned char *)r->text, TEXT / 2 + round);
		check_stops(&stops, (const unsigned char *)r->text);
		mask_grams_release(&grams);
	}
	free(r);
}

static void collect(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

static void mask_text(const struct round *r, bool narrow, size_t piece, struct buf *out)
{
	CLEAN_MASK struct mask *m = mask_new();

	if (narrow)
		mask_set_narrow(m);
	for (size_t i = 0; i < r->n_values; i++)
		assert_int_equal(mask_add(m, r->values[i], r->lengths[i], NULL, NULL), 0);
	for (size_t at = 0; at < TEXT; at += piece)
		mask_feed(m, r->text + at, TEXT - at < piece ? TEXT - at : piece, collect, out);
	mask_end(m, collect, out);
	assert_true(buf_ok(out));
}

static void hides_the_same(void **state)
{
	uint32_t dice = 5;
	struct round *r = xcalloc(1, sizeof(*r));

	(void)state;
	for (size_t round = 0; round < 24; round++) {
		CLEAN_BUF struct buf wide = BUF_INIT(MIB(1)), narrow = BUF_INIT(MIB(1));

		build(&dice, 1 + round, r);
		mask_text(r, false, TEXT, &wide);
		mask_text(r, true, 1 + roll(&dice, TEXT), &narrow);
		assert_int_equal(wide.len, narrow.len);
		assert_memory_equal(wide.data, narrow.data, wide.len);
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(skips_what_holds_nothing),
		cmocka_unit_test(hides_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
