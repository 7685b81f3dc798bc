/* A session that goes on in another process, wherever the first one died. */
#include "tests/unit/help/session_model.h"

#include "base/fs.h"
#include "base/limits.h"
#include "state/chain.h"

static char *kept_folder(void)
{
	char *dir = xstrdup("/tmp/session-kept-XXXXXX");
	struct err e = { 0 };

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chain_make(dir, "token-0", &e), 0);
	return dir;
}

static void drop_folder(char *dir)
{
	CLEAN_FD int tmp = -1;
	struct err e = { 0 };
	uint64_t left = 0;

	tmp = dir_open("/tmp", &e);
	assert_int_equal(tree_remove(tmp, dir + strlen("/tmp/"), &left, &e), 0);
	free(dir);
}

/* The fixture's session in place of its first one: kept in dir, new or resumed. */
static int keep_in(struct session_fixture *f, const char *dir, bool resume)
{
	struct session_spec spec = { .loop = f->loop,
		.http = f->http,
		.base_url = f->base,
		.job_id = 42,
		.token = "token-0",
		.cancel_poll_us = 20 * USEC_PER_MSEC,
		.on_cancel = session_note_cancel,
		.on_lost = session_note_lost,
		.data = f,
		.dir = dir,
		.steps = 1 };
	struct err e = { 0 };

	report_free(f->session);
	f->session = resume ? session_resume(&spec, &e) : session_new(&spec);
	if (!f->session)
		print_message("%s\n", e.text);
	return f->session ? 0 : -1;
}

static struct session_fixture *begin_kept(const char *dir)
{
	CLEAN_STR char *path = path_join(dir, "step-0.log");
	struct session_fixture *f = session_fixture_begin();
	struct err e = { 0 };

	spool_release(&f->spool);
	f->spool = (struct spool)SPOOL_INIT;
	assert_int_equal(spool_open(&f->spool, path, &e), 0);
	assert_int_equal(keep_in(f, dir, false), 0);
	return f;
}

/* The process dies with its nth request unanswered: whoever resumes makes the job whole. */
static void resumes_after_any_request(void **state)
{
	static const enum session_fault kinds[] = { DROP_BEFORE, DROP_AFTER, UNAVAILABLE,
		NO_NEXT_TOKEN, WEB_PAGE };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		for (int at = 0; at < (int)SESSION_WHOLE_CALLS; at++) {
			char *dir = kept_folder();
			struct session_fixture *f = begin_kept(dir);

			f->model.faults[at] = kinds[k];
			session_whole_job(f);
			session_dispatch_until(f, &f->model.requests, at + 1);
			spool_leave(&f->spool);
			assert_int_equal(keep_in(f, dir, true), 0);
			assert_int_equal(session_flush(f), 0);
			session_expect_whole(f);
			session_fixture_end(f);
			drop_folder(dir);
		}
	}
}

/* A log of several chunks, killed between and inside of them: no byte twice, none missing. */
static void resumes_inside_a_log(void **state)
{
	CLEAN_BUF struct buf sent = BUF_INIT(MIB(4));

	(void)state;
	while (sent.len < 3 * LIMIT_LOG_CHUNK)
		assert_int_equal(buf_addf(&sent, "line at %zu\n", sent.len), 0);
	for (int at = 0; at < 5; at++) {
		char *dir = kept_folder();
		struct session_fixture *f = begin_kept(dir);

		f->model.faults[at] = at % 2 ? DROP_AFTER : DROP_BEFORE;
		session_status(f, 7, "running");
		report_log(f->session, 7, &f->spool);
		session_append(f, buf_cstr(&sent));
		session_dispatch_until(f, &f->model.requests, at + 1);
		spool_leave(&f->spool);
		assert_int_equal(keep_in(f, dir, true), 0);
		session_status(f, 7, "completed");
		session_status(f, 0, "completed");
		assert_int_equal(session_flush(f), 0);
		assert_int_equal(f->model.log.len, sent.len);
		assert_memory_equal(f->model.log.data, sent.data, sent.len);
		assert_int_equal(f->losses, 0);
		session_fixture_end(f);
		drop_folder(dir);
	}
}

/* A call of the job's own in flight: nobody waits for its answer, but the token in it counts. */
static void resumes_a_call(void **state)
{
	char *dir = kept_folder();
	struct session_fixture *f = begin_kept(dir);
	struct session_question q = { 0 };

	(void)state;
	f->model.faults[0] = DROP_AFTER;
	session_ask(f, &q);
	session_dispatch_until(f, &f->model.requests, 1);
	report_call_cancel(f->session, &q);
	spool_leave(&f->spool);
	assert_int_equal(keep_in(f, dir, true), 0);
	session_status(f, 0, "completed");
	assert_int_equal(session_flush(f), 0);
	assert_int_equal(f->model.n_records, 2);
	assert_true(report_final_accepted(f->session));
	session_fixture_end(f);
	drop_folder(dir);
}

/* What the last status says beside its body is kept with it: killed before and after it left. */
static void resumes_what_goes_with_the_last_status(void **state)
{
	const struct report_status ends[] = {
		{ .status = "completed", .conclusion = "failure", .hand_back = true },
		{ .status = "completed", .conclusion = "failure", .lost = "it ended (signal 9)" },
	};

	(void)state;
	for (int i = 0; i < 4; i++) {
		char *dir = kept_folder();
		struct session_fixture *f = begin_kept(dir);

		f->model.faults[i / 2] = DROP_AFTER;
		session_status(f, 7, "completed");
		report_job_status(f->session, &ends[i % 2]);
		session_dispatch_until(f, &f->model.requests, i / 2 + 1);
		*f->model.returned = *f->model.lost = '\0';
		spool_leave(&f->spool);
		assert_int_equal(keep_in(f, dir, true), 0);
		assert_int_equal(session_flush(f), 0);
		assert_string_equal(f->model.returned, i % 2 ? "" : "true");
		assert_string_equal(f->model.lost, i % 2 ? "it ended (signal 9)" : "");
		session_fixture_end(f);
		drop_folder(dir);
	}
}

static void does_not_resume_a_lost_chain(void **state)
{
	char *dir = kept_folder();
	struct session_fixture *f = begin_kept(dir);

	(void)state;
	f->model.faults[1] = EXPIRED;
	session_whole_job(f);
	assert_int_equal(session_flush(f), -1);
	spool_leave(&f->spool);
	assert_int_equal(keep_in(f, dir, true), -1);
	assert_int_equal(f->losses, 1);
	session_fixture_end(f);
	drop_folder(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resumes_after_any_request),
		cmocka_unit_test(resumes_inside_a_log),
		cmocka_unit_test(resumes_a_call),
		cmocka_unit_test(resumes_what_goes_with_the_last_status),
		cmocka_unit_test(does_not_resume_a_lost_chain),
	};

	return cmocka_run_group_tests_name("session_resume", tests, NULL, NULL);
}
