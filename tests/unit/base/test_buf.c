/* Buffers, and the lists and numbers of util.h. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/buf.h"

static void appends_and_formats(UNUSED void **state)
{
	struct buf b CLEAN_BUF = BUF_INIT(1000);

	assert_string_equal(buf_cstr(&b), "");
	assert_int_equal(buf_slice(&b).len, 0);
	assert_int_equal(buf_adds(&b, "ab"), 0);
	assert_int_equal(buf_addc(&b, 'c'), 0);
	assert_int_equal(buf_addf(&b, "-%d-%s", 42, "x"), 0);
	assert_int_equal(buf_add(&b, "\0z", 2), 0);
	assert_int_equal(b.len, 10);
	assert_memory_equal(b.data, "abc-42-x\0z", 11);
	assert_true(buf_ok(&b));
}

static void stops_at_max(UNUSED void **state)
{
	for (size_t max = 0; max < 200; max++) {
		struct buf b CLEAN_BUF = BUF_INIT(max);
		for (size_t i = 0; i < max; i++)
			assert_int_equal(buf_addc(&b, 'x'), 0);
		assert_int_equal(b.len, max);
		assert_int_equal(buf_addc(&b, 'y'), -1);
		assert_false(buf_ok(&b));
		assert_int_equal(b.len, max);
		assert_null(memchr(buf_cstr(&b), 'y', max));
		assert_true(b.cap <= max + 1);
	}
}

static void failure_is_sticky_until_cleared(UNUSED void **state)
{
	struct buf b CLEAN_BUF = BUF_INIT(4);

	assert_int_equal(buf_adds(&b, "12345"), -1);
	assert_int_equal(buf_addc(&b, '1'), -1); /* no holes */
	assert_null(buf_reserve(&b, 1));
	assert_int_equal(buf_addf(&b, "%d", 1), -1);
	buf_clear(&b);
	assert_int_equal(buf_addf(&b, "%d", 1234), 0);
	assert_int_equal(buf_addf(&b, "%s", "5"), -1);
	assert_string_equal(buf_cstr(&b), "1234");
}

static void survives_huge_sizes(UNUSED void **state)
{
	struct buf b CLEAN_BUF = BUF_INIT(SIZE_MAX);

	assert_int_equal(buf_addc(&b, 'x'), 0);
	assert_null(buf_reserve(&b, SIZE_MAX));
	buf_clear(&b);
	assert_null(buf_reserve(&b, SIZE_MAX));
	buf_clear(&b);
	assert_string_equal(buf_cstr(&b), "");
}

static void consumes_from_the_front(UNUSED void **state)
{
	struct buf b CLEAN_BUF = BUF_INIT(100);

	buf_adds(&b, "hello world");
	buf_consume(&b, 6);
	assert_string_equal(buf_cstr(&b), "world");
	buf_consume(&b, 5);
	assert_string_equal(buf_cstr(&b), "");
	buf_consume(&b, 0);
}

static void reserves_and_commits(UNUSED void **state)
{
	struct buf b CLEAN_BUF = BUF_INIT(100);
	char *room = buf_reserve(&b, 100);

	assert_non_null(room);
	assert_int_equal(room[0], 0);
	memset(room, 'r', 100);
	buf_commit(&b, 100);
	assert_int_equal(b.len, 100);
	assert_int_equal(b.data[100], 0);
	assert_null(buf_reserve(&b, 1));
}

static void what_is_not_committed_is_no_text(UNUSED void **state)
{
	for (size_t n = 1; n < 200; n++) {
		struct buf b CLEAN_BUF = BUF_INIT(400);
		char *room = buf_reserve(&b, n);
		assert_non_null(room);
		memset(room, 'r', n);
		assert_int_equal(strlen(b.data), n); /* a reader of the raw bytes stops, too */
		assert_string_equal(buf_cstr(&b), "");
		buf_adds(&b, "ab");
		room = buf_reserve(&b, n);
		assert_non_null(room);
		memset(room, 'r', n);
		char *text CLEAN_STR = buf_take(&b);
		assert_string_equal(text, "ab");
	}
}

static void hands_over(UNUSED void **state)
{
	struct buf b CLEAN_BUF = BUF_INIT(100);
	char *empty CLEAN_STR = buf_take(&b);

	assert_string_equal(empty, "");
	buf_adds(&b, "x");
	char *text CLEAN_STR = buf_take(&b);
	assert_string_equal(text, "x");
	assert_null(b.data);
	buf_adds(&b, "again");
	assert_string_equal(buf_cstr(&b), "again");
}

