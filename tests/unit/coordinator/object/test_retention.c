/* What workflow:cleanup removes, what it keeps, and that logs read the same afterwards. */
#include "tests/unit/help/coordinator_help.h"

#include <inttypes.h>

#include "coordinator/object/object.h"
#include "coordinator/object/retention.h"
#include "coordinator/object/stored_log.h"
#include "coordinator/object/upload.h"
#include "coordinator/store/artifact.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/job.h"
#include "coordinator/store/jwt.h"
#include "coordinator/store/log.h"
#include "coordinator/queue/report.h"
#include "coordinator/store/retired.h"
#include "coordinator/store/run.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/state.h"
#include "coordinator/store/step.h"

#define DAY DAYS_US(1)

static struct world *fresh(void)
{
	static struct world w;

	world_open(&w);
	w.runner_id = world_runner(&w, "big", "linux", 64, w.runner_token);
	must(objects_sweep(w.app.objects, NULL));
	return &w;
}

/* A finished run with a log in its first step; the job. */
static int64_t run_make(struct world *w, struct wall when, const char *log, int64_t *ret_run)
{
	struct err e = { 0 };
	struct state st, rs;
	CLEANUP(strv_release) struct strv l = labels_of("linux");
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct run_created run = RUN(w, "a:linux");

	assert_int_equal(1, store_job_claim(w->app.store, w->runner_id, &l, when, &job, &e));
	must_err(store_log_append(w->app.store, job.id, 0, 0, log, strlen(log), when, &e));
	must_err(store_log_append(w->app.store, job.id, 0, 1, "tail\n", 5, when, &e));
	struct state_report r = { .state = { STATUS_COMPLETED, CONCLUSION_SUCCESS } };
	must_err(store_job_report(w->app.store, job.id, &r, when, &st, &rs, &e));
	*ret_run = run.run_id;
	return job.id;
}

static struct retention_done clean(struct world *w, struct wall now)
{
	struct err e = { 0 };
	struct retention_done done;
	struct retention r = { DAYS_US(7), DAYS_US(365), DAYS_US(30), DAYS_US(365) };

	must_err(retention_run(&w->app, &r, now, &done, &e));
	return done;
}

static const char *log_of(struct world *w, int64_t run, int64_t job, size_t block)
{
	static char text[256];
	struct err e = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	size_t at = 0;
	ssize_t n;

	must_err(store_step_list(w->app.store, job, &steps, &e));
	CLEAN_STORED_LOG struct stored_log *l =
		stored_log_new(w->app.store, w->app.objects, run, &steps);
	while ((n = stored_log_read(l, text + at, block, &e)) > 0)
		at += (size_t)n;
	if (n < 0)
		fail_msg("%s", e.text);
	text[at] = 0;
	return text;
}

static bool exists(struct world *w, const char *key)
{
	int64_t size;
	CLEAN_FD int fd = object_open(w->app.objects, key, OBJECT_SIZE_UNKNOWN, &size, NULL);

	return fd >= 0;
}

static void test_logs_move(void **state UNUSED)
{
	struct world *w = fresh();
	int64_t old_run, new_run;
	struct wall now = wall_now(), before = { now.us - 8 * DAY };
	int64_t old = run_make(w, before, "old\n", &old_run);
	int64_t new = run_make(w, now, "new\n", &new_run);
	struct retention_done d = clean(w, now);

	assert_int_equal(2, d.chunks);
	assert_int_equal(0, d.runs);
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	must(store_step_list(w->app.store, old, &steps, NULL));
	assert_true(steps.v[0].archived_at.us != 0);
	CLEAN_STR char *key = stored_log_key(old_run, old, steps.v[0].id);
	assert_true(exists(w, key));
	for (size_t block = 1; block < 10; block += 4) {
		assert_string_equal("old\ntail\n", log_of(w, old_run, old, block));
		assert_string_equal("new\ntail\n", log_of(w, new_run, new, block));
	}
	assert_int_equal(0, clean(w, now).chunks);
	world_close(w);
}

/* A crash between object and rows: both are there, and the next time ends it. */
static void test_half_moved(void **state UNUSED)
{
	struct world *w = fresh();
	struct wall now = wall_now(), before = { now.us - 8 * DAY };
	char digest[OBJECT_DIGEST_MAX];
	int64_t run, job = run_make(w, before, "old\n", &run);
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };

	must(store_step_list(w->app.store, job, &steps, NULL));
	CLEAN_STR char *key = stored_log_key(run, job, steps.v[0].id);
	struct object_upload *u = object_upload_begin(w->app.objects, 4, NULL);
	must(object_upload_add(u, "part", 4, NULL));
	must(object_upload_digest(u, digest, NULL));
	must(object_upload_sync(u, key, NULL));
	must(object_upload_commit(u, NULL));
	object_upload_free(u);
	assert_string_equal("old\ntail\n", log_of(w, run, job, 100));
	assert_int_equal(2, clean(w, now).chunks);
	assert_string_equal("old\ntail\n", log_of(w, run, job, 100));
	world_close(w);
}

