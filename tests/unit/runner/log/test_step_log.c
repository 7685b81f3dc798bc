/* The log path without a session: limit, marker, UTF-8 boundary, own lines, spool reading. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "runner/log/step_log.h"

static char folder[] = "/tmp/step-log-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

struct log_case {
	uint64_t limit;
	const char *bytes;
	const char *expected; /* %s stands for the marker line */
};

static char *spooled(struct step_log *l)
{
	struct err e = { 0 };
	char *text = xcalloc(1, l->spool.written + 1);

	assert_int_equal(spool_peek(&l->spool, text, l->spool.written, &e), l->spool.written);
	return text;
}

/* Whole and byte by byte must give the same. */
static void check_case(const struct log_case *c, size_t piece)
{
	struct mask *mask = mask_new();
	struct step_log l;
	struct err e = { 0 };
	CLEAN_STR char *marker = xasprintf("[shithub] log truncated: this step wrote more than "
					   "%" PRIu64 " bytes, the rest is dropped\n",
		c->limit);
	CLEAN_STR char *expected = xasprintf(c->expected, marker), *got = NULL;
	size_t n = strlen(c->bytes);

	assert_int_equal(mask_add(mask, "s3cret-value", 12, NULL, &e), 0);
	assert_int_equal(step_log_open(&l, folder, 1, mask, NULL, 0, c->limit, &e), 0);
	for (size_t at = 0; at < n; at += piece)
		step_log_bytes(&l, c->bytes + at, n - at < piece ? n - at : piece);
	step_log_close(&l);
	got = spooled(&l);
	assert_string_equal(got, expected);
	assert_true(l.spool.closed);
	step_log_release(&l);
	mask_free(mask);
}

static void limits_and_marks(void **state)
{
	static const struct log_case cases[] = {
		{ 100, "hello\n", "hello\n" },
		{ 5, "hello", "hello" },
		{ 5, "hello\n", "hello\n%s" },
		{ 6, "hello\nworld\n", "hello\n%s" },
		{ 4, "ab\xc3\xa4\xc3\xa4", "ab\xc3\xa4\n%s" },
		{ 3, "ab\xc3\xa4", "ab\n%s" },
		{ 3, "\xf0\x9f\x98\x80", "%s" },
		{ 100, "a s3cret-value b", "a *** b" },
		{ 5, "a s3cret-value b", "a ***\n%s" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		check_case(&cases[i], 1000);
		check_case(&cases[i], 1);
	}
}

static void own_lines_stand_alone(void **state)
{
	struct mask *mask = mask_new();
	struct step_log l;
	struct err e = { 0 };
	CLEAN_STR char *got = NULL;

	(void)state;
	assert_int_equal(mask_add(mask, "s3cret-value", 12, NULL, &e), 0);
	assert_int_equal(step_log_open(&l, folder, 2, mask, NULL, 0, 1000, &e), 0);
	step_log_line(&l, "first %d", 1);
	step_log_bytes(&l, "no newline", 10);
	step_log_line(&l, "second s3cret-value");
	step_log_close(&l);
	got = spooled(&l);
	assert_string_equal(got, "first 1\nno newline\nsecond ***\n");
	step_log_release(&l);
	mask_free(mask);
}

/* What the step writes past the limit is gone, what the runner says about it is not. */
static void own_lines_pass_the_limit(void **state)
{
	struct mask *mask = mask_new();
	struct step_log l;
	struct err e = { 0 };
	CLEAN_STR char *got = NULL;

	(void)state;
	assert_int_equal(mask_add(mask, "s3cret-value", 12, NULL, &e), 0);
	assert_int_equal(step_log_open(&l, folder, 3, mask, NULL, 0, 4, &e), 0);
	step_log_bytes(&l, "abcdef s3cret", 13);
	step_log_line(&l, "-value and s3cret-value");
	step_log_bytes(&l, "later", 5);
	for (int i = 0; i < 1000; i++)
		step_log_line(&l, "%0200d", i);
	step_log_close(&l);
	got = spooled(&l);
	assert_true(str_starts(got, "abcd\n[shithub] log truncated"));
	assert_non_null(strstr(got, "dropped\n-value and ***\n000000"));
	assert_null(strstr(got, "later"));
	assert_true(strlen(got) > 60000 && strlen(got) < 66000);
	step_log_release(&l);
	mask_free(mask);
}

static void spool_gives_what_is_pending(void **state)
{
	CLEAN_STR char *path = xasprintf("%s/spool", folder);
	struct spool s = SPOOL_INIT;
	struct err e = { 0 };
	char got[8] = "";

	(void)state;
	assert_int_equal(spool_open(&s, path, &e), 0);
	assert_int_equal(spool_append(&s, "abcdef", 6, &e), 0);
	assert_int_equal(spool_peek(&s, got, 4, &e), 4);
	assert_memory_equal(got, "abcd", 4);
	spool_ack(&s, 4);
	assert_int_equal(spool_append(&s, "g", 1, &e), 0);
	assert_int_equal(spool_pending(&s), 3);
	assert_int_equal(spool_peek(&s, got, sizeof(got), &e), 3);
	assert_memory_equal(got, "efg", 3);
	spool_release(&s);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* The job's masker reads other texts, such as outputs, while the log of the last step is open. */
static void nothing_of_it_stays_in_the_masker(void **state UNUSED)
{
	struct mask *mask = mask_new();
	struct step_log l;
	struct err e = { 0 };

	assert_int_equal(mask_add(mask, "e-secret-value", 14, NULL, &e), 0);
	assert_int_equal(step_log_open(&l, folder, 1, mask, NULL, 0, 100, &e), 0);
	step_log_bytes(&l, "of line", 7);
	step_log_output_end(&l);
	CLEAN_STR char *got = spooled(&l);
	assert_string_equal(got, "of line");
	step_log_line(&l, "own");
	step_log_close(&l);
	CLEAN_STR char *all = spooled(&l);
	assert_string_equal(all, "of line\nown\n");
	step_log_release(&l);
	mask_free(mask);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_and_marks),
		cmocka_unit_test(own_lines_stand_alone),
		cmocka_unit_test(nothing_of_it_stays_in_the_masker),
		cmocka_unit_test(own_lines_pass_the_limit),
		cmocka_unit_test(spool_gives_what_is_pending),
	};

	return cmocka_run_group_tests_name("step_log", tests, make_folder, drop_folder);
}
