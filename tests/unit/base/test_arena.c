/* Arenas: what they hand out, and that nothing of it moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"

static bool is_zero(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static void pieces_are_zeroed_aligned_and_apart(void **state UNUSED)
{
	static const size_t sizes[] = { 0, 1, 7, 16, 17, 16383, 16384, 16385, 100000, 3 };

	enum { ROUNDS = 20 };
	unsigned char *pieces[ROUNDS][ARRAY_LEN(sizes)];
	struct arena a = { 0 };

	for (size_t r = 0; r < ROUNDS; r++)
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			unsigned char *p = arena_take(&a, sizes[i]);

			assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
			assert_true(is_zero(p, sizes[i]));
			memset(p, (int)(r * ARRAY_LEN(sizes) + i + 1), sizes[i]);
			pieces[r][i] = p;
		}
	for (size_t r = 0; r < ROUNDS; r++)
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			for (size_t k = 0; k < sizes[i]; k++)
				if (pieces[r][i][k] != r * ARRAY_LEN(sizes) + i + 1)
					fail_msg("piece %zu of round %zu was overwritten", i, r);
	arena_release(&a);
	assert_null(a.chunks);
}

static void copies_end_with_a_nul(void **state UNUSED)
{
	struct arena a = { 0 };

	char *text = arena_copy(&a, "a\0bc", 3);

	assert_memory_equal(text, "a\0b", 4);
	assert_string_equal(arena_copy(&a, NULL, 0), "");
	arena_release(&a);
	text = arena_copy(&a, "again", 5); /* an empty one can be used again */
	assert_string_equal(text, "again");
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_zeroed_aligned_and_apart),
		cmocka_unit_test(copies_end_with_a_nul),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
