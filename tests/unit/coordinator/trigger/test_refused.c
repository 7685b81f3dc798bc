/*
 * Runs that a policy refused when their push came: they are judged once, and anew when somebody
 * runs them again.
 */
#include "tests/unit/help/trigger_help.h"

#include <sqlite3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/queue/cancel.h"
#include "coordinator/queue/policy.h"
#include "coordinator/store/job.h"
#include "coordinator/sql/sql.h"
#include "coordinator/trigger/rerun.h"

#define FILE_OK "name: CI\non: push\njobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n"

static void queue_one(struct trigger_world *f)
{
	struct policy_row p = { .caps = { [CAP_REPO_QUEUED_RUNS] = 1 } };
	const struct policy_place at = { .level = POLICY_REPO, .repo_id = f->row.id };
	struct err e = { 0 };

	assert_int_equal(0, store_policy_put(f->store, &at, &p, &e));
}

static int64_t push(struct trigger_world *f, const char *text, struct run_row *ret)
{
	git_write(f->work, ".shithub/workflows/ci.yml", text);
	assert_int_equal(1, trigger_world_push(f, ZERO, "refs/heads/trunk", "push"));
	trigger_world_newest(f, ret);
	return ret->id;
}

static int again(struct trigger_world *f, int64_t run_id, struct err *e)
{
	const struct rerun_spec spec = { .run_id = run_id, .actor = "bob" };
	struct run_created made;

	return trigger_rerun(&f->t, &spec, &made, e);
}

static void a_refused_run_is_judged_anew(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row first = { 0 };
	CLEANUP(run_row_release) struct run_row refused = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	struct err e = { 0 };

	queue_one(f);
	push(f, FILE_OK, &first);
	assert_null(first.problems);
	push(f, FILE_OK "# again\n", &refused);
	assert_true(refused.refused);
	assert_non_null(strstr(refused.problems, "max_repo_queued_runs"));
	assert_int_equal(CONCLUSION_FAILURE, refused.state.conclusion);
	assert_string_equal("CI", refused.workflow_name);

	/* nothing has changed: the answer says so, and no run is stored */
	assert_int_equal(-1, again(f, refused.id, &e));
	assert_true(err_is(&e, ERR_LIMIT));
	assert_non_null(strstr(e.text, "max_repo_queued_runs"));
	err_clear(&e);
	trigger_world_newest(f, &run);
	assert_int_equal(refused.id, run.id);
	run_row_release(&run);

	assert_int_equal(
		0, store_run_cancel(f->store, first.id, "cancelled by ada", wall_now(), &e));
	assert_int_equal(0, again(f, refused.id, &e));
	trigger_world_newest(f, &run);
	assert_null(run.problems);
	assert_false(run.refused);
	assert_int_equal(refused.id, run.parent_run_id);
	assert_int_equal(2, run.attempt);
	assert_string_equal("bob", run.actor);
	assert_string_equal("ada", run.first_actor);
	assert_string_equal("CI", run.workflow_name);
	assert_string_equal(refused.head_sha, run.head_sha);
	assert_int_equal(STATUS_QUEUED, run.state.status);
	assert_int_equal(0, store_job_list(f->store, run.id, &jobs, &e));
	assert_int_equal(1, jobs.n);
	assert_true(jobs.v[0].ready);
}

/* Nothing of it can be better the next time. */
static void a_broken_file_does_not_run_again(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row broken = { 0 };
	struct err e = { 0 };

	push(f, "on: nope\njobs: {}\n", &broken);
	assert_false(broken.refused);
	assert_int_equal(-1, again(f, broken.id, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	assert_non_null(strstr(e.text, "no jobs that could run again"));
}

/* How often the statement ran that counts the runs that wait. */
static int counted(struct store *s)
{
	int n = 0;

	for (size_t i = 0; i < s->n_cache; i++)
		if (strstr(sqlite3_sql(s->cache[i].st), "count(*) FROM workflow_runs") &&
			strstr(sqlite3_sql(s->cache[i].st), "awaits_approval = 0"))
			n += sqlite3_stmt_status(s->cache[i].st, SQLITE_STMTSTATUS_RUN, 0);
	return n;
}

static void policies_are_asked_once(void **state)
{
	struct trigger_world *f = *state;
	CLEANUP(run_row_release) struct run_row run = { 0 };
	CLEANUP(strv_release) struct strv problems = { 0 };
	const struct pairs none = { 0 };
	const struct trigger_dispatch d = { .workflow = "ci.yml", .inputs = &none, .actor = "ada" };
	struct run_created made;
	struct err e = { 0 };

	queue_one(f);
	push(f,
		"on: [push, workflow_dispatch]\n"
		"jobs: {a: {runs-on: linux, steps: [{run: echo}]}}\n",
		&run);
	assert_null(run.problems);
	assert_int_equal(1, counted(f->store));
	assert_int_equal(-1, trigger_dispatch(&f->t, &f->row, &d, &problems, &made, &e));
	assert_true(err_is(&e, ERR_LIMIT));
	assert_int_equal(2, counted(f->store));
	err_clear(&e);
	assert_int_equal(0, store_run_cancel(f->store, run.id, "cancelled by ada", wall_now(), &e));
	assert_int_equal(0, trigger_dispatch(&f->t, &f->row, &d, &problems, &made, &e));
	assert_int_equal(3, counted(f->store));
}

#define WORLD_TEST(fn) cmocka_unit_test_setup_teardown(fn, trigger_world_open, trigger_world_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_refused_run_is_judged_anew),
		WORLD_TEST(a_broken_file_does_not_run_again),
		WORLD_TEST(policies_are_asked_once),
	};

	return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
