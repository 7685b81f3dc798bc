/*
 * A byte that is not plain is found by its two halves: at most eight such bytes have at most eight
 * different upper halves, so each of these has a bit, and a lower half has the bits of the upper
 * halves with which it makes such a byte.
 */
#include "base/mask/wide.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx2")))

static inline WIDE __m256i load(const void *p)
{
	return _mm256_loadu_si256((const __m256i *)p);
}

/* The grams at the positions, which are `at` behind p. */
static inline WIDE __m256i grams_at(const unsigned char *p, __m256i at, size_t stride)
{
	return stride == sizeof(uint32_t) ? load(p) : _mm256_i32gather_epi32((const int *)p, at, 1);
}

static inline WIDE uint32_t stops_at(__m256i low, __m256i high, const unsigned char *p)
{
	const __m256i half = _mm256_set1_epi8(15);
	__m256i v = load(p);
	__m256i found = _mm256_and_si256(_mm256_shuffle_epi8(low, _mm256_and_si256(v, half)),
		_mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(v, 4), half)));

	return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(found, _mm256_setzero_si256()));
}

#define ON_WIDE WIDE
#else
#define ON_WIDE
#endif

bool mask_wide(void)
{
#ifdef WIDE
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

ON_WIDE size_t mask_wide_grams(
	const struct mask_grams *g, const unsigned char *p, size_t t, size_t stop, size_t n)
{
#ifdef WIDE
	const size_t k = g->stride, last = (MASK_WIDE_GRAMS - 1) * k + MASK_GRAM_MAX;
	const __m256i at = _mm256_mullo_epi32(
		_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), _mm256_set1_epi32((int)k));
	const __m256i factor = _mm256_set1_epi32((int)UINT32_C(0x9e3779b1));
	const __m256i bytes = _mm256_set1_epi32((int)g->mask);
	const __m128i shift = _mm_cvtsi32_si128((int)g->shift), word = _mm_cvtsi32_si128(5);

	for (; t < stop && t + last <= n; t += MASK_WIDE_GRAMS * k) {
		__m256i gram = _mm256_and_si256(grams_at(p + t, at, k), bytes);
		__m256i slot = _mm256_srl_epi32(_mm256_mullo_epi32(gram, factor), shift);
		__m256i found = _mm256_i32gather_epi32(
			(const int *)g->bitmap, _mm256_srl_epi32(slot, word), 4);
		/* the bit of the slot to the top; a shift takes the low five bits of 31 - slot */
		__m256i up = _mm256_andnot_si256(slot, _mm256_set1_epi32(31));

		if (_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_sllv_epi32(found, up))))
			break;
	}
	return t;
#else
	(void)g, (void)p, (void)stop, (void)n;
	return t;
#endif
}

ON_WIDE uint64_t mask_wide_stops(const struct mask_stops *s, const unsigned char *p)
{
#ifdef WIDE
	const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)s->low));
	const __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)s->high));

	return stops_at(low, high, p) | (uint64_t)stops_at(low, high, p + 32) << 32;
#else
	(void)s, (void)p;
	return UINT64_MAX;
#endif
}