/* A reader that began with the chunks goes on in the object, or hears that it cannot. */
static void test_moved_while_read(void **state UNUSED)
{
	struct world *w = fresh();
	struct wall now = wall_now(), before = { now.us - 8 * DAY };
	struct err e = { 0 };
	char text[16];
	int64_t run, job = run_make(w, before, "old\n", &run);
	CLEANUP(job_steps_release) struct job_steps steps = { 0 }, same = { 0 };

	must(store_step_list(w->app.store, job, &steps, NULL));
	must(store_step_list(w->app.store, job, &same, NULL));
	CLEAN_STR char *key = stored_log_key(run, job, steps.v[0].id);
	CLEAN_STR char *path = xasprintf("%s/objects/%s", w->dir, key);
	CLEAN_STORED_LOG struct stored_log *l =
		stored_log_new(w->app.store, w->app.objects, run, &steps);
	CLEAN_STORED_LOG struct stored_log *late =
		stored_log_new(w->app.store, w->app.objects, run, &same);
	assert_int_equal(4, stored_log_read(l, text, 4, &e));
	assert_int_equal(2, stored_log_read(late, text, 2, &e));
	assert_int_equal(2, clean(w, now).chunks);
	assert_int_equal(3, stored_log_read(l, text, 3, &e));
	assert_memory_equal("tai", text, 3);
	assert_int_equal(2, stored_log_read(l, text, sizeof(text), &e));
	assert_memory_equal("l\n", text, 2);
	assert_int_equal(0, stored_log_read(l, text, sizeof(text), &e));
	must(unlink(path));
	assert_int_equal(2, stored_log_read(late, text, 2, &e)); /* of the chunk that it holds */
	assert_int_equal(-1, stored_log_read(late, text, 2, &e));
	world_close(w);
}

static void object_write(struct world *w, const char *key, const char *text)
{
	CLEAN_STR char *path = xasprintf("%s/objects/%s", w->dir, key);

	must(file_replace(path, text, strlen(text), 0600, NULL));
}

/* Reads it all: 0, or -1 with the error. */
static int log_read_all(struct world *w, int64_t run, int64_t job, bool checked, struct err *e)
{
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	char block[64];
	ssize_t n;

	must(store_step_list(w->app.store, job, &steps, NULL));
	CLEAN_STORED_LOG struct stored_log *l =
		stored_log_new(w->app.store, w->app.objects, run, &steps);
	if (checked)
		return stored_log_check(l, e);
	while ((n = stored_log_read(l, block, sizeof(block), e)) > 0)
		continue;
	return (int)n;
}

/* Other bytes of the same size, fewer, more, none: each is an error, before and while it is read.
 */
static void test_a_damaged_log(void **state UNUSED)
{
	static const char *const cases[] = { "oLd\n", "ol", "old\nx", "" };
	struct world *w = fresh();
	struct wall now = wall_now();
	int64_t run, job = run_make(w, (struct wall){ now.us - 8 * DAY }, "old\n", &run);

	clean(w, now);
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	must(store_step_list(w->app.store, job, &steps, NULL));
	CLEAN_STR char *key = stored_log_key(run, job, steps.v[0].id);
	CLEAN_STR char *whole = xstrdup(log_of(w, run, job, 64));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int checked = 0; checked < 2; checked++) {
			struct err e = { 0 };

			object_write(w, key, cases[i]);
			assert_int_equal(-1, log_read_all(w, run, job, checked, &e));
			assert_true(err_is(&e, ERR_INTERNAL));
			assert_non_null(strstr(e.text, "is damaged"));
		}
	object_write(w, key, whole);
	must(log_read_all(w, run, job, false, NULL));
	must(log_read_all(w, run, job, true, NULL));
	world_close(w);
}

