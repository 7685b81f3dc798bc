/* Logs in a session: chunks, their numbers, refusals, what leaves the disk. */
#include "tests/unit/help/session_model.h"

#include "base/limits.h"

static void drops_a_refused_chunk(void **state)
{
	struct session_fixture *f = session_fixture_begin();

	(void)state;
	f->model.faults[2] = REFUSE;
	session_whole_job(f);
	assert_int_equal(session_flush(f), 0);
	assert_true(str_starts(buf_cstr(&f->model.log),
		"[shithub] the coordinator refused part of this log, 6 bytes"));
	assert_true(report_final_accepted(f->session));
	session_fixture_end(f);
}

/* What was appended meanwhile travels under the next number: the first try may have arrived. */
static void a_chunk_tried_again_has_not_grown(void **state)
{
	static const enum session_fault kinds[] = { UNAVAILABLE, DROP_AFTER };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct session_fixture *f = session_fixture_begin();

		f->model.faults[0] = kinds[k];
		report_log(f->session, 7, &f->spool);
		session_append(f, "first\n");
		session_dispatch_until(f, &f->model.requests, 1);
		session_append(f, "second\n");
		spool_close(&f->spool);
		report_wake(f->session);
		assert_int_equal(session_flush(f), 0);
		assert_int_equal(f->model.n_records, 2);
		assert_int_equal(f->model.records[0].chunk_bytes, 6);
		assert_string_equal(buf_cstr(&f->model.log), "first\nsecond\n");
		session_fixture_end(f);
	}
}

static void a_log_that_arrived_leaves_the_disk(void **state)
{
	struct session_fixture *f = session_fixture_begin();

	(void)state;
	session_whole_job(f);
	assert_int_equal(access(f->path, F_OK), 0);
	assert_int_equal(session_flush(f), 0);
	assert_int_not_equal(access(f->path, F_OK), 0);
	assert_int_equal(f->spool.fd, -1);
	session_fixture_end(f);
}

static void splits_and_numbers_chunks(void **state)
{
	struct session_fixture *f = session_fixture_begin();
	CLEAN_STR char *big = xmalloc(MIB(1) + 2);
	int logs = 0;

	(void)state;
	memset(big, 'x', MIB(1) + 1);
	big[MIB(1) + 1] = '\0';
	report_log(f->session, 7, &f->spool);
	session_append(f, big);
	spool_close(&f->spool);
	report_wake(f->session);
	assert_int_equal(session_flush(f), 0);
	assert_int_equal(f->model.log.len, MIB(1) + 1);
	for (int i = 0; i < f->model.n_records; i++) {
		CLEAN_STR char *seq = xasprintf("{\"seq\":%d,", logs++);

		assert_true(str_starts(f->model.records[i].body, seq));
		assert_true(f->model.records[i].chunk_bytes <= LIMIT_LOG_CHUNK);
	}
	assert_int_equal(logs, 3);
	session_fixture_end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drops_a_refused_chunk),
		cmocka_unit_test(splits_and_numbers_chunks),
		cmocka_unit_test(a_chunk_tried_again_has_not_grown),
		cmocka_unit_test(a_log_that_arrived_leaves_the_disk),
	};

	return cmocka_run_group_tests_name("session_log", tests, NULL, NULL);
}
