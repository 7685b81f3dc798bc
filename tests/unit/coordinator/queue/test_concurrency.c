/* Concurrency groups of runs and jobs: who is at work, who waits, who is cancelled. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/queue/cancel.h"
#include "coordinator/queue/rerun.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/job.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/run.h"

/* A run of one job, or of the legs of one. */
struct want {
	const char *run_group, *job_group;
	bool cancels;
	size_t legs;     /* 0: no matrix */
	int64_t repo_id; /* 0: the world's */
};

static int64_t make(struct world *w, const struct want *want)
{
	static const struct run_step_spec step = { .run = "true" };
	CLEANUP(strv_release) struct strv on = labels_of("linux");
	struct run_job_spec jobs[4] = { 0 };
	struct run_created ret;
	struct err e = { 0 };
	size_t n = want->legs ? want->legs : 1;

	for (size_t i = 0; i < n; i++)
		jobs[i] = (struct run_job_spec){ .key = "a",
			.runs_on = &on,
			.steps = &step,
			.n_steps = 1,
			.leg = (int64_t)i,
			.legs = (int64_t)n,
			.concurrency = { want->job_group, want->cancels } };
	const struct run_spec spec = { .repo_id = want->repo_id ? want->repo_id : w->repo_id,
		.workflow_file = "f.yml",
		.event = "push",
		.event_payload = "{}",
		.head_sha = SHA_A,
		.head_ref = "refs/heads/trunk",
		.concurrency = { want->run_group, want->cancels },
		.jobs = jobs,
		.n_jobs = n };
	must_err(store_run_create(w->app.store, &spec, wall_now(), &ret, &e));
	return ret.run_id;
}
#define MAKE(w, ...) make((w), &(struct want){ __VA_ARGS__ })

static void expect(struct world *w, int64_t run_id, const char *state, bool pending)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };

	must(store_run_get(w->app.store, run_id, &run, NULL));
	assert_string_equal(state, world_state(w, run_id, NULL));
	assert_int_equal(pending, run.pending);
}

static bool claimable(struct world *w, int64_t run_id, size_t job)
{
	CLEANUP(job_list_release) struct job_list l = { 0 };

	must(store_job_list(w->app.store, run_id, &l, NULL));
	return l.v[job].ready && l.v[job].state.status == STATUS_QUEUED;
}

static int64_t claim_one(struct world *w)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };

	world_claim(w, "linux", &job);
	return job.id;
}

static void test_one_runs_one_waits(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	int64_t first = MAKE(&w, .run_group = "deploy");
	int64_t job = claim_one(&w);
	int64_t second = MAKE(&w, .run_group = "Deploy");
	int64_t other = MAKE(&w, .run_group = "deploy-2");

	expect(&w, second, "queued", true);
	assert_false(claimable(&w, second, 0));
	assert_true(claimable(&w, other, 0));

	int64_t third = MAKE(&w, .run_group = "deploy");
	CLEANUP(run_row_release) struct run_row run = { 0 };
	must(store_run_get(w.app.store, second, &run, NULL));
	assert_string_equal("cancelled/cancelled", world_state(&w, second, NULL));
	assert_string_equal(
		"cancelled: run 4 came after it in the concurrency group \"deploy\"", run.reason);
	expect(&w, first, "running", false);
	expect(&w, third, "queued", true);

	world_finish(&w, job, CONCLUSION_FAILURE);
	expect(&w, third, "queued", false);
	assert_true(claimable(&w, third, 0));
	world_close(&w);
}

static void test_groups_belong_to_a_repository(void **state UNUSED)
{
	struct world w;
	int64_t repo;
	struct err e = { 0 };

	world_open(&w);
	must_err(
		store_repo_add(w.app.store, "alice", "two", false, "trunk", wall_now(), &repo, &e));
	MAKE(&w, .run_group = "g");
	assert_true(claimable(&w, MAKE(&w, .run_group = "g", .repo_id = repo), 0));
	world_close(&w);
}

