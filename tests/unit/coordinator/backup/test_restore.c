/* After a restore: what was handed out since the backup means nothing any more. */
#include "tests/unit/help/coordinator_help.h"

#include <inttypes.h>

#include "coordinator/backup/backup.h"
#include "coordinator/backup/restore.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/file.h"
#include "coordinator/sql/sql.h"

static char *back_up(struct world *w)
{
	char *dir = path_join(w->dir, "backup");
	struct backup_done done;
	struct err e = { 0 };

	must_err(backup_run(w->dir, NULL, dir, false, &done, &e));
	return dir;
}

/* The world goes on with what the backup restores to. */
static void restore(struct world *w, const char *backup, const char *name)
{
	CLEAN_STR char *to = path_join(w->dir, name);
	CLEAN_STR char *db = path_join(to, "shithubd.db");
	struct restore_done done;
	struct err e = { 0 };

	must_err(restore_run(backup, to, NULL, NULL, &done, &e));
	free(done.created_at);
	assert_true(done.ids_skipped >= RESTORED_ROWS_BURST);
	store_free(w->app.store);
	w->app.store = store_open(db, &e);
	if (!w->app.store)
		fail_msg("%s", e.text);
}

static int64_t newest(struct world *w, const char *sql)
{
	int64_t id = 0;
	struct err e = { 0 };

	assert_int_equal(1, sql_int(w->app.store, &id, &e, sql, ""));
	return id;
}

/* Of tables that had rows at the time of the backup, and of one that had none. */
static void test_no_id_is_handed_out_again(void **state UNUSED)
{
	struct world w;
	char token[TOKEN_HEX_MAX];
	struct err e = { 0 };

	world_open(&w);
	struct run_created first = RUN(&w, "a:linux");
	CLEAN_STR char *backup = back_up(&w);
	struct run_created lost = RUN(&w, "a:linux", "b:linux");
	int64_t lost_job = world_job(&w, lost.run_id, "b");
	int64_t lost_runner = world_runner(&w, "r2", "linux", 1, token);
	struct wall later = { wall_now().us + USEC_PER_SEC };
	const struct artifact_spec spec = { .run_id = lost.run_id,
		.job_id = lost_job,
		.name = "a",
		.size_bytes = 1,
		.run_bytes_max = 10,
		.upload_until = later,
		.expires_at = later };
	int64_t lost_artifact = 0, artifact = 0;
	must_err(store_artifact_add(w.app.store, &spec, wall_now(), &lost_artifact, &e));

	restore(&w, backup, "new");
	assert_int_equal(first.run_id, newest(&w, "SELECT max(id) FROM workflow_runs"));
	struct run_created again = RUN(&w, "a:linux");
	assert_true(again.run_id > lost.run_id);
	assert_true(world_job(&w, again.run_id, "a") > lost_job);
	assert_true(newest(&w, "SELECT max(id) FROM workflow_steps") > 2 * lost_job);
	assert_true(world_runner(&w, "r2", "linux", 1, token) > lost_runner);
	struct artifact_spec other = spec;
	other.run_id = again.run_id;
	other.job_id = world_job(&w, again.run_id, "a");
	must_err(store_artifact_add(w.app.store, &other, wall_now(), &artifact, &e));
	assert_true(artifact > lost_artifact);
	world_close(&w);
}

/* Two restores of one backup, an hour apart, have no id in common. */
static void test_ids_rise_with_time(void **state UNUSED)
{
	struct world w;
	struct wall at = wall_now(), hour = { at.us + 3600 * USEC_PER_SEC };
	struct err e = { 0 };
	int64_t one, two;

	world_open(&w);
	must_err(store_restored(w.app.store, at, at, &one, &e));
	must_err(store_restored(w.app.store, at, hour, &two, &e));
	assert_int_equal(3600 * RESTORED_ROWS_SECOND, two - one);
	must_err(store_restored(w.app.store, hour, at, &two, &e)); /* a clock that was set back */
	assert_int_equal(one, two);
	world_close(&w);
}

static long report_running(struct world *w, const struct claimed *c)
{
	CLEAN_STR char *path = xasprintf("/api/v1/jobs/%" PRId64 "/status", c->job_id);
	const struct call_spec call = {
		.path = path, .token = c->token, .body = "{\"status\":\"running\"}"
	};

	return call_do(w, &call, NULL);
}

/* It waited at the backup and was claimed after it; the same runner gets it once more. */
static void test_tokens_of_a_job_that_waited(void **state UNUSED)
{
	struct world w;
	struct claimed before, after;

	world_open(&w);
	world_serve(&w);
	RUN(&w, "a:linux");
	CLEAN_STR char *backup = back_up(&w);
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &before));
	restore(&w, backup, "new");
	assert_int_equal(200, heartbeat(&w, w.runner_token, "{}", &after));
	assert_int_equal(before.job_id, after.job_id);
	assert_int_equal(404, report_running(&w, &before));
	assert_int_equal(200, report_running(&w, &after));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_id_is_handed_out_again),
		cmocka_unit_test(test_ids_rise_with_time),
		cmocka_unit_test(test_tokens_of_a_job_that_waited),
	};

	return cmocka_run_group_tests_name("restore", tests, NULL, NULL);
}
