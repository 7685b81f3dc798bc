/*
 * A run of more jobs costs more, but not more for each of its jobs: what follows from the end of a
 * job is found without looking at all others. The steps of the database's machine are counted, so
 * the figures are the same on every machine.
 */
#include "tests/unit/help/coordinator_help.h"

#include <sqlite3.h>

#include "coordinator/queue/claim.h"
#include "coordinator/sql/sql.h"

enum { FEW = 16, MANY = 256 };
#define GROWTH_MAX 1.25 /* of what a job costs */

/* How the jobs of a run hang together. */
struct shape {
	const char *name;
	void (*fill)(struct run_job_spec *jobs, struct strv *needs, size_t n);
	enum conclusion first; /* of the first job that ends; the others succeed */
};

static char *job_key(size_t i)
{
	return xasprintf("j%zu", i);
}

static void need(struct strv *needs, size_t i)
{
	strv_add_take(needs, job_key(i));
}

static void fill_chain(struct run_job_spec *jobs UNUSED, struct strv *needs, size_t n)
{
	for (size_t i = 1; i < n; i++)
		need(&needs[i], i - 1);
}

/* One, then all others beside each other, then one. */
static void fill_fan(struct run_job_spec *jobs UNUSED, struct strv *needs, size_t n)
{
	for (size_t i = 1; i + 1 < n; i++) {
		need(&needs[i], 0);
		need(&needs[n - 1], i);
	}
}

static void make_legs(struct run_job_spec *jobs, size_t n, int64_t max_parallel)
{
	for (size_t i = 0; i < n; i++) {
		jobs[i].key = "leg";
		jobs[i].leg = (int64_t)i;
		jobs[i].legs = (int64_t)n;
		jobs[i].fail_fast = true;
		jobs[i].max_parallel = max_parallel;
	}
}

static void fill_legs(struct run_job_spec *jobs, struct strv *needs UNUSED, size_t n)
{
	make_legs(jobs, n, 4);
}

/* Half of them are legs, and each of the others needs all of those. */
static void fill_behind_legs(struct run_job_spec *jobs, struct strv *needs, size_t n)
{
	make_legs(jobs, n / 2, 0);
	for (size_t i = n / 2; i < n; i++)
		strv_add(&needs[i], "leg");
}

/* All are in a concurrency group of their own. */
static void fill_groups(struct run_job_spec *jobs, struct strv *needs UNUSED, size_t n)
{
	for (size_t i = 0; i < n; i++)
		jobs[i].concurrency.group = jobs[i].key;
}

/* All go through the gate of an environment, one after the other. */
static void fill_gates(struct run_job_spec *jobs, struct strv *needs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		jobs[i].environment = "stage";
	fill_chain(jobs, needs, n);
}

static void spec_fill(const struct shape *shape, struct run_job_spec *jobs, struct strv *needs,
	char **keys, const struct strv *on, size_t n)
{
	static const struct run_step_spec steps[] = { { .run = "echo hi" } };

	for (size_t i = 0; i < n; i++) {
		keys[i] = job_key(i);
		jobs[i] = (struct run_job_spec){ .key = keys[i],
			.runs_on = on,
			.needs = &needs[i],
			.steps = steps,
			.n_steps = ARRAY_LEN(steps) };
	}
	shape->fill(jobs, needs, n);
}

static void run_make(struct world *w, const struct shape *shape, size_t n)
{
	struct run_job_spec jobs[MANY] = { 0 };
	struct strv needs[MANY] = { 0 };
	char *keys[MANY] = { 0 };
	CLEANUP(strv_release) struct strv on = labels_of("linux");
	struct run_created made;
	struct err e = { 0 };

	spec_fill(shape, jobs, needs, keys, &on, n);
	const struct run_spec spec = { .repo_id = w->repo_id,
		.workflow_file = "f",
		.event = "push",
		.event_payload = "{}",
		.head_sha = SHA_A,
		.head_ref = "refs/heads/trunk",
		.jobs = jobs,
		.n_jobs = n };
	must_err(store_run_create(w->app.store, &spec, wall_now(), &made, &e));
	for (size_t i = 0; i < n; i++) {
		strv_release(&needs[i]);
		free(keys[i]);
	}
}

static bool claim_one(struct world *w, struct job_row *ret)
{
	CLEANUP(strv_release) struct strv labels = labels_of("linux");
	struct err e = { 0 };
	int rc = store_job_claim(w->app.store, w->runner_id, &labels, wall_now(), ret, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
	return rc > 0;
}

/* Of all statements since the last time. */
static int64_t machine_steps(struct store *s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->n_cache; i++)
		n += sqlite3_stmt_status(s->cache[i].st, SQLITE_STMTSTATUS_VM_STEP, 1);
	return n;
}

/* Steps of a job, from the run's making to its end. */
static double cost(const struct shape *shape, size_t n)
{
	struct world w;
	struct err e = { 0 };
	bool first = true;
	size_t ended = 0;

	world_open(&w);
	must_err(store_sync_later(w.app.store, &e));
	machine_steps(w.app.store);
	run_make(&w, shape, n);
	for (;; ended++) {
		CLEANUP(job_row_release) struct job_row job = { 0 };

		if (!claim_one(&w, &job))
			break;
		world_finish(&w, job.id, first ? shape->first : CONCLUSION_SUCCESS);
		first = false;
	}
	double steps = (double)machine_steps(w.app.store) / (double)n;
	world_close(&w);
	assert_true(shape->first == CONCLUSION_SUCCESS ? ended == n : ended < n);
	return steps;
}

static void test_a_job_of_a_large_run_costs_no_more(void **state UNUSED)
{
	static const struct shape shapes[] = {
		{ "chain", fill_chain, CONCLUSION_SUCCESS },
		{ "chain that fails", fill_chain, CONCLUSION_FAILURE },
		{ "fan", fill_fan, CONCLUSION_SUCCESS },
		{ "fan that fails", fill_fan, CONCLUSION_FAILURE },
		{ "legs, four at a time", fill_legs, CONCLUSION_SUCCESS },
		{ "legs that fail fast", fill_legs, CONCLUSION_FAILURE },
		{ "jobs behind legs", fill_behind_legs, CONCLUSION_SUCCESS },
		{ "concurrency groups", fill_groups, CONCLUSION_SUCCESS },
		{ "gates", fill_gates, CONCLUSION_SUCCESS },
	};
	bool bad = false;

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		double few = cost(&shapes[i], FEW), middle = cost(&shapes[i], 4 * FEW),
		       many = cost(&shapes[i], MANY);

		print_message("%-24s %6.0f %6.0f %6.0f steps a job of %d, %d, %d: %.2f\n",
			shapes[i].name, few, middle, many, FEW, 4 * FEW, MANY, many / few);
		bad = bad || many > GROWTH_MAX * few;
	}
	assert_false(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_job_of_a_large_run_costs_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
