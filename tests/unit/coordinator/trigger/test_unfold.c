/* Jobs whose matrix, name or labels come from the jobs that they need: one row until those are
 * over, then their legs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "coordinator/queue/report.h"
#include "coordinator/queue/rerun.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/job.h"
#include "coordinator/store/step.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/unfold.h"
#include "tests/unit/help/trigger_help.h"

static const char WORKFLOW[] =
	"on: push\n"
	"run-name: \"Number ${{ github.run_number }} by ${{ github.actor }}\"\n"
	"jobs:\n"
	"  make:\n"
	"    runs-on: linux\n"
	"    outputs: {list: \"${{ steps.s.outputs.list }}\", on: x}\n"
	"    steps: [{id: s, run: a}]\n"
	"  test:\n"
	"    name: \"${{ matrix.v }} of ${{ needs.make.result }}\"\n"
	"    runs-on: [linux, \"${{ needs.make.outputs.on }}\"]\n"
	"    needs: make\n"
	"    if: needs.make.outputs.list != 'none'\n"
	"    strategy: {max-parallel: 1, matrix: \"${{ fromJSON(needs.make.outputs.list) }}\"}\n"
	"    steps: [{run: \"echo ${{ matrix.v }}\"}]\n"
	"  last: {runs-on: linux, needs: test, if: always(), steps: [{run: a}]}\n";

/* Pushes the workflow; the id of its run. */
static int64_t start(struct trigger_world *f)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };

	git_write(f->work, ".shithub/workflows/a.yml", WORKFLOW);
	assert_int_equal(trigger_world_push(f, ZERO, "refs/heads/trunk", "First"), 1);
	trigger_world_newest(f, &run);
	if (run.problems)
		fail_msg("%s", run.problems);
	assert_string_equal(run.run_name, "Number 1 by ada");
	return run.id;
}

/* "make/success 1 of 2/queued! …" in the order of the file; ! is ready. */
static const char *jobs_of(struct trigger_world *f, int64_t run)
{
	static char text[600];
	CLEANUP(job_list_release) struct job_list l = { 0 };
	size_t at = 0;

	assert_int_equal(store_job_list(f->store, run, &l, NULL), 0);
	for (size_t i = 0; i < l.n; i++) {
		const struct job_row *j = &l.v[i];
		const char *end = conclusion_text(j->state.conclusion);

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s/%s%s", i ? ", " : "",
			j->name, end ? end : status_text(j->state.status),
			!end && j->ready ? "!" : "");
	}
	return text;
}

static int64_t job_at(struct trigger_world *f, int64_t run, size_t i)
{
	CLEANUP(job_list_release) struct job_list l = { 0 };

	assert_int_equal(store_job_list(f->store, run, &l, NULL), 0);
	assert_true(i < l.n);
	return l.v[i].id;
}

static void finish(struct trigger_world *f, int64_t job, const char *list, enum conclusion c)
{
	CLEANUP(pairs_release) struct pairs outputs = { 0 };
	struct state_report r = { .state = { STATUS_COMPLETED, c } };
	struct state st, run;
	struct err e = { 0 };

	CLEANUP(job_row_release) struct job_row row = { 0 };

	assert_int_equal(store_job_get(f->store, job, &row, &e), 0);
	if (list) {
		pairs_set(&outputs, "list", list);
		pairs_set(&outputs, "on", "x");
		assert_int_equal(store_job_outputs(f->store, &row, &outputs, &e), 0);
	}
	if (store_job_report(f->store, job, &r, wall_now(), &st, &run, &e) < 0)
		fail_msg("%s", e.text);
}

static size_t unfold(struct trigger_world *f)
{
	struct err e = { 0 };
	size_t n = 99;

	if (trigger_unfold(&f->t, &n, &e) < 0)
		fail_msg("%s", e.text);
	return n;
}

