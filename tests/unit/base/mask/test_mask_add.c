/* Adding values to the masker, also while it streams: effect, limits, order, time and memory. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mask/mask.h"

static void collect(void *data, const char *p, size_t n)
{
	assert_true(n > 0);
	buf_add(data, p, n);
}

static void feed(struct mask *m, const char *text, struct buf *out)
{
	mask_feed(m, text, strlen(text), collect, out);
}

static void ignore(void *data, const char *p, size_t n)
{
	(void)data, (void)p, (void)n;
}

static void test_add_while_streaming(void **state)
{
	CLEAN_MASK struct mask *m = mask_new();
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct err e = { 0 };

	(void)state;
	feed(m, "later later ", &out);
	assert_string_equal(out.data, "later later ");
	assert_int_equal(mask_add(m, "later", 5, NULL, &e), 0);
	feed(m, "later lat", &out);
	assert_string_equal(out.data, "later later *** ");
	assert_int_equal(mask_held(m), 3);
	assert_int_equal(mask_add(m, "atom", 4, NULL, &e), 0);
	feed(m, "om", &out);
	mask_end(m, collect, &out);
	assert_string_equal(out.data, "later later *** l***");
	assert_int_equal(mask_count(m), 2);
	/* covered and held back stays covered when a value comes in between */
	buf_clear(&out);
	assert_int_equal(mask_add(m, "tomtom-", 7, NULL, &e), 0);
	feed(m, "atom", &out);
	assert_int_equal(mask_held(m), 3);
	assert_string_equal(out.data, "***");
	assert_int_equal(mask_add(m, "omx", 3, NULL, &e), 0);
	feed(m, "y", &out);
	mask_end(m, collect, &out);
	assert_string_equal(out.data, "***y");
}

/* A span that is half handed out does not shrink when the walk over the held bytes is repeated. */
static void test_add_inside_a_match(void **state)
{
	CLEAN_MASK struct mask *m = mask_new();
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct err e = { 0 };

	(void)state;
	assert_int_equal(mask_add(m, "abcdef", 6, NULL, &e), 0);
	assert_int_equal(mask_add(m, "cdefxyz", 7, NULL, &e), 0);
	feed(m, "abcdef", &out);
	assert_int_equal(mask_held(m), 4);
	assert_string_equal(out.data, "***");
	assert_int_equal(mask_add(m, "d", 1, NULL, &e), 0);
	feed(m, "-", &out);
	mask_end(m, collect, &out);
	assert_string_equal(out.data, "***-");
}

/* A step that adds values for ever: each takes effect at once, all before it stay, and the time is
 * that of a few builds of each form, not of one build of all for each value. */
static void test_add_for_ever(void **state)
{
	CLEAN_MASK struct mask *m = mask_new();
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	CLEAN_STR char *quiet = xcalloc(1, KIB(64));
	char value[2][64], text[200];
	struct err e = { 0 };

	clock_t began = clock();

	(void)state;
	memset(quiet, '-', KIB(64));
	for (unsigned i = 0; i < MASK_VALUES_MAX; i++) {
		snprintf(value[0], sizeof(value[0]), "%08x-first-%08x", i * 2654435761U, i);
		snprintf(value[1], sizeof(value[1]), "%08x-first-%08x", i / 2 * 2654435761U, i / 2);
		snprintf(text, sizeof(text), "%s and %s, %s.", value[0], value[1], value[0]);
		assert_int_equal(mask_add(m, value[0], strlen(value[0]), NULL, &e), 0);
		buf_clear(&out);
		feed(m, text, &out);
		mask_end(m, collect, &out);
		assert_string_equal(out.data, "*** and ***, ***.");
	}
	assert_true(clock() - began < 20 * CLOCKS_PER_SEC);
	for (int i = 0; i < 100; i++) /* enough for the layers to become one */
		mask_feed(m, quiet, KIB(64), ignore, NULL);
	feed(m, text, &out);
	mask_end(m, collect, &out);
	assert_true(str_ends(out.data, "*** and ***, ***."));
}

