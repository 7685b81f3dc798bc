/* Running a part of a run again: which jobs, what stays, and where the rest of it is found. */
#include "tests/unit/help/coordinator_help.h"

#include <inttypes.h>

#include "coordinator/queue/rerun.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/retired.h"
#include "coordinator/store/run.h"
#include "coordinator/store/step.h"

#define DAY (24 * 3600 * USEC_PER_SEC)

/* "a:success b:queued!" with ! for ready and = for a result of an earlier attempt. */
static const char *jobs_of(struct world *w, int64_t run)
{
	static char text[512];
	CLEANUP(job_list_release) struct job_list l = { 0 };
	size_t n = 0;

	must(store_job_list(w->app.store, run, &l, NULL));
	for (size_t i = 0; i < l.n; i++) {
		const char *c = conclusion_text(l.v[i].state.conclusion);

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s:%s%s%s", i ? " " : "",
			l.v[i].key, c ? c : status_text(l.v[i].state.status),
			l.v[i].state.status == STATUS_QUEUED && l.v[i].ready ? "!" : "",
			job_kept(&l.v[i]) ? "=" : "");
	}
	return text;
}

static void run_job(struct world *w, const char *key, enum conclusion c)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };

	world_claim(w, "linux", &job);
	assert_string_equal(key, job.key);
	world_finish(w, job.id, c);
}

static int64_t again(struct world *w, struct rerun_spec spec)
{
	struct run_created ret;
	struct err e = { 0 };

	must_err(store_run_rerun(w->app.store, &spec, wall_now(), &ret, &e));
	return ret.run_id;
}

/* a succeeds, b fails, c needs b, d needs a, e needs d and b. */
static int64_t first_attempt(struct world *w)
{
	struct run_created run =
		RUN(w, "a:linux", "b:linux", "c:linux:b", "d:linux:a", "e:linux:d+b");

	run_job(w, "a", CONCLUSION_SUCCESS);
	run_job(w, "b", CONCLUSION_FAILURE);
	run_job(w, "d", CONCLUSION_SUCCESS);
	assert_string_equal(
		"a:success b:failure c:skipped d:success e:skipped", jobs_of(w, run.run_id));
	return run.run_id;
}

static void failed_jobs_and_what_needs_them(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	int64_t first = first_attempt(&w);
	int64_t run = again(&w, (struct rerun_spec){ .run_id = first, .what = RERUN_FAILED });
	assert_string_equal("a:success= b:queued! c:queued d:success= e:queued", jobs_of(&w, run));
	assert_string_equal("queued", world_state(&w, run, NULL));
	run_job(&w, "b", CONCLUSION_SUCCESS);
	assert_string_equal(
		"a:success= b:success c:queued! d:success= e:queued!", jobs_of(&w, run));
	assert_string_equal("running", world_state(&w, run, NULL));
	run_job(&w, "c", CONCLUSION_FAILURE);
	run_job(&w, "e", CONCLUSION_SUCCESS);
	assert_string_equal("completed/failure", world_state(&w, run, NULL));

	/* A third attempt leans on the jobs that made the results, not on their copies. */
	int64_t third = again(&w, (struct rerun_spec){ .run_id = run, .what = RERUN_FAILED });
	assert_string_equal(
		"a:success= b:success= c:queued! d:success= e:success=", jobs_of(&w, third));
	CLEANUP(job_row_release) struct job_row a = { 0 };
	must(store_job_get(w.app.store, world_job(&w, third, "a"), &a, NULL));
	assert_int_equal(world_job(&w, first, "a"), a.source_id);
	assert_int_equal(first, a.source_run_id);

	/* All of it again has steps of its own for every job. */
	run_job(&w, "c", CONCLUSION_SUCCESS);
	int64_t all = again(&w, (struct rerun_spec){ .run_id = third });
	assert_string_equal("a:queued! b:queued! c:queued d:queued e:queued", jobs_of(&w, all));
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	must(store_step_list(w.app.store, world_job(&w, all, "a"), &steps, NULL));
	assert_int_equal(2, steps.n);
	world_close(&w);
}

