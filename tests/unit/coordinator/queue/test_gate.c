/*
 * Jobs at the gate of their environment: what a rule that came late, a cancelled run and a lost
 * runner make of them and of those that wait behind them.
 */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/environment/environment.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/claim.h"
#include "coordinator/queue/gate.h"
#include "coordinator/store/run.h"

#define ENVIRONMENT "production"
#define MINUTE (60 * USEC_PER_SEC)

/* A job `work`, and with `cleanup` one that needs it and runs always. */
struct want {
	const char *environment, *group; /* of the last job */
	bool cleanup;
};

static int64_t make(struct world *w, const struct want *want)
{
	static const struct run_step_spec step = { .run = "true" };
	CLEANUP(strv_release) struct strv on = labels_of("linux"), needs = labels_of("work");
	struct run_job_spec jobs[] = { { .key = "work" },
		{ .key = "cleanup", .cond = "always()", .asks_status = true, .needs = &needs } };
	size_t n = want->cleanup ? 2 : 1;
	struct run_created ret;
	struct err e = { 0 };

	for (size_t i = 0; i < n; i++) {
		jobs[i].runs_on = &on;
		jobs[i].steps = &step;
		jobs[i].n_steps = 1;
	}
	jobs[n - 1].environment = want->environment;
	jobs[n - 1].concurrency.group = want->group;
	const struct run_spec spec = { .repo_id = w->repo_id,
		.workflow_file = "f.yml",
		.event = "push",
		.event_payload = "{}",
		.head_sha = SHA_A,
		.head_ref = "refs/heads/trunk",
		.jobs = jobs,
		.n_jobs = n };
	must_err(store_run_create(w->app.store, &spec, wall_now(), &ret, &e));
	return ret.run_id;
}
#define MAKE(w, ...) make((w), &(struct want){ __VA_ARGS__ })

/* bob has to approve from now on; jobs that passed already are not asked before their claim. */
static void want_review(struct world *w)
{
	CLEANUP(environment_row_release) struct environment_row env = { 0 };
	struct err e = { 0 };

	must_err(
		store_environment_use(w->app.store, w->repo_id, ENVIRONMENT, wall_now(), &env, &e));
	strv_add(&env.reviewers, "bob");
	must_err(store_environment_rules(w->app.store, &env, &e));
}

static void approve(struct world *w, int64_t run_id)
{
	const struct gate_decision d = {
		.run_id = run_id, .environment = ENVIRONMENT, .approve = true, .who = "bob"
	};
	struct err e = { 0 };
	int64_t n = 0;

	must_err(gate_decide(w->app.store, &d, wall_now(), &n, &e));
	assert_int_equal(1, n);
}

/* 1 and the job that the runner got, 0: none. */
static int claim(struct world *w, struct job_row *ret)
{
	CLEANUP(strv_release) struct strv labels = labels_of("linux");
	struct err e = { 0 };
	int rc = store_job_claim(w->app.store, w->runner_id, &labels, wall_now(), ret, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
	return rc;
}

static void expect_reason(struct world *w, int64_t job_id, const char *start)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };

	must(store_job_get(w->app.store, job_id, &job, NULL));
	if (!job.reason || !str_starts(job.reason, start))
		fail_msg("%s, expected %s", job.reason ? job.reason : "no reason", start);
}

static void test_a_job_that_is_taken_back_leaves_its_group(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_row_release) struct job_row job = { 0 };

	world_open(&w);
	int64_t first = MAKE(&w, .environment = ENVIRONMENT, .group = "deploy");
	int64_t second = MAKE(&w, .group = "deploy");
	want_review(&w);
	assert_int_equal(1, claim(&w, &job)); /* passes over the first, and frees its group */
	assert_int_equal(second, job.run_id);
	assert_string_equal("queued", world_state(&w, first, NULL));

	approve(&w, first); /* now the second is in its way */
	CLEANUP(job_row_release) struct job_row none = { 0 };
	assert_int_equal(0, claim(&w, &none));
	world_finish(&w, job.id, CONCLUSION_SUCCESS);
	assert_int_equal(1, claim(&w, &none));
	assert_int_equal(first, none.run_id);
	world_close(&w);
}