static void legs_come_when_the_needs_are_over(void **state)
{
	struct trigger_world *f = *state;
	int64_t run = start(f);
	CLEANUP(job_list_release) struct job_list l = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };

	assert_string_equal(jobs_of(f, run), "make/queued!, test/queued, last/queued");
	assert_int_equal(unfold(f), 0);
	finish(f, job_at(f, run, 0), "{\"v\":[1,\"two\"],\"include\":[{\"v\":3,\"w\":[4]}]}",
		CONCLUSION_SUCCESS);
	assert_string_equal(jobs_of(f, run), "make/success, test/queued, last/queued");
	assert_int_equal(unfold(f), 1);
	assert_int_equal(unfold(f), 0);
	assert_string_equal(jobs_of(f, run),
		"make/success, 1 of success/queued!, two of success/queued, 3 of success/queued, "
		"last/queued");
	assert_int_equal(store_job_list(f->store, run, &l, NULL), 0);
	assert_string_equal(l.v[1].key, "test");
	assert_int_equal(l.v[1].runs_on.n, 2);
	assert_string_equal(l.v[2].matrix_json, "{\"v\":\"two\"}");
	assert_string_equal(l.v[3].matrix_json, "{\"v\":3,\"w\":[4]}");
	assert_int_equal(l.v[3].legs, 3);
	assert_true(l.v[3].matrix_tainted);
	assert_int_equal(store_step_list(f->store, l.v[3].id, &steps, NULL), 0);
	assert_int_equal(steps.n, 1);
	for (size_t i = 1; i < 4; i++)
		finish(f, l.v[i].id, NULL, CONCLUSION_SUCCESS);
	assert_string_equal(jobs_of(f, run),
		"make/success, 1 of success/success, two of success/success, 3 of success/success, "
		"last/queued!");
	/* another time there may be other legs */
	struct run_created again;
	finish(f, job_at(f, run, 4), NULL, CONCLUSION_SUCCESS);
	assert_int_equal(
		store_run_rerun(f->store, &(struct rerun_spec){ .run_id = run, .actor = "ada" },
			wall_now(), &again, NULL),
		0);
	assert_string_equal(jobs_of(f, again.run_id), "make/queued!, test/queued, last/queued");
	finish(f, job_at(f, again.run_id, 0), "{\"v\":[9]}", CONCLUSION_SUCCESS);
	assert_int_equal(unfold(f), 1);
	assert_string_equal(
		jobs_of(f, again.run_id), "make/success, 9 of success/queued!, last/queued");
}

/* What the needs gave ends the job, with the reason, and never the run of the coordinator. */
static void jobs_without_legs(void **state)
{
	static const struct {
		const char *list, *jobs, *reason;
	} rows[] = {
		{ "none", "make/success, test/skipped, last/queued!", NULL },
		{ "nonsense", "make/success, test/failure, last/queued!",
			"jobs.test: strategy: matrix: column 5: fromJSON" },
		{ "[1]", "make/success, test/failure, last/queued!",
			"jobs.test: strategy: matrix: array found, expected a map of lists" },
		{ "{\"v\":[]}", "make/success, test/failure, last/queued!",
			"strategy: matrix: v: empty list" },
		{ "{\"v\":3}", "make/success, test/failure, last/queued!",
			"strategy: matrix: v: number found, expected a list" },
		{ "{\"a b\":[1]}", "make/success, test/failure, last/queued!", "bad name \"a b\"" },
		{ "{\"v\":[1],\"exclude\":[{\"v\":\"1\"}]}",
			"make/success, test/failure, last/queued!",
			"strategy: matrix: no combination is left" },
		{ "{\"v\":[1],\"exclude\":[{\"w\":1}]}", "make/success, test/failure, last/queued!",
			"exclude: no list \"w\" in this matrix" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		void *world = NULL;

		trigger_world_open(&world);
		struct trigger_world *f = world;
		int64_t run = start(f);
		CLEANUP(job_row_release) struct job_row job = { 0 };
		finish(f, job_at(f, run, 0), rows[i].list, CONCLUSION_SUCCESS);
		assert_int_equal(unfold(f), 1);
		assert_string_equal(jobs_of(f, run), rows[i].jobs);
		assert_int_equal(store_job_get(f->store, job_at(f, run, 1), &job, NULL), 0);
		if (rows[i].reason && !strstr(job.reason, rows[i].reason))
			fail_msg("%s: %s", rows[i].list, job.reason);
		trigger_world_close(&world);
	}
	(void)state;
}

/* Legs that do not fit into the run are none at all, and the rest of it goes on. */
static void too_many_legs(void **state)
{
	struct trigger_world *f = *state;
	int64_t run = start(f);
	CLEAN_BUF struct buf list = BUF_INIT(KIB(8));
	CLEANUP(job_row_release) struct job_row job = { 0 };

	buf_adds(&list, "{\"v\":[0");
	for (int i = 1; i < 255; i++)
		buf_addf(&list, ",%d", i);
	buf_adds(&list, "]}");
	finish(f, job_at(f, run, 0), buf_cstr(&list), CONCLUSION_SUCCESS);
	assert_int_equal(unfold(f), 1);
	assert_string_equal(jobs_of(f, run), "make/success, test/failure, last/queued!");
	assert_int_equal(store_job_get(f->store, job_at(f, run, 1), &job, NULL), 0);
	assert_non_null(strstr(job.reason, "more than 256 jobs"));
}

/* It waits for nothing else than a job with fixed legs does. */
static void failed_needs(void **state)
{
	struct trigger_world *f = *state;
	int64_t run = start(f);

	finish(f, job_at(f, run, 0), NULL, CONCLUSION_FAILURE);
	assert_int_equal(unfold(f), 0);
	assert_string_equal(jobs_of(f, run), "make/failure, test/skipped, last/queued!");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			legs_come_when_the_needs_are_over, trigger_world_open, trigger_world_close),
		cmocka_unit_test(jobs_without_legs),
		cmocka_unit_test_setup_teardown(
			too_many_legs, trigger_world_open, trigger_world_close),
		cmocka_unit_test_setup_teardown(
			failed_needs, trigger_world_open, trigger_world_close),
	};

	return cmocka_run_group_tests_name("unfold", tests, NULL, NULL);
}
