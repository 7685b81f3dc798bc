/* What runs come to as checks of their commit; which commit digits mean; the badge. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/queue/gate.h"
#include "coordinator/queue/rerun.h"
#include "coordinator/store/run.h"
#include "coordinator/sql/sql.h"
#include "coordinator/view/badge.h"
#include "coordinator/view/check.h"

static void test_states(void **state UNUSED)
{
	static const struct {
		struct state state;
		bool allowed;
		enum check_state check;
		const char *status, *conclusion;
	} cases[] = {
		{ { STATUS_QUEUED, CONCLUSION_NONE }, false, CHECK_PENDING, "queued", NULL },
		{ { STATUS_RUNNING, CONCLUSION_NONE }, true, CHECK_PENDING, "in_progress", NULL },
		{ { STATUS_COMPLETED, CONCLUSION_SUCCESS }, false, CHECK_SUCCESS, "completed",
			"success" },
		{ { STATUS_COMPLETED, CONCLUSION_SKIPPED }, false, CHECK_SUCCESS, "completed",
			"skipped" },
		{ { STATUS_COMPLETED, CONCLUSION_NEUTRAL }, false, CHECK_SUCCESS, "completed",
			"neutral" },
		{ { STATUS_COMPLETED, CONCLUSION_FAILURE }, false, CHECK_FAILURE, "completed",
			"failure" },
		{ { STATUS_COMPLETED, CONCLUSION_TIMED_OUT }, false, CHECK_FAILURE, "completed",
			"timed_out" },
		{ { STATUS_COMPLETED, CONCLUSION_ACTION_REQUIRED }, false, CHECK_FAILURE,
			"completed", "action_required" },
		{ { STATUS_CANCELLED, CONCLUSION_CANCELLED }, true, CHECK_FAILURE, "completed",
			"cancelled" },
		{ { STATUS_COMPLETED, CONCLUSION_FAILURE }, true, CHECK_SUCCESS, "completed",
			"neutral" },
		{ { STATUS_COMPLETED, CONCLUSION_TIMED_OUT }, true, CHECK_SUCCESS, "completed",
			"neutral" },
	};
	struct run_row run = { .workflow_name = (char *)"CI", .event = (char *)"push" };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct job_row job = { .name = (char *)"build",
			.state = cases[i].state,
			.continue_on_error = cases[i].allowed };
		CLEAN_STR char *text = check_description(&run, &job);

		assert_int_equal(cases[i].check, check_state_of(&run, &job));
		assert_string_equal(cases[i].status, check_run_status(job.state));
		assert_true(str_eq(cases[i].conclusion, check_run_conclusion(&job)));
		assert_true(*text);
	}
}

/* In the order in which it has to go away. */
static void test_what_a_job_waits_for(void **state UNUSED)
{
	static const struct {
		bool approval, group, gate, ready;
		const char *text;
	} cases[] = {
		{ true, true, false, false, "waits for approval" },
		{ false, true, false, false, "waits for its concurrency group" },
		{ false, false, true, false, "waits for its environment" },
		{ false, false, false, true, "waits for a runner" },
		{ false, false, false, false, "waits for other jobs" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct run_row run = { .awaits_approval = cases[i].approval,
			.pending = cases[i].group };
		const struct job_row job = { .state = { STATUS_QUEUED, CONCLUSION_NONE },
			.gate = cases[i].gate ? GATE_WAITS : GATE_UNASKED,
			.ready = cases[i].ready };
		CLEAN_STR char *text = check_description(&run, &job);

		assert_string_equal(cases[i].text, text);
	}
}

static enum check_state combined(struct world *w)
{
	CLEANUP(checks_release) struct checks c = { 0 };
	struct err e = { 0 };

	must_err(store_run_heads(w->app.store, w->repo_id, RUNS_OF_COMMIT, SHA_A, &c.runs, &e));
	must_err(checks_load(w->app.store, &c, &e));
	return checks_combined(&c);
}

static void test_newest_run_counts(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	struct run_created again;

	world_open(&w);
	assert_int_equal(CHECK_PENDING, combined(&w));
	struct run_created run = RUN(&w, "a:linux", "b:linux");
	world_finish(&w, world_job(&w, run.run_id, "a"), CONCLUSION_SUCCESS);
	assert_int_equal(CHECK_PENDING, combined(&w));
	world_finish(&w, world_job(&w, run.run_id, "b"), CONCLUSION_FAILURE);
	assert_int_equal(CHECK_FAILURE, combined(&w));
	must_err(store_run_rerun(
		w.app.store, &(struct rerun_spec){ .run_id = run.run_id }, wall_now(), &again, &e));
	assert_int_equal(CHECK_PENDING, combined(&w));
	world_finish(&w, world_job(&w, again.run_id, "a"), CONCLUSION_SUCCESS);
	world_finish(&w, world_job(&w, again.run_id, "b"), CONCLUSION_SUCCESS);
	assert_int_equal(CHECK_SUCCESS, combined(&w));
	world_close(&w);
}

/* "CI (required by trunk)" runs from the file of "CI", for the same commit and event. */
static void test_what_a_base_requires_is_no_newer_run(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	struct run_created again;

	world_open(&w);
	struct run_created own = RUN(&w, "a:linux");
	struct run_created required = RUN(&w, "a:linux");
	must_err(sql_run(w.app.store, &e,
		"UPDATE workflow_runs SET workflow_name = 'CI (required by trunk)' WHERE id = ?",
		"i", required.run_id));
	world_finish(&w, world_job(&w, own.run_id, "a"), CONCLUSION_FAILURE);
	world_finish(&w, world_job(&w, required.run_id, "a"), CONCLUSION_SUCCESS);
	assert_int_equal(CHECK_FAILURE, combined(&w));
	must_err(store_run_rerun(
		w.app.store, &(struct rerun_spec){ .run_id = own.run_id }, wall_now(), &again, &e));
	world_finish(&w, world_job(&w, again.run_id, "a"), CONCLUSION_SUCCESS);
	assert_int_equal(CHECK_SUCCESS, combined(&w));
	world_close(&w);
}

/* Another run of the same repository, of that commit. */
static void run_of(struct world *w, const char *sha)
{
	struct run_created run = RUN(w, "a:linux");
	struct err e = { 0 };

	must_err(sql_run(w->app.store, &e, "UPDATE workflow_runs SET head_sha = ?2 WHERE id = ?1",
		"it", run.run_id, sha));
}

static void test_digits_of_a_commit(void **state UNUSED)
{
	static const char *const twin = "a1ad3b5fffffffffffffffffffffffffffffffff";
	struct world w;
	struct err e = { 0 };
	char sha[RUN_SHA_MAX];

	world_open(&w);
	run_of(&w, SHA_A);
	must_err(store_run_sha(w.app.store, w.repo_id, "A1AD3B5", sha, &e));
	assert_string_equal(SHA_A, sha);
	run_of(&w, SHA_A);
	must_err(store_run_sha(w.app.store, w.repo_id, "a1ad3b5", sha, &e));
	run_of(&w, twin);
	assert_int_equal(-1, store_run_sha(w.app.store, w.repo_id, "a1ad3b5", sha, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	err_clear(&e);
	must_err(store_run_sha(w.app.store, w.repo_id, "a1ad3b5ff", sha, &e));
	assert_string_equal(twin, sha);
	assert_int_equal(-1, store_run_sha(w.app.store, w.repo_id + 1, "a1ad3b5ff", sha, &e));
	assert_true(err_is(&e, ERR_NOT_FOUND));
	world_close(&w);
}

/* What runs is its merge; who looks for its state has the head. */
static void test_pull_request_stands_at_its_head(void **state UNUSED)
{
	static const char merge[] = "b1ad3b5f070c26ae9286b36f9a13c0d850b18cf4";
	struct world w;
	CLEANUP(checks_release) struct checks c = { 0 };
	CLEANUP(run_list_release) struct run_list of_merge = { 0 };
	struct err e = { 0 };
	char sha[RUN_SHA_MAX];

	world_open(&w);
	struct run_created run = RUN(&w, "a:linux");
	must_err(sql_run(w.app.store, &e,
		"UPDATE workflow_runs SET head_sha = ?2, pull_number = 7, pull_head = ?3"
		" WHERE id = ?1",
		"itt", run.run_id, merge, SHA_A));
	must_err(store_run_heads(w.app.store, w.repo_id, RUNS_OF_COMMIT, SHA_A, &c.runs, &e));
	assert_int_equal(1, c.runs.n);
	assert_string_equal(SHA_A, run_checked_sha(&c.runs.v[0]));
	assert_string_equal(merge, c.runs.v[0].head_sha);
	must_err(store_run_heads(w.app.store, w.repo_id, RUNS_OF_COMMIT, merge, &of_merge, &e));
	assert_int_equal(0, of_merge.n);
	must_err(store_run_sha(w.app.store, w.repo_id, "a1ad3b5", sha, &e));
	assert_string_equal(SHA_A, sha);
	assert_int_equal(-1, store_run_sha(w.app.store, w.repo_id, "b1ad3b5", sha, &e));
	world_close(&w);
}

static void test_badge_of_hostile_label(void **state UNUSED)
{
	CLEAN_BUF struct buf svg = BUF_INIT(BADGE_MAX);
	CLEAN_BUF struct buf label = BUF_INIT(KIB(4));

	for (int i = 0; i < 1000; i++)
		buf_adds(&label, "&");
	badge_write(&svg, buf_cstr(&label), BADGE_PASSING);
	assert_true(buf_ok(&svg));
	buf_clear(&svg);
	badge_write(&svg, "a<b>\"'\x1b\xff", BADGE_FAILING);
	assert_true(buf_ok(&svg));
	assert_non_null(strstr(buf_cstr(&svg), "<title>a&lt;b&gt;&quot;&#39;??: failing</title>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_what_a_job_waits_for),
		cmocka_unit_test(test_newest_run_counts),
		cmocka_unit_test(test_what_a_base_requires_is_no_newer_run),
		cmocka_unit_test(test_digits_of_a_commit),
		cmocka_unit_test(test_pull_request_stands_at_its_head),
		cmocka_unit_test(test_badge_of_hostile_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
