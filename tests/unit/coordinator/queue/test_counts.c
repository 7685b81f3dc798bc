/*
 * What is counted when jobs change (schema.c) after the ways in which they change, and in a store
 * that is older than the counts.
 */
#include "tests/unit/help/coordinator_help.h"

#include <sqlite3.h>

#include "coordinator/queue/cancel.h"
#include "coordinator/queue/claim.h"
#include "coordinator/queue/rerun.h"
#include "coordinator/store/schema.h"
#include "coordinator/sql/sql.h"

/* Runs in all states, jobs that were handed back and lost, one run that ran again. */
static void make_history(struct world *w)
{
	struct store *s = w->app.store;
	CLEANUP(job_row_release) struct job_row a = { 0 };
	CLEANUP(job_row_release) struct job_row again = { 0 };
	struct run_created run = RUN(w, "a:linux", "b:linux:a", "c:linux:a+b", "d:gpu"), rerun;
	struct wall now = wall_now();
	struct err e = { 0 };

	world_claim(w, "linux", &a);
	must_err(store_claim_made(s, a.id, "jti", &e));
	assert_int_equal(1, store_claim_return(s, a.id, "jti", now, &e));
	world_claim(w, "linux", &again);
	world_finish(w, again.id, CONCLUSION_FAILURE);
	world_counts_check(w);
	must_err(store_run_cancel(s, run.run_id, "cancelled by ada", now, &e));
	must_err(store_run_rerun(
		s, &(struct rerun_spec){ .run_id = run.run_id, .actor = "x" }, now, &rerun, &e));
	RUN(w, "a:linux", "b:linux:a");
	job_row_release(&a);
	world_claim(w, "linux", &a);
	world_counts_check(w);
}

static void test_every_way_is_counted(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	make_history(&w);
	world_close(&w);
}

/* The number of the step that makes the counts. */
static size_t counts_step(void)
{
	size_t n = 1;

	while (schema_step(n) && !strstr(schema_step(n), "CREATE TABLE job_counts"))
		n++;
	assert_non_null(schema_step(n));
	return n;
}

static void test_an_older_store_is_counted(void **state UNUSED)
{
	struct world w;
	struct job_row job = { 0 };

	world_open(&w);
	make_history(&w);
	static const char back[] =
		"DROP TRIGGER workflow_jobs_key_in; DROP TRIGGER workflow_jobs_key_out;"
		"DROP TRIGGER workflow_jobs_key_moved; DROP TRIGGER workflow_jobs_state_moved;"
		"DROP TRIGGER workflow_jobs_group_left; DROP TABLE job_counts; DROP TABLE job_keys;"
		"DROP TABLE job_needs; DROP TABLE groups_left; DROP INDEX workflow_jobs_held;"
		"DROP INDEX workflow_jobs_open;";
	if (sqlite3_exec(w.app.store->db, back, NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_exec(w.app.store->db, schema_step(counts_step()), NULL, NULL, NULL) !=
			SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(w.app.store->db));
	world_counts_check(&w);
	/* and it goes on from there */
	world_finish(&w, world_job(&w, 2, "a"), CONCLUSION_SUCCESS);
	world_claim(&w, "linux", &job);
	assert_string_equal("b", job.key);
	job_row_release(&job);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_is_counted),
		cmocka_unit_test(test_an_older_store_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