static void test_cancels_what_is_in_progress(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_list_release) struct job_list l = { 0 };

	world_open(&w);
	int64_t queued = MAKE(&w, .run_group = "g", .cancels = true);
	int64_t first = MAKE(&w, .run_group = "g", .cancels = true);
	expect(&w, queued, "cancelled/cancelled", false);
	expect(&w, first, "queued", false);

	int64_t job = claim_one(&w);
	int64_t second = MAKE(&w, .run_group = "g", .cancels = true);
	must(store_job_list(w.app.store, first, &l, NULL));
	assert_true(l.v[0].cancel_requested);
	expect(&w, second, "queued", true); /* until the runner has ended the other */
	world_finish(&w, job, CONCLUSION_CANCELLED);
	expect(&w, second, "queued", false);
	world_close(&w);
}

static void test_a_cancelled_or_repeated_run_keeps_the_order(void **state UNUSED)
{
	struct world w;
	struct run_created again;
	struct err e = { 0 };

	world_open(&w);
	int64_t first = MAKE(&w, .run_group = "g");
	int64_t second = MAKE(&w, .run_group = "g");
	must_err(store_run_cancel(w.app.store, first, "cancelled by ada", wall_now(), &e));
	expect(&w, second, "queued", false);
	must_err(store_run_rerun(w.app.store,
		&(struct rerun_spec){ .run_id = first, .actor = "bob" }, wall_now(), &again, &e));
	expect(&w, again.run_id, "queued", true);
	must_err(store_run_cancel(w.app.store, second, "cancelled by ada", wall_now(), &e));
	expect(&w, again.run_id, "queued", false);
	world_close(&w);
}

static void test_jobs_of_a_group(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_list_release) struct job_list l = { 0 };

	world_open(&w);
	int64_t first = MAKE(&w, .job_group = "g");
	int64_t second = MAKE(&w, .job_group = "g");
	assert_true(claimable(&w, first, 0));
	assert_false(claimable(&w, second, 0));
	int64_t third = MAKE(&w, .job_group = "g", .cancels = true);
	/* the queued job ends at once, so the newcomer need not wait */
	assert_string_equal("cancelled/cancelled", world_state(&w, first, NULL));
	assert_string_equal("cancelled/cancelled", world_state(&w, second, NULL));
	assert_true(claimable(&w, third, 0));
	must(store_job_list(w.app.store, second, &l, NULL));
	assert_string_equal(
		"cancelled: run 3 came after it in the concurrency group \"g\"", l.v[0].reason);
	world_close(&w);
}

/* Legs of one matrix in one group: the first is at work, the last waits. */
static void test_legs_of_a_group(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	int64_t run = MAKE(&w, .job_group = "g", .legs = 3);
	assert_true(claimable(&w, run, 0));
	assert_false(claimable(&w, run, 1));
	assert_false(claimable(&w, run, 2));
	world_finish(&w, claim_one(&w), CONCLUSION_SUCCESS);
	assert_true(claimable(&w, run, 2));
	world_finish(&w, claim_one(&w), CONCLUSION_SUCCESS);
	assert_string_equal("cancelled/cancelled", world_state(&w, run, NULL));
	world_close(&w);
}

static void test_a_run_does_not_wait_for_itself(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	int64_t run = MAKE(&w, .run_group = "g", .job_group = "g", .cancels = true);
	assert_true(claimable(&w, run, 0));
	int64_t other = MAKE(&w, .job_group = "g");
	assert_false(claimable(&w, other, 0));
	world_finish(&w, claim_one(&w), CONCLUSION_SUCCESS);
	assert_true(claimable(&w, other, 0));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_runs_one_waits),
		cmocka_unit_test(test_groups_belong_to_a_repository),
		cmocka_unit_test(test_cancels_what_is_in_progress),
		cmocka_unit_test(test_a_cancelled_or_repeated_run_keeps_the_order),
		cmocka_unit_test(test_jobs_of_a_group),
		cmocka_unit_test(test_legs_of_a_group),
		cmocka_unit_test(test_a_run_does_not_wait_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