static void test_a_cancelled_run_does_not_wait_at_the_gate(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	CLEANUP(job_row_release) struct job_row work = { 0 };

	world_open(&w);
	want_review(&w);
	int64_t run = MAKE(&w, .environment = ENVIRONMENT, .cleanup = true);
	assert_int_equal(1, claim(&w, &work));
	world_finish(&w, work.id, CONCLUSION_SUCCESS);
	expect_reason(&w, world_job(&w, run, "cleanup"), "waits until the environment");
	must_err(store_run_cancel(w.app.store, run, "cancelled by ada", wall_now(), &e));
	assert_string_equal("cancelled/cancelled", world_state(&w, run, "cleanup"));
	assert_string_equal("cancelled/cancelled", world_state(&w, run, NULL));
	expect_reason(&w, world_job(&w, run, "cleanup"), "cancelled by ada");
	world_close(&w);
}

/* It comes to the gate only after the cancel. */
static void test_a_cancelled_run_is_not_kept_open(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	CLEANUP(job_row_release) struct job_row work = { 0 };

	world_open(&w);
	want_review(&w);
	int64_t run = MAKE(&w, .environment = ENVIRONMENT, .cleanup = true);
	assert_int_equal(1, claim(&w, &work));
	must_err(store_run_cancel(w.app.store, run, "cancelled by ada", wall_now(), &e));
	assert_string_equal("queued", world_state(&w, run, "cleanup"));
	world_finish(&w, work.id, CONCLUSION_CANCELLED);
	assert_string_equal("cancelled/cancelled", world_state(&w, run, "cleanup"));
	assert_string_equal("cancelled/cancelled", world_state(&w, run, NULL));
	expect_reason(&w, world_job(&w, run, "cleanup"),
		"cancelled by ada, and the environment \"" ENVIRONMENT "\" would have");
	world_close(&w);
}

/* Without a rule that makes it wait it cleans up, as without an environment. */
static void test_an_open_gate_lets_clean_up(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	CLEANUP(job_row_release) struct job_row work = { 0 };
	CLEANUP(job_row_release) struct job_row cleanup = { 0 };

	world_open(&w);
	int64_t run = MAKE(&w, .environment = ENVIRONMENT, .cleanup = true);
	assert_int_equal(1, claim(&w, &work));
	must_err(store_run_cancel(w.app.store, run, "cancelled by ada", wall_now(), &e));
	world_finish(&w, work.id, CONCLUSION_CANCELLED);
	assert_int_equal(1, claim(&w, &cleanup));
	assert_string_equal("cleanup", cleanup.key);
	world_close(&w);
}

static void test_a_lost_runner_stays_the_reason(void **state UNUSED)
{
	struct world w;
	struct wall past = { wall_now().us - 2 * MINUTE };
	struct err e = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };

	world_open(&w);
	int64_t run = MAKE(&w, .environment = ENVIRONMENT);
	assert_int_equal(1, claim(&w, &job));
	int64_t id = job.id;
	const struct claim_loss loss = { .why = "Started again: runner lost." };
	struct state after;
	assert_int_equal(1, store_claim_lost(w.app.store, id, &loss, past, &after, &e));
	want_review(&w);
	assert_int_equal(0, claim(&w, &job));
	expect_reason(&w, id, "waits until the environment");
	approve(&w, run);
	expect_reason(&w, id, "Started again: runner lost.");
	job_row_release(&job);
	assert_int_equal(1, claim(&w, &job));
	expect_reason(&w, id, "Started again: runner lost.");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_job_that_is_taken_back_leaves_its_group),
		cmocka_unit_test(test_a_cancelled_run_does_not_wait_at_the_gate),
		cmocka_unit_test(test_a_cancelled_run_is_not_kept_open),
		cmocka_unit_test(test_an_open_gate_lets_clean_up),
		cmocka_unit_test(test_a_lost_runner_stays_the_reason),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
