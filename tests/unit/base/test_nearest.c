/* What a mistyped word was meant to be. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/nearest.h"

static const char *const known[] = { "run", "runner", "repo", "list", "rotate-token", "log" };

static void test_nearest(void **state UNUSED)
{
	static const struct {
		const char *word, *best;
	} cases[] = {
		{ "runer", "runner" },
		{ "rnu", "run" }, /* neighbours swapped are one mistake */
		{ "lst", "list" },
		{ "rotatetoken", "rotate-token" },
		{ "rotate-tkoen", "rotate-token" },
		{ "lgo", "log" },
		{ "zebra", NULL },
		{ "", NULL },
		{ "runnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnner", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nearest n = nearest_to(cases[i].word);

		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			nearest_try(&n, known[k]);
		if (!str_eq(n.best, cases[i].best))
			fail_msg("%s: %s", cases[i].word, n.best ? n.best : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nearest) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
