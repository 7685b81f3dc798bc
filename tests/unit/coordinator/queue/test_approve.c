/*
 * Runs that wait for approval: nothing of them becomes claimable, whatever happens around them; an
 * approval starts those of its commit alone.
 */
#include "coordinator/queue/approve.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/unfold.h"
#include "coordinator/store/pull.h"
#include "tests/unit/help/coordinator_help.h"

#define SHA_B "b1ad3b5f070c26ae9286b36f9a13c0d850b18cf4"

static const struct approval plain = { .by = "ada" }, with_secrets = { "ada", "read", true };

struct waiting {
	const char *sha, *group;
	bool asks_status;
	enum run_trust trust; /* TRUST_UNTRUSTED waits */
};

static int64_t make_run(struct world *w, const struct waiting *of)
{
	static const struct run_step_spec step = { .run = "true" };
	CLEANUP(strv_release) struct strv labels = labels_of("linux");
	const struct run_job_spec jobs[] = {
		{ .key = "a", .runs_on = &labels, .steps = &step, .n_steps = 1 },
		{ .key = "b",
			.runs_on = &labels,
			.steps = &step,
			.n_steps = 1,
			.cond = "always()",
			.asks_status = true },
	};
	const struct run_spec spec = { .repo_id = w->repo_id,
		.workflow_file = "f.yml",
		.event = "pull_request",
		.event_payload = "{}",
		.head_sha = of->sha,
		.head_ref = "refs/pull/7/head",
		.concurrency = { of->group, false },
		.jobs = jobs,
		.n_jobs = of->asks_status ? 2 : 1,
		.pull_number = 7,
		.pull_head = of->sha,
		.trust = of->trust,
		.awaits_approval = of->trust == TRUST_UNTRUSTED };
	struct run_created made;
	struct err e = { 0 };

	must_err(store_run_create(w->app.store, &spec, wall_now(), &made, &e));
	return made.run_id;
}

static bool job_ready(struct world *w, int64_t run_id)
{
	CLEANUP(job_list_release) struct job_list l = { 0 };

	must(store_job_list(w->app.store, run_id, &l, NULL));
	return l.v[0].ready;
}

static int64_t approve(struct world *w, int64_t run_id, const struct approval *a)
{
	struct err e = { 0 };
	int64_t started = 0;

	if (store_run_approve(w->app.store, run_id, a, wall_now(), &started, &e) < 0)
		fail_msg("%s", e.text);
	return started;
}

static void test_a_commit_is_approved(void **state UNUSED)
{
	struct world w;
	CLEANUP(run_row_release) struct run_row run = { 0 };

	world_open(&w);
	int64_t a = make_run(&w, &(struct waiting){ .sha = SHA_A, .trust = TRUST_UNTRUSTED });
	int64_t again = make_run(&w, &(struct waiting){ .sha = SHA_A, .trust = TRUST_UNTRUSTED });
	int64_t b = make_run(&w, &(struct waiting){ .sha = SHA_B, .trust = TRUST_UNTRUSTED });
	assert_int_equal(2, approve(&w, again, &plain));
	assert_true(job_ready(&w, a) && job_ready(&w, again));
	assert_false(job_ready(&w, b));
	assert_int_equal(1, approve(&w, b, &with_secrets));
	must(store_run_get(w.app.store, a, &run, NULL));
	assert_false(run_gets_secrets(&run));
	run_row_release(&run);
	must(store_run_get(w.app.store, b, &run, NULL));
	assert_true(run_gets_secrets(&run));
	assert_string_equal("ada", run.approved_by);
	assert_string_equal("read", run.approve_reason);
	world_close(&w);
}

/* Whoever leaves or enters the group neither starts nor ends a run that waits for approval. */
static void test_groups(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	int64_t first =
		make_run(&w, &(struct waiting){ .sha = SHA_A, .group = "g", .trust = TRUST_OWN });
	int64_t waits = make_run(
		&w, &(struct waiting){ .sha = SHA_B, .group = "g", .trust = TRUST_UNTRUSTED });
	int64_t second =
		make_run(&w, &(struct waiting){ .sha = SHA_A, .group = "g", .trust = TRUST_OWN });
	assert_string_equal("queued", world_state(&w, waits, NULL));
	assert_true(job_ready(&w, first));
	assert_false(job_ready(&w, second)); /* it waits for the first */
	must(store_run_cancel(w.app.store, first, "why", wall_now(), NULL));
	assert_true(job_ready(&w, second));
	must(store_run_cancel(w.app.store, second, "why", wall_now(), NULL));
	assert_string_equal("queued", world_state(&w, waits, NULL));
	assert_false(job_ready(&w, waits));
	assert_int_equal(1, approve(&w, waits, &plain));
	assert_true(job_ready(&w, waits));
	world_close(&w);
}

/* One of its jobs is cancelled: the others still wait. The run is cancelled: it ends, although a
 * job of it says always(). */
static void test_cancelled_while_it_waits(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct err e = { 0 };
	int64_t started = 0;

	world_open(&w);
	int64_t run = make_run(&w,
		&(struct waiting){ .sha = SHA_A, .asks_status = true, .trust = TRUST_UNTRUSTED });
	must(store_job_cancel(w.app.store, world_job(&w, run, "b"), "why", wall_now(), &job, NULL));
	assert_string_equal("queued", world_state(&w, run, "a"));
	assert_false(job_ready(&w, run));
	int64_t other = make_run(&w,
		&(struct waiting){ .sha = SHA_B, .asks_status = true, .trust = TRUST_UNTRUSTED });
	must(store_run_cancel(w.app.store, other, "why", wall_now(), NULL));
	assert_string_equal("cancelled/cancelled", world_state(&w, other, NULL));
	/* an approval of the commit starts no run that is over */
	assert_int_equal(0, approve(&w, other, &plain));
	assert_string_equal("cancelled/cancelled", world_state(&w, other, NULL));
	int64_t own = make_run(&w, &(struct waiting){ .sha = SHA_A, .trust = TRUST_OWN });
	assert_int_equal(
		-1, store_run_approve(w.app.store, own, &with_secrets, wall_now(), &started, &e));
	assert_int_equal(ERR_CONFLICT, e.class);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_commit_is_approved),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_cancelled_while_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
