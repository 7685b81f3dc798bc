/*
 * Times, durations and sizes to text and back: forms that are taken, forms that are refused,
 * overflow.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"

enum { UNTOUCHED = -77 };

static void formats_and_reads_times(UNUSED void **state)
{
	static const struct {
		const char *text;
		int64_t us;
		const char *again; /* as wall_format writes it */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z" },
		{ "2026-01-31T12:00:00.123Z", 1769860800123000, "2026-01-31T12:00:00.123Z" },
		{ "2026-01-31T12:00:00.1239999999Z", 1769860800123999, "2026-01-31T12:00:00.123Z" },
		{ "2026-01-31t12:00:00z", 1769860800000000, "2026-01-31T12:00:00.000Z" },
		{ "2026-01-31T14:00:00+02:00", 1769860800000000, "2026-01-31T12:00:00.000Z" },
		{ "2026-01-31T06:30:00-05:30", 1769860800000000, "2026-01-31T12:00:00.000Z" },
		{ "2024-02-29T23:59:60Z", 1709251200000000, "2024-03-01T00:00:00.000Z" },
		{ "1969-12-31T23:59:59.999Z", -1000, "1969-12-31T23:59:59.999Z" },
		{ "0000-01-01T00:00:00Z", -62167219200000000, "0000-01-01T00:00:00.000Z" },
		{ "9999-12-31T23:59:59Z", 253402300799000000, "9999-12-31T23:59:59.000Z" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		struct wall t;
		char text[WALL_TEXT_MAX];

		assert_int_equal(wall_parse(cases[i].text, &t, &e), 0);
		assert_int_equal(t.us, cases[i].us);
		assert_string_equal(wall_format(t, text), cases[i].again);
	}
}

static void refuses_bad_times(UNUSED void **state)
{
	static const char *const cases[] = {
		"",
		"2026-01-31",
		"2026-01-31T12:00:00",
		"2026-01-31 12:00:00Z",
		"2026-1-31T12:00:00Z",
		"2026-02-29T12:00:00Z",
		"1900-02-29T12:00:00Z",
		"2026-13-01T12:00:00Z",
		"2026-00-01T12:00:00Z",
		"2026-01-00T12:00:00Z",
		"2026-01-32T12:00:00Z",
		"2026-01-31T24:00:00Z",
		"2026-01-31T12:60:00Z",
		"2026-01-31T12:00:61Z",
		"2026-01-31T12:00:00.Z",
		"2026-01-31T12:00:00+0200",
		"2026-01-31T12:00:00+24:00",
		"2026-01-31T12:00:00Zx",
		"-026-01-31T12:00:00Z",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		struct wall t = { UNTOUCHED };

		assert_int_equal(wall_parse(cases[i], &t, &e), -1);
		assert_int_equal(e.class, ERR_INPUT);
		assert_int_equal(t.us, UNTOUCHED);
	}
}

static void durations_read_back(UNUSED void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		const char *again;
	} cases[] = {
		{ "0", 0, "0s" },
		{ "0s", 0, "0s" },
		{ "5s", 5000, "5s" },
		{ "500ms", 500, "500ms" },
		{ "1500ms", 1500, "1s500ms" },
		{ "1h30m", 5400000, "1h30m" },
		{ "90m", 5400000, "1h30m" },
		{ "24h", 86400000, "1d" },
		{ "168h", 604800000, "7d" },
		{ "7d", 604800000, "7d" },
		{ "1d2h3m4s5ms", 93784005, "1d2h3m4s5ms" },
		{ "106751991d", INT64_C(9223372022400000), "106751991d" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		int64_t us, again;
		char text[DURATION_TEXT_MAX];

		assert_int_equal(duration_parse(cases[i].text, &us, &e), 0);
		assert_int_equal(us, cases[i].ms * 1000);
		assert_string_equal(duration_format(us, text), cases[i].again);
		assert_int_equal(duration_parse(text, &again, &e), 0);
		assert_int_equal(again, us);
	}
}

static void formats_the_extremes(UNUSED void **state)
{
	char text[DURATION_TEXT_MAX];

	assert_string_equal(duration_format(INT64_MAX, text), "106751991d4h54s775ms");
	assert_string_equal(duration_format(INT64_MIN, text), "-106751991d4h54s775ms");
	assert_string_equal(duration_format(999, text), "0s");
	assert_string_equal(duration_format(-2000000, text), "-2s");
}

static void refuses_bad_durations(UNUSED void **state)
{
	static const char *const cases[] = { "", "5", "s", "-5s", "5 s", " 5s", "5s ", "1.5h", "5x",
		"5S", "30m1h", "5s5s", "1h30", "5us", "106751992d", "99999999999999999999s", "00" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		int64_t us = UNTOUCHED;

		assert_int_equal(duration_parse(cases[i], &us, &e), -1);
		assert_int_equal(e.class, ERR_INPUT);
		assert_int_equal(us, UNTOUCHED);
	}
}

static void reads_sizes(UNUSED void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		bool ok;
	} cases[] = {
		{ "0", 0, true },
		{ "100", 100, true },
		{ "100b", 100, true },
		{ "512k", 524288, true },
		{ "512KB", 524288, true },
		{ "64m", 67108864, true },
		{ "2g", UINT64_C(2147483648), true },
		{ "1T", UINT64_C(1099511627776), true },
		{ "16777215t", UINT64_C(18446742974197923840), true },
		{ "16777216t", 0, false },
		{ "", 0, false },
		{ "k", 0, false },
		{ "-1", 0, false },
		{ "1.5g", 0, false },
		{ "5x", 0, false },
		{ "5kk", 0, false },
		{ "5 k", 0, false },
		{ "99999999999999999999", 0, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		uint64_t got = 77;
		int rc = size_parse(cases[i].text, &got, &e);

		assert_int_equal(rc, cases[i].ok ? 0 : -1);
		assert_int_equal(got, cases[i].ok ? cases[i].bytes : 77);
		assert_int_equal(e.class, cases[i].ok ? ERR_NONE : ERR_INPUT);
	}
}

static void formats_sizes(UNUSED void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 1023, "1023" },
		{ 1024, "1k" },
		{ UINT64_C(64) << 20, "64m" },
		{ UINT64_C(1536) << 20, "1536m" },
		{ UINT64_C(2) << 30, "2g" },
		{ UINT64_C(16) << 40, "16t" },
		{ UINT64_MAX, "18446744073709551615" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[SIZE_TEXT_MAX];

		assert_string_equal(size_format(cases[i].bytes, text), cases[i].text);
	}
}

static void mono_saturates(UNUSED void **state)
{
	struct mono a = mono_now(), b = mono_now();

	assert_true(mono_diff(b, a) >= 0);
	assert_int_equal(mono_add(MONO_NEVER, 5).us, INT64_MAX);
	assert_int_equal(mono_diff(mono_add(a, 5), a), 5);
	assert_true(wall_now().us > INT64_C(1600000000) * USEC_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_and_reads_times),
		cmocka_unit_test(refuses_bad_times),
		cmocka_unit_test(durations_read_back),
		cmocka_unit_test(formats_the_extremes),
		cmocka_unit_test(refuses_bad_durations),
		cmocka_unit_test(reads_sizes),
		cmocka_unit_test(formats_sizes),
		cmocka_unit_test(mono_saturates),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
