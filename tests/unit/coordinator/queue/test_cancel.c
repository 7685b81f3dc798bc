/* Cancelling a run and a job: what ends, what is left to its condition, and what the claim of that
 * says. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/claim/claim.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/report.h"
#include "coordinator/store/counter.h"
#include "coordinator/store/job.h"
#include "coordinator/store/run.h"

enum { WORK, CLEANUP_JOB, NOTIFY, PLAIN, JOBS };

static int64_t make(struct world *w)
{
	static const struct run_step_spec step = { .run = "true" };
	CLEANUP(strv_release) struct strv on = labels_of("linux"), needs = labels_of("work");
	struct run_job_spec jobs[JOBS] = { [WORK] = { .key = "work" },
		[CLEANUP_JOB] = { .key = "cleanup", .cond = "always()", .needs = &needs },
		[NOTIFY] = { .key = "notify", .cond = "cancelled()", .needs = &needs },
		[PLAIN] = { .key = "plain", .needs = &needs } };
	struct run_created ret;
	struct err e = { 0 };

	for (size_t i = 0; i < JOBS; i++) {
		jobs[i].runs_on = &on;
		jobs[i].steps = &step;
		jobs[i].n_steps = 1;
		jobs[i].asks_status = jobs[i].cond != NULL;
	}
	const struct run_spec spec = { .repo_id = w->repo_id,
		.workflow_file = "f.yml",
		.event = "push",
		.event_payload = "{}",
		.head_sha = SHA_A,
		.head_ref = "refs/heads/trunk",
		.jobs = jobs,
		.n_jobs = JOBS };
	must_err(store_run_create(w->app.store, &spec, wall_now(), &ret, &e));
	return ret.run_id;
}

/* The claim that the runner gets now; NULL: none. */
static struct json_doc *take(struct world *w)
{
	CLEANUP(strv_release) struct strv labels = labels_of("linux");
	CLEANUP(buf_release_wipe) struct buf claim = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct claim taken;
	struct err e = { 0 };
	int rc = claim_try(&w->app, w->runner_id, &labels, &claim, &taken, &e);

	assert_true(rc >= 0);
	return rc ? json_parse(claim.data, claim.len, NULL, &e) : NULL;
}

static void end(struct world *w, int64_t job_id, enum status status, enum conclusion conclusion)
{
	const struct state_report r = { .state = { status, conclusion } };
	struct state job, run;
	struct err e = { 0 };

	must_err(store_job_report(w->app.store, job_id, &r, wall_now(), &job, &run, &e));
}

static void expect(struct world *w, int64_t run, const char *const states[JOBS])
{
	static const char *const keys[JOBS] = { "work", "cleanup", "notify", "plain" };

	for (size_t i = 0; i < JOBS; i++)
		assert_string_equal(states[i], world_state(w, run, keys[i]));
}

#define EXPECT(w, run, ...) expect((w), (run), (const char *const[JOBS]){ __VA_ARGS__ })

static int64_t id_of(const struct json_doc *claim)
{
	return json_get_int(json_get(json_root(claim), "job"), "id", 0);
}

static void expect_claim(const struct json_doc *claim, const char *key)
{
	const struct json_value *job = json_get(json_root(claim), "job");
	const struct json_value *work = json_get(json_get(job, "needs_context"), "work");

	assert_string_equal(json_get_string(job, "job_key"), key);
	assert_string_equal(json_get_string(job, "needs_status"), "cancelled");
	assert_string_equal(json_get_string(work, "result"), "cancelled");
}

static void read_cancels(void *data, const char *name, int64_t value)
{
	if (str_eq(name, JOB_CANCELS_COUNTER))
		*(int64_t *)data = value;
}

static int64_t cancels(struct world *w)
{
	int64_t n = 0;

	assert_int_equal(0, store_counter_each(w->app.store, read_cancels, &n, NULL));
	return n;
}

