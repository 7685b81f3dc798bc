/* Who gets which job when: labels, order, capacity under a race, drain, poison jobs. */
#include "coordinator/claim/claim.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/job.h"
#include "coordinator/store/log.h"
#include "coordinator/store/repo.h"
#include "coordinator/queue/report.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/runner.h"
#include "coordinator/environment/secret.h"
#include "coordinator/store/state.h"
#include "coordinator/store/step.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/coordinator_help.h"
#include "tests/unit/help/store_help.h"

#include <sys/wait.h>

static int64_t try_claim(struct store *s, int64_t runner, const char *labels)
{
	struct err e = { 0 };
	CLEANUP(strv_release) struct strv l = labels_of(labels);
	CLEANUP(job_row_release) struct job_row job = { 0 };
	int rc = store_job_claim(s, runner, &l, wall_now(), &job, &e);

	return rc > 0 ? job.id : rc;
}

static void test_labels_and_order(void **state UNUSED)
{
	static const struct {
		const char *labels;
		int want; /* index of the job, -1: none */
	} cases[] = {
		{ "", -1 },
		{ "Linux", -1 }, /* labels compare exactly */
		{ "gpu", -1 },   /* the gpu job wants linux as well */
		{ "gpu,linux", 0 },
		{ "windows-latest", 2 },
		{ "x64,linux,self-hosted", 1 },
	};
	CLEANUP(strv_release)
	struct strv may = labels_of("linux,x64,gpu,Linux,windows-latest,self-hosted");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;

		world_open(&w);
		must(store_runner_set_labels(w.app.store, w.runner_id, &may, NULL));
		struct run_created c =
			RUN(&w, "a:linux&gpu", "b:linux", "c:windows-latest", "d:linux");
		CLEANUP(job_list_release) struct job_list l = { 0 };
		must(store_job_list(w.app.store, c.run_id, &l, NULL));
		int64_t got = try_claim(w.app.store, w.runner_id, cases[i].labels);
		assert_int_equal(cases[i].want < 0 ? 0 : l.v[cases[i].want].id, got);
		world_close(&w);
	}
}

static void test_drain_capacity_revoke(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	struct store *s = w.app.store;
	RUN(&w, "a:linux", "b:linux", "c:linux");
	must(store_runner_drain(s, w.runner_id, NULL, wall_now(), NULL));
	assert_int_equal(0, try_claim(s, w.runner_id, "linux"));
	must(store_runner_undrain(s, w.runner_id, wall_now(), NULL));
	assert_true(try_claim(s, w.runner_id, "linux") > 0);
	assert_true(try_claim(s, w.runner_id, "linux") > 0);
	assert_int_equal(0, try_claim(s, w.runner_id, "linux")); /* capacity 2 */
	char token[TOKEN_HEX_MAX];
	int64_t other = world_runner(&w, "r2", "linux", 1, token);
	must(store_runner_revoke(s, other, NULL, wall_now(), NULL));
	assert_int_equal(-1, try_claim(s, other, "linux"));
	world_close(&w);
}

enum { RACERS = 4, RACE_JOBS = 8, RACE_CAPACITY = 3 };

/* Own process, own connection; reports the ids it got. */
static void racer(const char *dir, int64_t runner, int start, int out)
{
	char byte;
	struct store *s = test_store_open(dir);

	if (read(start, &byte, 1) < 0)
		_exit(1);
	for (int i = 0; i < RACE_JOBS; i++) {
		int64_t id = try_claim(s, runner, "linux");

		if (id < 0 || (id > 0 && write(out, &id, sizeof(id)) != sizeof(id)))
			_exit(1);
	}
	_exit(0);
}

static void test_capacity_race(void **state UNUSED)
{
	struct world w;
	char token[TOKEN_HEX_MAX];
	int start[2], out[2], status;
	pid_t pids[RACERS];

	world_open(&w);
	int64_t runner = world_runner(&w, "race", "linux", RACE_CAPACITY, token);
	RUN(&w, "a:linux", "b:linux", "c:linux", "d:linux", "e:linux", "f:linux", "g:linux",
		"h:linux");
	must(pipe(start));
	must(pipe(out));
	for (size_t i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(start[1]);
			racer(w.dir, runner, start[0], out[1]);
		}
	}
	close(out[1]);
	close(start[0]);
	close(start[1]); /* all of them see the end of the pipe at once */
	int64_t ids[RACE_JOBS], id;
	size_t n = 0;
	while (read(out[0], &id, sizeof(id)) == sizeof(id)) {
		assert_true(n < RACE_JOBS);
		for (size_t i = 0; i < n; i++)
			assert_int_not_equal(ids[i], id);
		ids[n++] = id;
	}
	close(out[0]);
	for (size_t i = 0; i < RACERS; i++) {
		assert_int_equal(pids[i], waitpid(pids[i], &status, 0));
		assert_int_equal(0, status);
	}
	assert_int_equal(RACE_CAPACITY, n);
	world_close(&w);
}

static void secret_put(struct world *w, const char *name, const char *value)
{
	CLEAN_BUF struct buf sealed = BUF_INIT(1000);
	const struct value_scope scope = { .repo_id = w->repo_id };
	CLEAN_STR char *context = secret_context(&scope, name);

	must(seal(&w->app.keys, context, value, strlen(value), &sealed, NULL));
	must(store_value_set(
		w->app.store, VALUE_SECRET, &scope, name, buf_slice(&sealed), wall_now(), NULL));
}

