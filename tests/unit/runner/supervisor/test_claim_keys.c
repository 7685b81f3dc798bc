/* Keys of heartbeats across supervisors that die: each case is a state in which one was killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/fs.h"
#include "runner/supervisor/claim_keys.h"
#include "tests/unit/help/temp_dir.h"

struct fixture {
	char top[32];
	struct state_dir state;
	struct claim_keys *keys;
};

static int begin(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e = { 0 };

	snprintf(f->top, sizeof(f->top), "/tmp/keys-XXXXXX");
	f->state = (struct state_dir)STATE_DIR_INIT;
	if (temp_dir_make(f->top) < 0 || state_dir_own(&f->state, f->top, &e) < 0)
		return -1;
	f->keys = claim_keys_new(&f->state);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;
	int rc;

	claim_keys_free(f->keys);
	state_dir_release(&f->state);
	rc = temp_dir_drop(f->top);
	free(f);
	return rc;
}

/* The supervisor dies; what the next one sends first. */
static const char *next_after_death(struct fixture *f)
{
	struct err e = { 0 };
	const char *key;

	claim_keys_free(f->keys);
	f->keys = claim_keys_new(&f->state);
	key = claim_keys_next(f->keys, &e);
	assert_non_null(key);
	return key;
}

static char *send_one(struct fixture *f)
{
	struct err e = { 0 };
	const char *key = claim_keys_next(f->keys, &e);

	assert_non_null(key);
	return xstrdup(key);
}

static void write_journal(const struct fixture *f, int64_t job)
{
	struct err e = { 0 };
	CLEAN_STR char *dir = NULL;

	assert_int_equal(state_dir_job_make(&f->state, job, &dir, &e), 0);
	CLEAN_STR char *path = path_join(dir, "journal");
	assert_int_equal(file_replace(path, "{}", 2, 0600, &e), 0);
}

static void a_key_without_an_answer_is_sent_again(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *key = send_one(f);

	assert_string_equal(next_after_death(f), key);
}

static void each_claim_that_waits_keeps_its_key(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *first = send_one(f), *second = send_one(f);
	struct err e = { 0 };

	assert_string_not_equal(first, second);
	assert_string_equal(next_after_death(f), first);
	assert_string_equal(claim_keys_next(f->keys, &e), second);
}

static void a_settled_key_is_gone_with_the_next(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *first = send_one(f), *second = NULL;

	claim_keys_settle(f->keys, first);
	second = send_one(f);
	assert_string_equal(next_after_death(f), second);
}

static void a_job_without_a_journal_is_asked_for(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *key = send_one(f);

	claim_keys_name_job(f->keys, key, 42);
	assert_string_equal(next_after_death(f), key);
}

/* Its token belongs to the recovery; the repeated heartbeat would spend it. */
static void a_job_with_a_journal_is_not_asked_for(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *key = send_one(f);

	claim_keys_name_job(f->keys, key, 42);
	write_journal(f, 42);
	assert_string_not_equal(next_after_death(f), key);
}

static void a_damaged_file_stops_nobody(void **state)
{
	static const char *const texts[] = { "", "\n", "short\n", "no newline",
		"00000000-0000-4000-8000-000000000000 x\n",
		"00000000-0000-4000-8000-000000000000 0\n" };
	struct fixture *f = *state;
	CLEAN_STR char *path = path_join(f->top, "heartbeats");
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(file_replace(path, texts[i], strlen(texts[i]), 0600, &e), 0);
		assert_int_equal(strlen(next_after_death(f)), UUID_TEXT_MAX - 1);
	}
}

static void no_heartbeat_without_a_written_key(void **state)
{
	struct fixture *f = *state;
	CLEAN_STR char *path = path_join(f->top, "heartbeats");
	struct err e = { 0 };

	assert_int_equal(mkdir(path, 0700), 0);
	assert_null(claim_keys_next(f->keys, &e));
	assert_true(err_is(&e, ERR_IO));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_without_an_answer_is_sent_again, begin, end),
		cmocka_unit_test_setup_teardown(each_claim_that_waits_keeps_its_key, begin, end),
		cmocka_unit_test_setup_teardown(a_settled_key_is_gone_with_the_next, begin, end),
		cmocka_unit_test_setup_teardown(a_job_without_a_journal_is_asked_for, begin, end),
		cmocka_unit_test_setup_teardown(a_job_with_a_journal_is_not_asked_for, begin, end),
		cmocka_unit_test_setup_teardown(a_damaged_file_stops_nobody, begin, end),
		cmocka_unit_test_setup_teardown(no_heartbeat_without_a_written_key, begin, end),
	};

	return cmocka_run_group_tests_name("claim_keys", tests, NULL, NULL);
}