static void test_runs_go(void **state UNUSED)
{
	struct world *w = fresh();
	struct err e = { 0 };
	struct run_row row = { 0 };
	struct wall now = wall_now(), before = { now.us - 366 * DAY };
	int64_t gone, pinned, fresh_run, artifact;
	int64_t job = run_make(w, before, "gone\n", &gone);

	run_make(w, before, "kept\n", &pinned);
	run_make(w, now, "new\n", &fresh_run);
	struct run_created open = RUN(w, "a:linux"); /* queued, however old */
	must(store_run_pin(w->app.store, pinned, true, NULL));
	assert_int_equal(-1, store_run_pin(w->app.store, 999, true, &e));
	assert_true(err_is(&e, ERR_NOT_FOUND));
	struct artifact_spec spec = { .run_id = gone,
		.job_id = job,
		.name = "dist",
		.size_bytes = 1,
		.run_bytes_max = 10,
		.upload_until = { now.us + DAY },
		.expires_at = { now.us + DAY } };
	must(store_artifact_add(w->app.store, &spec, now, &artifact, NULL));
	CLEAN_STR char *key = object_key(gone, "dist");
	char digest[OBJECT_DIGEST_MAX];
	struct object_upload *u = object_upload_begin(w->app.objects, 1, NULL);
	must(object_upload_add(u, "x", 1, NULL));
	must(object_upload_digest(u, digest, NULL));
	must(object_upload_sync(u, key, NULL));
	must(object_upload_commit(u, NULL));
	object_upload_free(u);

	struct retention_done d = clean(w, now);
	assert_int_equal(1, d.runs);
	assert_int_equal(2, d.chunks); /* of the pinned one */
	assert_int_equal(-1, store_run_get(w->app.store, gone, &row, NULL));
	assert_false(exists(w, key));
	assert_string_equal("completed/success", world_state(w, pinned, NULL));
	assert_string_equal("queued", world_state(w, open.run_id, NULL));
	must(store_run_pin(w->app.store, pinned, false, NULL));
	assert_int_equal(1, clean(w, now).runs);
	assert_string_equal("completed/success", world_state(w, fresh_run, NULL));
	CLEAN_STR char *folder = path_join(w->dir, "objects/actions/runs");
	CLEAN_STR char *left = xasprintf("%s/%" PRId64, folder, pinned);
	assert_int_equal(-1, access(left, F_OK));
	world_close(w);
}

static void test_used_tokens(void **state UNUSED)
{
	struct world *w = fresh();
	struct wall now = wall_now();
	CLEAN_BUF struct buf page = BUF_INIT(MIB(1));

	must(store_jwt_use(w->app.store, "old", 1, (struct wall){ now.us - 31 * DAY }, NULL));
	must(store_jwt_use(w->app.store, "new", 1, (struct wall){ now.us - 29 * DAY }, NULL));
	assert_int_equal(1, clean(w, now).jwt_used);
	assert_int_equal(0, store_jwt_used(w->app.store, "old", NULL));
	assert_int_equal(1, store_jwt_used(w->app.store, "new", NULL));
	must(metrics_page(&w->app.metrics, w->app.store, &page, NULL));
	assert_non_null(strstr(buf_cstr(&page),
		"\n# TYPE shithub_actions_runs_pruned_total counter\n"
		"shithub_actions_runs_pruned_total{kind=\"chunks\"} 0\n"
		"shithub_actions_runs_pruned_total{kind=\"blobs\"} 0\n"
		"shithub_actions_runs_pruned_total{kind=\"runs\"} 0\n"
		"shithub_actions_runs_pruned_total{kind=\"jwt_used\"} 1\n"));
	world_close(w);
}

/* A job may run for longer than its tokens live. */
static void test_token_of_a_running_job_stays(void **state UNUSED)
{
	struct world *w = fresh();
	struct err e = { 0 };
	struct wall then = { wall_now().us - DAY };
	CLEANUP(strv_release) struct strv l = labels_of("linux");
	CLEANUP(job_row_release) struct job_row job = { 0 };
	int64_t n;

	struct run_created run = RUN(w, "a:linux");

	assert_int_equal(1, store_job_claim(w->app.store, w->runner_id, &l, then, &job, &e));
	must_err(store_claim_made(w->app.store, job.id, "first", &e));
	must_err(store_jwt_use(w->app.store, "first", job.id, then, &e));
	for (int i = 0; i < 3; i++) {
		CLEAN_STR char *later = xasprintf("later %d", i);

		must_err(store_jwt_use(w->app.store, later, job.id, then, &e));
	}
	must_err(store_jwt_prune(w->app.store, wall_now(), 2, &n, &e));
	assert_int_equal(2, n);
	must_err(store_jwt_prune(w->app.store, wall_now(), 2, &n, &e));
	assert_int_equal(1, n);
	must_err(store_claims_return(w->app.store, wall_now(), &n, &e));
	assert_int_equal(0, n);
	assert_string_equal("running", world_state(w, run.run_id, "a"));
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logs_move),
		cmocka_unit_test(test_half_moved),
		cmocka_unit_test(test_moved_while_read),
		cmocka_unit_test(test_a_damaged_log),
		cmocka_unit_test(test_runs_go),
		cmocka_unit_test(test_used_tokens),
		cmocka_unit_test(test_token_of_a_running_job_stays),
	};

	return cmocka_run_group_tests_name("retention", tests, NULL, NULL);
}
