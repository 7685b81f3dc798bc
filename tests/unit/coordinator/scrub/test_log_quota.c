/* Where a log is cut, and that what comes after is neither kept nor refused. */
#include "coordinator/scrub/log_quota.h"
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/queue/claim.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/scrub/scrub.h"
#include "coordinator/store/job.h"
#include "coordinator/store/state.h"
#include "coordinator/store/step.h"

#define END(scope, size, key)                                                          \
	"[shithub] the log of this " scope " has reached " size ", the most that the " \
	"coordinator keeps (logs.max_" key                                             \
	"_size); what this step writes from here on is dropped\n"

static const struct log_limits LIMITS = { .step = 100, .job = 150, .run = 200 };

static void test_where_it_is_cut(void **state UNUSED)
{
	static const struct {
		int64_t step, job, run; /* bytes that are there */
		const char *text;
		int keep; /* -1: all */
		const char *line;
	} cases[] = {
		{ 0, 0, 0, "one\ntwo\n", -1, NULL }, { 92, 92, 92, "one\ntwo\n", -1, NULL },
		{ 93, 93, 93, "one\ntwo\n", 4, END("step", "100", "step") },
		{ 0, 145, 145, "one\ntwo\n", 4, END("job", "150", "job") },
		{ 0, 0, 195, "one\ntwo\n", 4, END("run", "200", "run") },
		{ 96, 96, 96, "endless line", 4, "\n" END("step", "100", "step") },
		{ 100, 100, 100, "more", 0, "\n" END("step", "100", "step") },
		{ 0, 150, 150, "more", 0, END("job", "150", "job") },
		{ 0, 0, 5000, "more", 0, END("run", "200", "run") }, /* the limit was lowered */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct log_step t = {
			.bytes = cases[i].step, .job_bytes = cases[i].job, .run_bytes = cases[i].run
		};
		char line[LOG_QUOTA_LINE_MAX];
		size_t keep = 0;

		if (log_quota_fits(&LIMITS, &t, slice_of(cases[i].text), &keep, line)) {
			assert_int_equal(-1, cases[i].keep);
			continue;
		}
		assert_int_equal(cases[i].keep, keep);
		assert_string_equal(cases[i].line, line);
	}
}

/* ---- with a store ---- */

static int collect(void *data, const char *p, size_t n)
{
	return buf_add(data, p, n);
}

static const char *log_of(struct world *w, int64_t step_id)
{
	static struct buf out;
	struct err e = { 0 };

	buf_release(&out);
	out = (struct buf)BUF_INIT(MIB(1));
	must_err(store_log_each(w->app.store, step_id, collect, &out, &e));
	return out.len ? buf_cstr(&out) : "";
}

static void say(struct world *w, int64_t job_id, int64_t step_id, int64_t seq, const char *text)
{
	struct err e = { 0 };

	must_err(scrub_log(&w->app, job_id, step_id, seq, slice_of(text), wall_now(), &e));
}

struct talk {
	struct world w;
	struct job_row job;
	int64_t first, second; /* its steps */
};

static void talk_begin(struct talk *t, const struct log_limits *limits)
{
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	struct err e = { 0 };

	*t = (struct talk){ 0 };
	world_open(&t->w);
	t->w.app.logs = *limits;
	RUN(&t->w, "a:linux", "b:linux");
	world_claim(&t->w, "linux,x64", &t->job);
	must_err(store_step_list(t->w.app.store, t->job.id, &steps, &e));
	t->first = steps.v[0].id;
	t->second = steps.v[1].id;
}

static void talk_end(struct talk *t)
{
	job_row_release(&t->job);
	world_close(&t->w);
}

static void test_a_step(void **state UNUSED)
{
	struct talk t;

	talk_begin(&t, &(struct log_limits){ .step = 10 });
	say(&t.w, t.job.id, t.first, 0, "one\n");
	say(&t.w, t.job.id, t.first, 1, "two\nthree\n");
	assert_string_equal("one\ntwo\n" END("step", "10", "step"), log_of(&t.w, t.first));
	say(&t.w, t.job.id, t.first, 2, "x\n"); /* small enough, but behind what is missing */
	assert_string_equal("one\ntwo\n" END("step", "10", "step"), log_of(&t.w, t.first));
	say(&t.w, t.job.id, t.second, 0, "four\n");
	assert_string_equal("four\n", log_of(&t.w, t.second));
	assert_int_equal(1, t.w.app.metrics.sum.pending[METRIC_LOGS_FULL]);
	talk_end(&t);
}

static void test_a_job_and_a_run(void **state UNUSED)
{
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	CLEANUP(job_row_release) struct job_row other = { 0 };
	struct err e = { 0 };
	struct talk t;

	talk_begin(&t, &(struct log_limits){ .job = 8, .run = 14 });
	say(&t.w, t.job.id, t.first, 0, "one\ntwo\n");
	say(&t.w, t.job.id, t.second, 0, "three\n");
	assert_string_equal("one\ntwo\n", log_of(&t.w, t.first));
	assert_string_equal(END("job", "8", "job"), log_of(&t.w, t.second));
	world_claim(&t.w, "linux,x64", &other);
	must_err(store_step_list(t.w.app.store, other.id, &steps, &e));
	say(&t.w, other.id, steps.v[0].id, 0, "six\n");
	assert_string_equal(END("run", "14", "run"), log_of(&t.w, steps.v[0].id));
	talk_end(&t);
}

/* Half a secret is not shown because the other half did not fit. */
static void test_nothing_held_back_comes_out(void **state UNUSED)
{
	CLEANUP(pairs_release) struct pairs secrets = { 0 };
	struct err e = { 0 };
	struct talk t;

	talk_begin(&t, &(struct log_limits){ .step = 6 });
	pairs_set(&secrets, "KEY", "password");
	must_err(scrub_claimed(&t.w.app, t.job.id, &secrets, &e));
	say(&t.w, t.job.id, t.first, 0, "one\npass");
	say(&t.w, t.job.id, t.first, 1, "word and more\n");
	say(&t.w, t.job.id, t.first, 2, "pass");
	must_err(scrub_end(&t.w.app, t.job.id, 0, wall_now(), &e));
	assert_string_equal("one\n**\n" END("step", "6", "step"), log_of(&t.w, t.first));
	talk_end(&t);
}

/* A job that begins anew has its whole room. */
static void test_handed_back(void **state UNUSED)
{
	struct err e = { 0 };
	struct state job, run;
	struct talk t;

	talk_begin(&t, &(struct log_limits){ .job = 5, .run = 9 });
	say(&t.w, t.job.id, t.first, 0, "one\ntwo\n");
	assert_int_equal(
		1, store_claim_hand_back(t.w.app.store, t.job.id, wall_now(), &job, &run, &e));
	say(&t.w, t.job.id, t.first, 0, "six\n");
	assert_string_equal("six\n", log_of(&t.w, t.first));
	talk_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_where_it_is_cut),
		cmocka_unit_test(test_a_step),
		cmocka_unit_test(test_a_job_and_a_run),
		cmocka_unit_test(test_nothing_held_back_comes_out),
		cmocka_unit_test(test_handed_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
