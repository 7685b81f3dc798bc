/* A step's log that is read while it grows, and while its job starts anew. */
#include "tests/unit/help/coordinator_help.h"

#include "coordinator/object/stored_log.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/log.h"
#include "coordinator/sql/sql.h"

#define MINUTE (60 * USEC_PER_SEC)

/* What a follower of the job's first step has not shown yet. Static text. */
static const char *more(struct world *w, struct stored_step *l, int64_t job_id)
{
	static char text[256];
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	struct err e = { 0 };
	size_t n = 0;
	ssize_t got;

	must_err(store_job_get(w->app.store, job_id, &job, &e));
	must_err(store_step_list(w->app.store, job_id, &steps, &e));
	stored_step_follow(l, &steps.v[0], job.returns);
	while ((got = stored_step_read(l, &steps.v[0], text + n, sizeof(text) - 1 - n, &e)) > 0)
		n += (size_t)got;
	assert_int_equal(0, got);
	text[n] = 0;
	return text;
}

static void append(struct world *w, int64_t job_id, int64_t seq, const char *text)
{
	struct err e = { 0 };

	must_err(
		store_log_append(w->app.store, job_id, 0, seq, text, strlen(text), wall_now(), &e));
}

/* The second log is longer than the first by the time somebody looks. */
static void test_a_job_that_came_back_is_read_anew(void **state UNUSED)
{
	struct world w;
	struct wall past = { wall_now().us - 2 * MINUTE };
	CLEANUP(stored_step_release) struct stored_step l = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct state st, run;
	struct err e = { 0 };

	world_open(&w);
	struct run_created made = RUN(&w, "a:linux");
	int64_t id = world_job(&w, made.run_id, "a");
	stored_step_init(&l, w.app.store, w.app.objects, made.run_id);
	world_claim(&w, "linux", &job);
	append(&w, id, 0, "one\n");
	assert_string_equal("one\n", more(&w, &l, id));
	append(&w, id, 1, "two\n");
	assert_string_equal("two\n", more(&w, &l, id));
	assert_int_equal(1, store_claim_hand_back(w.app.store, id, past, &st, &run, &e));
	job_row_release(&job);
	world_claim(&w, "linux", &job);
	append(&w, id, 0, "another log ");
	append(&w, id, 1, "in two chunks\n");
	assert_string_equal("another log in two chunks\n", more(&w, &l, id));
	assert_string_equal("", more(&w, &l, id));
	world_close(&w);
}

/* A file of an earlier program has the numbers of its runners. */
static void test_the_first_chunk_has_any_number(void **state UNUSED)
{
	struct world w;
	CLEANUP(stored_step_release) struct stored_step l = { 0 };
	struct err e = { 0 };

	world_open(&w);
	struct run_created made = RUN(&w, "a:linux");
	int64_t id = world_job(&w, made.run_id, "a");
	must_err(sql_run(w.app.store, &e,
		"INSERT INTO log_chunks (step_id, seq, chunk, created_at)"
		" SELECT id, -1, 'first ', 1 FROM workflow_steps WHERE job_id = ? AND position = 0",
		"i", id));
	append(&w, id, 1, "second");
	stored_step_init(&l, w.app.store, w.app.objects, made.run_id);
	assert_string_equal("first second", more(&w, &l, id));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_job_that_came_back_is_read_anew),
		cmocka_unit_test(test_the_first_chunk_has_any_number),
	};

	return cmocka_run_group_tests_name("stored_log", tests, NULL, NULL);
}
