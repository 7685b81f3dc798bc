/* A search ends by itself: when its time is over, and when it has found enough. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/pages/log/find.h"
#include "coordinator/store/log.h"

static void on_hit(void *data, size_t step, const struct log_line *l)
{
	assert_int_equal(0, step);
	assert_true(l->number > 0);
	++*(size_t *)data;
}

/* Of a log of ten lines with the text; left_us: what is left of its time. */
static struct log_find searched(int64_t left_us, size_t max, size_t *hits)
{
	struct world w;
	struct place at = { 0 };
	struct job_steps steps = { 0 };
	struct err e = { 0 };

	*hits = 0;
	world_open(&w);
	struct run_created made = RUN(&w, "a:linux");
	int64_t id = world_job(&w, made.run_id, "a");
	world_claim(&w, "linux", &at.job);
	for (int64_t i = 0; i < 10; i++)
		must_err(store_log_append(w.app.store, id, 0, i, "needle\n", 7, wall_now(), &e));
	must_err(store_step_list(w.app.store, id, &steps, &e));
	struct log_find f = { .app = &w.app,
		.at = &at,
		.steps = &steps,
		.text = xstrdup("needle"),
		.len = 6,
		.max = max,
		.until = { mono_now().us + left_us },
		.on_hit = on_hit,
		.data = hits };
	while (!f.ended)
		must_err(log_find_go_on(&f, &e));
	log_find_release(&f);
	job_steps_release(&steps);
	job_row_release(&at.job);
	log_indexes_free(&w.app);
	world_close(&w);
	return f;
}

static void test_limits(void **state UNUSED)
{
	static const struct {
		int64_t left_us;
		size_t max, hits;
		bool cut;
	} cases[] = {
		{ FIND_US, 100, 10, false },
		{ FIND_US, 3, 3, true },
		{ -1, 100, 0, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t hits;
		struct log_find f = searched(cases[i].left_us, cases[i].max, &hits);

		assert_int_equal(cases[i].hits, hits);
		assert_int_equal(cases[i].cut, f.cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("log_find", tests, NULL, NULL);
}