static void one_job(void **state UNUSED)
{
	struct world w;
	struct run_created ret;
	struct err e = { 0 };

	world_open(&w);
	int64_t first = first_attempt(&w);
	int64_t run = again(&w,
		(struct rerun_spec){
			.run_id = first, .what = RERUN_JOB, .job_id = world_job(&w, first, "d") });
	assert_string_equal(/* e still cannot run: it needs b, too */
		"a:success= b:failure= c:skipped= d:queued! e:skipped", jobs_of(&w, run));
	run_job(&w, "d", CONCLUSION_SUCCESS);
	assert_string_equal("completed/failure", world_state(&w, run, NULL));
	struct rerun_spec foreign = {
		.run_id = run, .what = RERUN_JOB, .job_id = world_job(&w, first, "d")
	};
	assert_int_equal(-1, store_run_rerun(w.app.store, &foreign, wall_now(), &ret, &e));
	assert_true(err_is(&e, ERR_NOT_FOUND));
	world_close(&w);
}

static void nothing_failed(void **state UNUSED)
{
	struct world w;
	struct run_created ret;
	struct err e = { 0 };

	world_open(&w);
	struct run_created run = RUN(&w, "a:linux");
	struct rerun_spec spec = { .run_id = run.run_id, .what = RERUN_FAILED };
	assert_int_equal(-1, store_run_rerun(w.app.store, &spec, wall_now(), &ret, &e));
	assert_non_null(strstr(e.text, "is queued; only finished runs"));
	err_clear(&e);
	run_job(&w, "a", CONCLUSION_SUCCESS);
	assert_int_equal(-1, store_run_rerun(w.app.store, &spec, wall_now(), &ret, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	assert_non_null(strstr(e.text, "no job that failed"));
	world_close(&w);
}

/* ---- what a kept job leaves behind ---- */

/* Legs of one job, of one concurrency group (NULL: none). */
static int64_t make_legs(struct world *w, size_t n, const char *group)
{
	static const struct run_step_spec step = { .run = "true" };
	CLEANUP(strv_release) struct strv on = labels_of("linux");
	struct run_job_spec jobs[4] = { 0 };
	struct run_created ret;
	struct err e = { 0 };

	for (size_t i = 0; i < n; i++)
		jobs[i] = (struct run_job_spec){ .key = "m",
			.runs_on = &on,
			.steps = &step,
			.n_steps = 1,
			.leg = (int64_t)i,
			.legs = (int64_t)n,
			.fail_fast = true,
			.concurrency = { group, false } };
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

/* Its sibling failed in an attempt that is over. */
static void one_leg_of_a_matrix_that_failed(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_list_release) struct job_list l = { 0 };

	world_open(&w);
	int64_t first = make_legs(&w, 3, NULL);
	run_job(&w, "m", CONCLUSION_FAILURE);
	assert_string_equal("m:failure m:cancelled m:cancelled", jobs_of(&w, first));
	must(store_job_list(w.app.store, first, &l, NULL));
	int64_t run = again(
		&w, (struct rerun_spec){ .run_id = first, .what = RERUN_JOB, .job_id = l.v[1].id });
	assert_string_equal("m:failure= m:queued! m:cancelled=", jobs_of(&w, run));
	run_job(&w, "m", CONCLUSION_SUCCESS);
	assert_string_equal("m:failure= m:success m:cancelled=", jobs_of(&w, run));

	/* of those that run now, one still ends the others */
	int64_t third = again(&w, (struct rerun_spec){ .run_id = run, .what = RERUN_FAILED });
	assert_string_equal("m:queued! m:success= m:queued!", jobs_of(&w, third));
	run_job(&w, "m", CONCLUSION_FAILURE);
	assert_string_equal("m:failure m:success= m:cancelled", jobs_of(&w, third));
	world_close(&w);
}

static void a_kept_job_keeps_its_group(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_list_release) struct job_list l = { 0 };

	world_open(&w);
	int64_t first = make_legs(&w, 2, "deploy"); /* the second waits for the first */
	run_job(&w, "m", CONCLUSION_SUCCESS);
	run_job(&w, "m", CONCLUSION_FAILURE);
	int64_t second = again(&w, (struct rerun_spec){ .run_id = first, .what = RERUN_FAILED });
	assert_string_equal("m:success= m:queued!", jobs_of(&w, second));
	run_job(&w, "m", CONCLUSION_SUCCESS);
	int64_t third = again(&w, (struct rerun_spec){ .run_id = second });
	assert_string_equal("m:queued! m:queued", jobs_of(&w, third));
	must(store_job_list(w.app.store, third, &l, NULL));
	assert_string_equal("deploy", l.v[0].concurrency_group);
	world_close(&w);
}

/* ---- artifacts ---- */

static int add(struct world *w, int64_t run, const char *key, const char *name, bool overwrite,
	struct err *e)
{
	struct wall now = wall_now(), later = { now.us + DAY };
	struct artifact_spec spec = { .run_id = run,
		.job_id = world_job(w, run, key),
		.name = name,
		.size_bytes = 3,
		.overwrite = overwrite,
		.run_bytes_max = 1000,
		.upload_until = later,
		.expires_at = later };
	int64_t id;

	if (store_artifact_add(w->app.store, &spec, now, &id, e) < 0)
		return -1;
	return store_artifact_uploaded(w->app.store, id, "sha256:00", e);
}

/* "name@run …" */
static const char *artifacts_of(struct world *w, int64_t run)
{
	static char text[256];
	CLEANUP(artifact_list_release) struct artifact_list l = { 0 };
	size_t n = 0;

	*text = 0;
	must(store_artifact_list(w->app.store, run, NULL, 0, 100, wall_now(), &l, NULL));
	for (size_t i = 0; i < l.n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s@%" PRId64, i ? " " : "",
			l.v[i].name, l.v[i].run_id);
	return text;
}

static void artifacts_of_kept_jobs(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	char want[64];

	world_open(&w);
	struct run_created first = RUN(&w, "a:linux", "b:linux:a");
	CLEANUP(job_row_release) struct job_row job = { 0 };
	world_claim(&w, "linux", &job);
	must_err(add(&w, first.run_id, "a", "built", false, &e));
	world_finish(&w, job.id, CONCLUSION_SUCCESS);
	job_row_release(&job);
	world_claim(&w, "linux", &job);
	must_err(add(&w, first.run_id, "b", "report", false, &e));
	world_finish(&w, job.id, CONCLUSION_FAILURE);

	int64_t run =
		again(&w, (struct rerun_spec){ .run_id = first.run_id, .what = RERUN_FAILED });
	snprintf(want, sizeof(want), "built@%" PRId64, first.run_id);
	assert_string_equal(want, artifacts_of(&w, run));
	must_err(add(&w, run, "b", "report", false, &e));
	assert_int_equal(-1, add(&w, run, "b", "built", false, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	err_clear(&e);
	must_err(add(&w, run, "b", "built", true, &e));
	snprintf(want, sizeof(want), "report@%" PRId64 " built@%" PRId64, run, run);
	assert_string_equal(want, artifacts_of(&w, run));
	snprintf(want, sizeof(want), "built@%" PRId64 " report@%" PRId64, first.run_id,
		first.run_id);
	assert_string_equal(want, artifacts_of(&w, first.run_id));
	world_close(&w);
}

/* ---- retention ---- */

static void retention_keeps_what_a_later_attempt_shows(void **state UNUSED)
{
	struct world w;
	struct wall later = { wall_now().us + DAY };
	int64_t old = 0;

	world_open(&w);
	int64_t first = first_attempt(&w);
	int64_t run = again(&w, (struct rerun_spec){ .run_id = first, .what = RERUN_FAILED });
	assert_int_equal(0, store_run_old(w.app.store, later, &old, NULL));
	run_job(&w, "b", CONCLUSION_FAILURE);
	assert_int_equal(1, store_run_old(w.app.store, later, &old, NULL));
	assert_int_equal(run, old);
	must(store_run_delete(w.app.store, run, NULL));
	assert_int_equal(1, store_run_old(w.app.store, later, &old, NULL));
	assert_int_equal(first, old);
	must(store_run_delete(w.app.store, first, NULL));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_jobs_and_what_needs_them),
		cmocka_unit_test(one_job),
		cmocka_unit_test(nothing_failed),
		cmocka_unit_test(one_leg_of_a_matrix_that_failed),
		cmocka_unit_test(a_kept_job_keeps_its_group),
		cmocka_unit_test(artifacts_of_kept_jobs),
		cmocka_unit_test(retention_keeps_what_a_later_attempt_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
