/* Annotations as they come out of logs that are stored: caps, ends, jobs that start anew. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/queue/claim.h"
#include "coordinator/queue/report.h"
#include "coordinator/queue/rerun.h"
#include "coordinator/store/annotation.h"
#include "coordinator/store/log.h"
#include "coordinator/store/step.h"
#include "coordinator/view/run.h"

static void append(struct world *w, int64_t job_id, int64_t step_id, int64_t seq, const char *text)
{
	struct err e = { 0 };

	must_err(store_log_append(
		w->app.store, job_id, step_id, seq, text, strlen(text), wall_now(), &e));
}

static int64_t step_of(struct world *w, int64_t job_id, size_t i)
{
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	struct err e = { 0 };

	must_err(store_step_list(w->app.store, job_id, &steps, &e));
	assert_true(i < steps.n);
	return steps.v[i].id;
}

static void step_end(struct world *w, int64_t job_id, int64_t step_id)
{
	const struct state_report done = { .state = { STATUS_COMPLETED, CONCLUSION_SUCCESS } };
	struct state st;
	struct err e = { 0 };
	bool changed;

	must_err(store_step_report(
		w->app.store, job_id, step_id, &done, wall_now(), &st, &changed, &e));
}

static struct annotation_counts counts(struct world *w, int64_t run_id, int64_t job_id)
{
	struct annotation_counts c = { 0 };
	struct err e = { 0 };

	must_err(store_annotation_counts(w->app.store, run_id, job_id, &c, &e));
	return c;
}

static void list(struct world *w, int64_t run_id, struct annotation_list *ret)
{
	const struct annotation_spec all = { .run_id = run_id,
		.page = { .limit = ANNOTATIONS_RUN } };
	struct err e = { 0 };

	must_err(store_annotation_list(w->app.store, &all, ret, &e));
}

static void test_over_chunks(void **state UNUSED)
{
	struct world w;
	CLEANUP(annotation_list_release) struct annotation_list l = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };

	world_open(&w);
	struct run_created run = RUN(&w, "a:linux");
	world_claim(&w, "linux", &job);
	int64_t one = step_of(&w, job.id, 0), two = step_of(&w, job.id, 1);
	append(&w, job.id, one, 0, "hello\n::err");
	append(&w, job.id, two, 0, "::notice::of another step");
	append(&w, job.id, one, 1, "or file=a.c,line=3::bro");
	append(&w, job.id, one, 1, "or file=a.c,line=3::bro"); /* sent twice */
	append(&w, job.id, one, 2, "ken\nplain ::error::x");
	append(&w, job.id, one, 3, "::error::still the same line\n");
	list(&w, run.run_id, &l);
	assert_int_equal(1, l.n);
	assert_string_equal("failure", l.v[0].level);
	assert_string_equal("broken", l.v[0].message);
	assert_string_equal("a.c", l.v[0].path);
	assert_int_equal(3, l.v[0].start_line);
	assert_int_equal(2, l.v[0].log_line);
	assert_int_equal(one, l.v[0].step_id);
	assert_int_equal(0, l.v[0].step_index);
	annotation_list_release(&l);
	/* The last line of a step needs no end. */
	step_end(&w, job.id, two);
	list(&w, run.run_id, &l);
	assert_int_equal(2, l.n);
	assert_string_equal("of another step", l.v[1].message);
	world_close(&w);
}

static void test_end_of_the_job_ends_the_log(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_row_release) struct job_row job = { 0 };

	world_open(&w);
	struct run_created run = RUN(&w, "a:linux");
	world_claim(&w, "linux", &job);
	append(&w, job.id, 0, 0, "::warning::no end");
	assert_int_equal(0, counts(&w, run.run_id, 0).warnings);
	world_finish(&w, job.id, CONCLUSION_FAILURE);
	assert_int_equal(1, counts(&w, run.run_id, 0).warnings);
	assert_int_equal(1, counts(&w, run.run_id, job.id).warnings);
	assert_int_equal(0, counts(&w, run.run_id + 1, job.id).warnings);
	world_close(&w);
}

/* What the scrub holds back of a log comes after the step's end when nobody reported that end. */
static void test_held_back_end_of_a_log(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEANUP(log_step_release) struct log_step t = { 0 };
	CLEANUP(log_step_release) struct log_step later = { 0 };
	CLEANUP(annotation_list_release) struct annotation_list l = { 0 };
	struct err e = { 0 };

	world_open(&w);
	struct run_created run = RUN(&w, "a:linux");
	world_claim(&w, "linux", &job);
	must_err(store_log_step(w.app.store, job.id, 0, &t, &e));
	must_err(store_log_put(
		w.app.store, &t, 0, SLICE("::error::one"), SLICE("sealed"), wall_now(), &e));
	world_finish(&w, job.id, CONCLUSION_FAILURE);
	assert_int_equal(0, counts(&w, run.run_id, 0).failures);
	must_err(store_log_step(w.app.store, job.id, 0, &later, &e));
	must_err(store_log_put(w.app.store, &later, 1, SLICE(" line"), SLICE(""), wall_now(), &e));
	list(&w, run.run_id, &l);
	assert_int_equal(1, l.n);
	assert_string_equal("one line", l.v[0].message);
	world_close(&w);
}