static struct json_doc *claim_doc(struct world *w)
{
	struct err e = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	CLEANUP(strv_release) struct strv l = labels_of("linux");
	struct claim c;
	int rc = claim_try(&w->app, w->runner_id, &l, &out, &c, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
	return rc ? json_parse(buf_cstr(&out), out.len, NULL, NULL) : NULL;
}

static void test_answer(void **state UNUSED)
{
	static const char *const keys[] = { "id", "run_id", "repo_id", "run_index", "workflow_file",
		"workflow_name", "checkout_url", "checkout_token", "head_sha", "head_ref", "event",
		"event_payload", "job_key", "job_name", "runs_on", "needs", "if", "timeout_minutes",
		"permissions", "secrets", "mask_values", "env", "steps" };
	static const char *const step_keys[] = { "id", "index", "step_id", "name", "if", "run",
		"uses", "working_directory", "env", "with", "continue_on_error" };
	struct world w;
	struct jwt_claims c;

	world_open(&w);
	secret_put(&w, "TOKEN", "hunter2-\"x\"\n");
	RUN(&w, "a:linux");
	CLEAN_JSON struct json_doc *d = claim_doc(&w);
	assert_non_null(d);
	const struct json_value *job = json_get(json_root(d), "job");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!json_get(job, keys[i]))
			fail_msg("job lacks \"%s\"", keys[i]);
	const struct json_value *steps = json_get(job, "steps");
	assert_int_equal(2, steps->count);
	for (size_t i = 0; i < ARRAY_LEN(step_keys); i++)
		if (!json_get(steps->items[1], step_keys[i]))
			fail_msg("step lacks \"%s\"", step_keys[i]);
	assert_string_equal(
		"http://coordinator.test/alice/demo.git", json_get_string(job, "checkout_url"));
	assert_string_equal("linux", json_get_string(job, "runs_on"));
	assert_string_equal(
		"refs/heads/trunk", json_get_string(json_get(job, "event_payload"), "ref"));
	assert_string_equal("hunter2-\"x\"\n", json_get_string(json_get(job, "secrets"), "TOKEN"));
	assert_string_equal("hunter2-\"x\"\n", json_get(job, "mask_values")->items[0]->string);
	must(jwt_verify(&w.app.keys, json_get_string(json_root(d), "token"), PURPOSE_API,
		wall_now(), &c, NULL));
	assert_int_equal(json_get_int(job, "id", 0), c.job_id);
	assert_int_equal(w.runner_id, c.runner_id);

	/* The checkout token: this repository, this purpose, while the job runs. */
	const char *checkout = json_get_string(job, "checkout_token");
	must(auth_checkout(&w.app, checkout, w.repo_id, NULL));
	assert_int_equal(-1, auth_checkout(&w.app, checkout, w.repo_id + 1, NULL));
	assert_int_equal(
		-1, auth_checkout(&w.app, json_get_string(json_root(d), "token"), w.repo_id, NULL));
	struct state_report r = { .state = { STATUS_COMPLETED, CONCLUSION_SUCCESS } };
	struct state st, run;
	must(store_job_report(w.app.store, c.job_id, &r, wall_now(), &st, &run, NULL));
	assert_int_equal(-1, auth_checkout(&w.app, checkout, w.repo_id, NULL));
	world_close(&w);
}

static void test_pull_requests_get_no_secrets(void **state UNUSED)
{
	struct world w;
	static const char *const jobs[] = { "a:linux" };

	static const struct {
		const char *event;
		size_t given;
	} cases[] = { { "push", 1 }, { "pull_request", 0 } };

	world_open(&w);
	secret_put(&w, "TOKEN", "hunter2-value");
	must(store_value_set(w.app.store, VALUE_VARIABLE,
		&(struct value_scope){ .repo_id = w.repo_id }, "LEVEL", slice_of("high"),
		wall_now(), NULL));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		world_run(&w, cases[i].event, 1, jobs);
		CLEAN_JSON struct json_doc *d = claim_doc(&w);
		assert_non_null(d);
		const struct json_value *job = json_get(json_root(d), "job");
		assert_int_equal(cases[i].given, json_get(job, "secrets")->count);
		assert_int_equal(cases[i].given, json_get(job, "mask_values")->count);
		assert_int_equal(cases[i].given, json_get(job, "vars")->count);
	}
	world_close(&w);
}

static int collect(void *data, const char *p, size_t n)
{
	return buf_add(data, p, n);
}

/* A job whose secrets do not open fails with the reason in its log and blocks nobody. */
static void test_poison_job(void **state UNUSED)
{
	struct world w;
	CLEAN_BUF struct buf log = BUF_INIT(4096);
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	int64_t other;

	world_open(&w);
	must(store_value_set(w.app.store, VALUE_SECRET,
		&(struct value_scope){ .repo_id = w.repo_id }, "BROKEN",
		slice_of("not sealed by this key at all, really"), wall_now(), NULL));
	struct run_created bad = RUN(&w, "a:linux");
	must(store_repo_add(
		w.app.store, "alice", "other", false, "trunk", wall_now(), &other, NULL));
	w.repo_id = other;
	struct run_created good = RUN(&w, "b:linux");
	CLEAN_JSON struct json_doc *d = claim_doc(&w);
	assert_non_null(d);
	assert_int_equal(good.run_id, json_get_int(json_get(json_root(d), "job"), "run_id", 0));
	assert_string_equal("completed/failure", world_state(&w, bad.run_id, NULL));
	must(store_job_list(w.app.store, bad.run_id, &jobs, NULL));
	must(store_step_list(w.app.store, jobs.v[0].id, &steps, NULL));
	must(store_log_each(w.app.store, steps.v[0].id, collect, &log, NULL));
	assert_non_null(strstr(buf_cstr(&log), "secret BROKEN"));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels_and_order),
		cmocka_unit_test(test_drain_capacity_revoke),
		cmocka_unit_test(test_capacity_race),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_pull_requests_get_no_secrets),
		cmocka_unit_test(test_poison_job),
	};

	return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