static void test_short_and_limits(void **state)
{
	CLEAN_MASK struct mask *m = mask_new();
	CLEAN_STR char *large = xcalloc(LIMIT_MASK_VALUE + 1, 1);
	struct err e = { 0 };
	bool is_short = false;
	int rc = 0;

	(void)state;
	memset(large, 'x', LIMIT_MASK_VALUE + 1);
	assert_int_equal(mask_add(m, "abc", 3, &is_short, &e), 0);
	assert_true(is_short);
	assert_int_equal(mask_add(m, "abcd", 4, &is_short, &e), 0);
	assert_false(is_short);
	assert_int_equal(mask_add(m, "{\nlong\n}", 8, &is_short, &e), 0);
	assert_true(is_short);
	assert_int_equal(mask_add(m, "", 0, &is_short, &e), 0);
	assert_false(is_short);
	assert_int_equal(mask_add(m, large, LIMIT_MASK_VALUE + 1, NULL, &e), -1);
	assert_int_equal(e.class, ERR_LIMIT);
	for (int i = 0; i < 1000 && rc == 0; i++) {
		err_clear(&e);
		large[i] = 'y';
		rc = mask_add(m, large, LIMIT_MASK_VALUE, NULL, &e);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(e.class, ERR_LIMIT);
}

static void test_value_goes_before_its_forms(void **state)
{
	CLEAN_MASK struct mask *m = mask_new();
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	char value[KIB(24)], last[64];
	struct err e = { 0 };
	int rc = 0;

	(void)state;
	mask_begin_steps(m);
	for (unsigned i = 0; rc == 0; i++) {
		memset(value, '&', sizeof(value)); /* long forms */
		snprintf(value, sizeof(value), "%u", i);
		value[strlen(value)] = '-';
		rc = mask_add(m, value, sizeof(value), NULL, &e);
	}
	assert_true(err_is(&e, ERR_LIMIT));
	feed(m, "x", &out); /* the value that was refused is hidden all the same */
	mask_feed(m, value, sizeof(value), collect, &out);
	mask_end(m, collect, &out);
	assert_string_equal(buf_cstr(&out), "x***");
	snprintf(last, sizeof(last), "%s", "what still fits in is taken");
	assert_int_equal(mask_add_value(m, last, strlen(last), &e), 0);
}

/* Adds what a step can add, in the order that costs most, and says how much memory that took. */
static long peak_of_a_greedy_step(void)
{
	struct mask *m = mask_new();
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	struct rusage before, after;
	uint64_t seed = 1;
	int rc = 0;

	getrusage(RUSAGE_SELF, &before);
	mask_begin_steps(m);
	while (rc == 0) {
		char value[KIB(8)];
		struct err e = { 0 };

		for (size_t i = 0; i < sizeof(value); i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			value[i] = (char)(seed >> 33 & 0x7f);
		}
		rc = mask_add(m, value, sizeof(value), NULL, &e);
		buf_clear(&out);
		feed(m, "text", &out);
	}
	getrusage(RUSAGE_SELF, &after);
	mask_free(m);
	return after.ru_maxrss - before.ru_maxrss;
}

static void test_memory_of_added_values(void **state)
{
	int ends[2];
	long kib = -1;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		kib = peak_of_a_greedy_step();
		_exit(write(ends[1], &kib, sizeof(kib)) == (ssize_t)sizeof(kib) ? 0 : 1);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &kib, sizeof(kib)), sizeof(kib));
	close(ends[0]);
	waitpid(child, NULL, 0);
	print_message("%ld KiB\n", kib);
	assert_in_range(kib, 1, 80 << 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_while_streaming),
		cmocka_unit_test(test_add_inside_a_match),
		cmocka_unit_test(test_add_for_ever),
		cmocka_unit_test(test_short_and_limits),
		cmocka_unit_test(test_value_goes_before_its_forms),
		cmocka_unit_test(test_memory_of_added_values),
	};

	return cmocka_run_group_tests_name("mask_add", tests, NULL, NULL);
}
