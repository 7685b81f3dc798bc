/* Times of archived logs: what is packed is read again, for any byte, in any order; whatever comes,
 * they stay small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/object/log_times.h"

static struct log_times packed(struct log_times_maker *m)
{
	struct log_times t = { .packed = BUF_INIT(LOG_TIMES_MAX) };

	log_times_pack(m, &t.packed);
	log_times_maker_release(m);
	return t;
}

static struct wall ms(int64_t n)
{
	return (struct wall){ n * USEC_PER_MSEC };
}

static void expect(struct log_times *t, int64_t byte, int64_t at_ms, int64_t until)
{
	int64_t got_until;
	struct wall got = log_times_of(t, byte, &got_until);

	assert_int_equal(at_ms * USEC_PER_MSEC, got.us);
	assert_int_equal(until, got_until);
}

static void test_pieces(void **state UNUSED)
{
	const int64_t day = 1800000000000;
	struct log_times_maker m = { 0 };

	log_times_add(&m, 5, ms(day));
	log_times_add(&m, 0, ms(day + 1));
	log_times_add(&m, 300, ms(day + 2));
	log_times_add(&m, 3, ms(day + 2));
	log_times_add(&m, 1, ms(day - 9000)); /* the clock went back */
	struct log_times t = packed(&m);
	expect(&t, 0, day, 5);
	expect(&t, 4, day, 5);
	expect(&t, 307, day + 2, 308);
	expect(&t, 308, day - 9000, 309);
	expect(&t, 309, 0, INT64_MAX);
	expect(&t, 5, day + 2, 308);
	assert_true(t.packed.len < 20);
	buf_release(&t.packed);
}

static void test_none(void **state UNUSED)
{
	struct log_times_maker m = { 0 };
	struct log_times t = packed(&m);

	expect(&t, 0, 0, INT64_MAX);
	assert_int_equal(0, t.packed.len);
}

/* A job of six hours whose runner sends ten times a second: close ones become one. */
static void test_many_pieces_stay_small(void **state UNUSED)
{
	enum { PIECES = 6 * 3600 * 10, LENGTH = 90 };
	struct log_times_maker m = { 0 };
	int64_t byte = 0, worst = 0, until;

	for (int64_t i = 0; i < PIECES; i++)
		log_times_add(&m, LENGTH, ms(1000 + i * 100));
	struct log_times t = packed(&m);
	assert_true(t.packed.len <= LOG_TIMES_MAX);
	for (int64_t i = 0; i < PIECES; i++) {
		int64_t late =
			log_times_of(&t, i * LENGTH, &until).us / USEC_PER_MSEC - 1000 - i * 100;

		assert_true(late >= 0 && until > byte);
		worst = late > worst ? late : worst;
		byte = i * LENGTH;
	}
	assert_int_equal((int64_t)PIECES * LENGTH, until);
	assert_true(worst < 10000);
	print_message("worst %d ms in %zu bytes\n", (int)worst, t.packed.len);
	buf_release(&t.packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_many_pieces_stay_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