/* Jobs are counted, not calls: each once, with the run and alone. */
static void test_cancels_are_counted(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	CLEANUP(job_row_release) struct job_row row = { 0 };

	world_open(&w);
	int64_t run = make(&w);
	CLEAN_JSON struct json_doc *work = take(&w);
	must_err(store_run_cancel(w.app.store, run, "one", wall_now(), &e));
	assert_int_equal(2, cancels(&w)); /* work and plain; the others are there to clean up */
	must_err(store_run_cancel(w.app.store, run, "two", wall_now(), &e));
	assert_int_equal(4, cancels(&w)); /* work is not counted again */
	must_err(store_job_cancel(w.app.store, id_of(work), "three", wall_now(), &row, &e));
	assert_int_equal(4, cancels(&w));
	int64_t other = make(&w);
	job_row_release(&row);
	must_err(store_job_cancel(
		w.app.store, world_job(&w, other, "plain"), "four", wall_now(), &row, &e));
	assert_int_equal(5, cancels(&w));
	world_close(&w);
}

static void test_first_and_second_cancel(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	int64_t run = make(&w);
	CLEAN_JSON struct json_doc *work = take(&w);
	must_err(store_run_cancel(w.app.store, run, "cancelled by ada", wall_now(), &e));
	EXPECT(&w, run, "running", "queued", "queued", "cancelled/cancelled");
	assert_null(take(&w)); /* what they need is not over */
	CLEANUP(job_row_release) struct job_row row = { 0 };
	must_err(store_job_get(w.app.store, id_of(work), &row, &e));
	assert_int_equal(row.cancel_requested, 1);
	assert_string_equal(row.reason, "cancelled by ada");
	end(&w, id_of(work), STATUS_CANCELLED, CONCLUSION_CANCELLED);
	CLEAN_JSON struct json_doc *cleanup = take(&w);
	expect_claim(cleanup, "cleanup");
	job_row_release(&row);
	must_err(store_job_get(w.app.store, id_of(cleanup), &row, &e));
	assert_int_equal(row.cancel_requested, 0);
	must_err(store_run_cancel(w.app.store, run, "cancelled by ada", wall_now(), &e));
	EXPECT(&w, run, "cancelled/cancelled", "running", "cancelled/cancelled",
		"cancelled/cancelled");
	end(&w, id_of(cleanup), STATUS_COMPLETED, CONCLUSION_SUCCESS);
	assert_string_equal("cancelled/cancelled", world_state(&w, run, NULL));
	world_close(&w);
}

/* A run whose job is at work: what is asked for a second time may not go on. */
static void test_a_running_job_is_asked_twice(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	int64_t run = make(&w);
	CLEAN_JSON struct json_doc *work = take(&w);
	CLEANUP(job_row_release) struct job_row row = { 0 };
	must_err(store_run_cancel(w.app.store, run, "one", wall_now(), &e));
	must_err(store_run_cancel(w.app.store, run, "two", wall_now(), &e));
	must_err(store_job_get(w.app.store, id_of(work), &row, &e));
	assert_int_equal(row.cancel_requested, 2);
	EXPECT(&w, run, "running", "cancelled/cancelled", "cancelled/cancelled",
		"cancelled/cancelled");
	world_close(&w);
}

/* One job alone: the others go by their conditions. */
static void test_cancel_of_one_job(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	int64_t run = make(&w);
	CLEAN_JSON struct json_doc *work = take(&w);
	CLEANUP(job_row_release) struct job_row row = { 0 };
	must_err(store_job_cancel(
		w.app.store, id_of(work), "cancelled by ada", wall_now(), &row, &e));
	end(&w, id_of(work), STATUS_CANCELLED, CONCLUSION_CANCELLED);
	EXPECT(&w, run, "cancelled/cancelled", "queued", "queued", "completed/skipped");
	CLEAN_JSON struct json_doc *cleanup = take(&w);
	expect_claim(cleanup, "cleanup");
	CLEAN_JSON struct json_doc *notify = take(&w);
	expect_claim(notify, "notify");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancels_are_counted),
		cmocka_unit_test(test_first_and_second_cancel),
		cmocka_unit_test(test_a_running_job_is_asked_twice),
		cmocka_unit_test(test_cancel_of_one_job),
	};

	return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