static void wipes_what_a_secret_leaves(UNUSED void **state)
{
	struct buf b = BUF_INIT_SECRET(1000);

	buf_adds(&b, "hunter2-hunter2");
	buf_consume(&b, 8);
	assert_string_equal(buf_cstr(&b), "hunter2");
	for (size_t i = b.len; i < 15; i++)
		assert_int_equal(b.data[i], 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(buf_addc(&b, 'x'), 0);
	assert_int_equal(b.len, 507);
	assert_memory_equal(b.data, "hunter2x", 8);
	buf_clear(&b);
	assert_int_equal(b.data[3], 0);
	buf_release_wipe(&b);
	assert_null(b.data);
}

static void splits_lists(UNUSED void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ ",,", "" },
		{ "a", "a" },
		{ " a , b,, c\t", "a|b|c" },
		{ "a b,c", "a b|c" },
		{ ",x", "x" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct strv list = { 0 };

		struct buf got CLEAN_BUF = BUF_INIT(100);
		strv_split(&list, cases[i].text, ',');
		strv_each (item, &list)
			buf_addf(&got, "%s%s", got.len ? "|" : "", item);
		assert_string_equal(buf_cstr(&got), cases[i].want);
		assert_true(!list.v || !list.v[list.n]);
		strv_release(&list);
	}
}

static void grows_lists(UNUSED void **state)
{
	struct strv list = { 0 };

	for (int i = 0; i < 1000; i++)
		strv_addf(&list, "%d", i);
	assert_int_equal(list.n, 1000);
	assert_null(list.v[1000]);
	assert_true(strv_contains(&list, "999"));
	assert_false(strv_contains(&list, "1000"));
	strv_release(&list);
	assert_null(list.v);
}

static void keeps_pairs(UNUSED void **state)
{
	struct pairs p = { 0 };

	pairs_set(&p, "a", "1");
	pairs_set(&p, "b", "2");
	pairs_set_n(&p, "a", "345", 2);
	assert_int_equal(p.n, 2);
	assert_string_equal(p.v[0].key, "a"); /* in place */
	assert_string_equal(pairs_get(&p, "a"), "34");
	pairs_set(&p, "b", pairs_get(&p, "b")); /* aliased */
	assert_string_equal(pairs_get(&p, "b"), "2");
	assert_null(pairs_get(&p, "c"));
	pairs_release(&p);
	assert_int_equal(p.n, 0);
}

static void parses_numbers(UNUSED void **state)
{
	static const struct {
		const char *text;
		int64_t min, max, want;
		bool ok;
	} cases[] = {
		{ "0", 0, 9, 0, true },
		{ "42", 0, 42, 42, true },
		{ "43", 0, 42, 0, false },
		{ "-1", 0, 42, 0, false },
		{ "-1", -1, 42, -1, true },
		{ "9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, true },
		{ "9223372036854775808", INT64_MIN, INT64_MAX, 0, false },
		{ "-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, true },
		{ "-9223372036854775809", INT64_MIN, INT64_MAX, 0, false },
		{ "99999999999999999999", INT64_MIN, INT64_MAX, 0, false },
		{ "", INT64_MIN, INT64_MAX, 0, false },
		{ "-", INT64_MIN, INT64_MAX, 0, false },
		{ "+1", INT64_MIN, INT64_MAX, 0, false },
		{ " 1", INT64_MIN, INT64_MAX, 0, false },
		{ "1 ", INT64_MIN, INT64_MAX, 0, false },
		{ "1x", INT64_MIN, INT64_MAX, 0, false },
		{ "0x10", INT64_MIN, INT64_MAX, 0, false },
		{ "1.0", INT64_MIN, INT64_MAX, 0, false },
		{ NULL, INT64_MIN, INT64_MAX, 0, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t got = -77;
		bool ok = parse_i64(cases[i].text, cases[i].min, cases[i].max, &got);

		assert_int_equal(ok, cases[i].ok);
		assert_int_equal(got, cases[i].ok ? cases[i].want : -77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_and_formats),
		cmocka_unit_test(stops_at_max),
		cmocka_unit_test(failure_is_sticky_until_cleared),
		cmocka_unit_test(survives_huge_sizes),
		cmocka_unit_test(consumes_from_the_front),
		cmocka_unit_test(reserves_and_commits),
		cmocka_unit_test(what_is_not_committed_is_no_text),
		cmocka_unit_test(hands_over),
		cmocka_unit_test(wipes_what_a_secret_leaves),
		cmocka_unit_test(splits_lists),
		cmocka_unit_test(grows_lists),
		cmocka_unit_test(keeps_pairs),
		cmocka_unit_test(parses_numbers),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