static void flood(struct world *w, int64_t job_id, int64_t step_id, const char *level)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(64));

	for (int i = 0; i < 12; i++)
		buf_addf(&text, "::%s::%d\n", level, i);
	append(w, job_id, step_id, 0, buf_cstr(&text));
	append(w, job_id, step_id, 1, buf_cstr(&text));
}

static void test_caps(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct annotation_counts c;

	world_open(&w);
	struct run_created run = RUN(&w, "a:linux");
	world_claim(&w, "linux", &job);
	flood(&w, job.id, step_of(&w, job.id, 0), "error");
	c = counts(&w, run.run_id, 0);
	assert_int_equal(ANNOTATIONS_STEP, c.failures);
	assert_int_equal(24 - ANNOTATIONS_STEP, c.dropped);
	flood(&w, job.id, step_of(&w, job.id, 1), "error");
	c = counts(&w, run.run_id, 0);
	assert_int_equal(2 * ANNOTATIONS_STEP, c.failures);
	assert_int_equal(48 - 2 * ANNOTATIONS_STEP, c.dropped);
	world_close(&w);
}

static void test_handed_back_job_forgets(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct state st, run_st;
	struct err e = { 0 };

	world_open(&w);
	struct run_created run = RUN(&w, "a:linux");
	world_claim(&w, "linux", &job);
	append(&w, job.id, 0, 0, "::error::gone\n::err");
	assert_int_equal(1, counts(&w, run.run_id, 0).failures);
	assert_int_equal(
		1, store_claim_hand_back(w.app.store, job.id, wall_now(), &st, &run_st, &e));
	assert_int_equal(0, counts(&w, run.run_id, 0).failures);
	append(&w, job.id, 0, 0, "or::not a command\n");
	assert_int_equal(0, counts(&w, run.run_id, 0).failures);
	world_close(&w);
}

/* A job that an attempt keeps says what it said when it ran. */
static void test_kept_job_keeps_what_it_said(void **state UNUSED)
{
	struct world w;
	CLEANUP(job_row_release) struct job_row a = { 0 };
	CLEANUP(job_row_release) struct job_row b = { 0 };
	CLEANUP(annotation_list_release) struct annotation_list l = { 0 };
	CLEANUP(run_view_release) struct run_view view = { 0 };
	struct run_created again;
	struct err e = { 0 };

	world_open(&w);
	struct run_created run = RUN(&w, "a:linux", "b:linux");
	world_claim(&w, "linux", &a);
	world_claim(&w, "linux", &b);
	flood(&w, a.id, step_of(&w, a.id, 0), "error");
	append(&w, b.id, 0, 0, "::warning::of the first attempt\n");
	world_finish(&w, a.id, CONCLUSION_SUCCESS);
	world_finish(&w, b.id, CONCLUSION_FAILURE);
	const struct rerun_spec failed = { .run_id = run.run_id, .what = RERUN_FAILED };
	must_err(store_run_rerun(w.app.store, &failed, wall_now(), &again, &e));
	append(&w, world_job(&w, again.run_id, "b"), 0, 0, "::notice::of the second\n");

	int64_t kept = world_job(&w, again.run_id, "a");
	struct annotation_counts all = counts(&w, again.run_id, 0);
	struct annotation_counts one = counts(&w, again.run_id, kept);
	assert_int_equal(ANNOTATIONS_STEP, all.failures);
	assert_int_equal(0, all.warnings);
	assert_int_equal(1, all.notices);
	assert_int_equal(ANNOTATIONS_STEP, one.failures);
	assert_int_equal(24 - ANNOTATIONS_STEP, one.dropped);
	list(&w, again.run_id, &l);
	assert_int_equal(ANNOTATIONS_STEP + 1, l.n);
	assert_int_equal(kept, l.v[0].job_id);
	assert_string_equal("of the second", l.v[ANNOTATIONS_STEP].message);

	must_err(run_view_load(w.app.store, again.run_id, &view, &e));
	assert_int_equal(ANNOTATIONS_STEP + 1, view.annotations.n);
	assert_int_equal(ANNOTATIONS_STEP, view.job_counts[0].failures);
	assert_int_equal(1, view.counts.notices);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_over_chunks),
		cmocka_unit_test(test_end_of_the_job_ends_the_log),
		cmocka_unit_test(test_held_back_end_of_a_log),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_handed_back_job_forgets),
		cmocka_unit_test(test_kept_job_keeps_what_it_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
