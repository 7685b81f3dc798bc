/* Counts of failures by address or name, also while somebody fills the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/app/failures.h"

#define MINUTE (60 * USEC_PER_SEC)
static const struct mono start = { 1000 * USEC_PER_SEC };

static unsigned add(struct failures *f, const char *who, struct mono now)
{
	return failures_add(f, who, strlen(who), now);
}

static unsigned number_of(struct failures *f, const char *who, struct mono now)
{
	return failures_of(f, who, strlen(who), now);
}

static void test_counts(void **state UNUSED)
{
	struct failures f = { 0 };

	assert_int_equal(0, number_of(&f, "ada", start));
	assert_int_equal(1, add(&f, "ada", start));
	assert_int_equal(2, add(&f, "ada", mono_add(start, MINUTE / 2)));
	assert_int_equal(1, add(&f, "eve", start));
	assert_int_equal(2, number_of(&f, "ada", mono_add(start, MINUTE)));
	/* a minute from the first one on */
	assert_int_equal(0, number_of(&f, "ada", mono_add(start, MINUTE + 1)));
	assert_int_equal(1, add(&f, "ada", mono_add(start, MINUTE + 1)));
}

static void test_take_back(void **state UNUSED)
{
	struct failures f = { 0 };

	failures_take_back(&f, "ada", 3, start);
	assert_int_equal(0, number_of(&f, "ada", start));
	add(&f, "ada", start);
	add(&f, "ada", start);
	failures_take_back(&f, "ada", 3, start);
	assert_int_equal(1, number_of(&f, "ada", start));
	failures_take_back(&f, "ada", 3, mono_add(start, MINUTE + 1));
	failures_take_back(&f, "ada", 3, start);
	failures_take_back(&f, "ada", 3, start);
	assert_int_equal(0, number_of(&f, "ada", start));
}

/* Many more addresses than there are places, each with a failure: the one that failed often stays.
 */
static void test_flood(void **state UNUSED)
{
	struct failures f = { 0 };

	for (int i = 0; i < 20; i++)
		add(&f, "ada", start);
	for (uint64_t other = 0; other < UINT64_C(100) * FAILURE_SETS; other++)
		failures_add(&f, &other, sizeof(other), start);
	assert_int_equal(20, number_of(&f, "ada", start));
	/* what is over makes room */
	assert_int_equal(1, add(&f, "eve", mono_add(start, MINUTE + 1)));
	assert_int_equal(1, number_of(&f, "eve", mono_add(start, MINUTE + 1)));
}

/* Nobody knows who shares a set with whom: each table has places of its own. */
static void test_places(void **state UNUSED)
{
	struct failures a = { 0 }, b = { 0 };

	for (uint64_t who = 0; who < 16; who++) {
		failures_add(&a, &who, sizeof(who), start);
		failures_add(&b, &who, sizeof(who), start);
	}
	assert_memory_not_equal(a.sets, b.sets, sizeof(a.sets));
	assert_memory_not_equal(a.key, b.key, sizeof(a.key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_take_back),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
