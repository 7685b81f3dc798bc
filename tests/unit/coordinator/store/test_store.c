/* The store on a real SQLite file: schema, runs and their roll-up, logs, runners, transactions. */
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/job.h"
#include "coordinator/store/log.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/store/repo.h"
#include "coordinator/queue/report.h"
#include "coordinator/store/run.h"
#include "coordinator/queue/rerun.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/schema.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/state.h"
#include "coordinator/store/step.h"
#include "coordinator/store/store.h"
#include "tests/unit/help/coordinator_help.h"
#include "tests/unit/help/output.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void test_schema(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	struct stat st;

	world_open(&w);
	CLEAN_STR char *path = path_join(w.dir, "shithubd.db");
	int64_t version = store_schema_version(w.app.store);
	assert_true(version >= 1);
	must(stat(path, &st));
	assert_int_equal(0600, st.st_mode & 0777);
	/* Opening again changes nothing; a file of a later program is refused. */
	struct store *again = store_open(path, &e);
	assert_non_null(again);
	assert_int_equal(version, store_schema_version(again));
	store_free(again);
	sqlite3 *db;
	must(sqlite3_open(path, &db));
	must(sqlite3_exec(db, "PRAGMA user_version = 9999", NULL, NULL, NULL));
	sqlite3_close(db);
	assert_null(store_open(path, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	assert_non_null(strstr(e.text, "newer"));
	world_close(&w);
}

/* What another process sees of the locks of this one. */
static bool is_locked(const char *path)
{
	enum { SHARED_AT = 0x40000002, SHARED_LEN = 510 }; /* of SQLite's file format */
	struct flock l = { .l_type = F_WRLCK, .l_start = SHARED_AT, .l_len = SHARED_LEN };
	int status;
	pid_t child = fork();

	if (child == 0) {
		int fd = open(path, O_RDWR | O_CLOEXEC);

		_exit(fd >= 0 && fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK ? 0 : 1);
	}
	assert_int_equal(child, waitpid(child, &status, 0));
	return status == 0;
}

static void test_second_opening_keeps_the_locks(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };

	world_open(&w);
	CLEAN_STR char *path = path_join(w.dir, "shithubd.db");
	assert_true(is_locked(path));
	struct store *again = store_open(path, &e);
	assert_non_null(again);
	assert_true(is_locked(path));
	store_free(again);
	assert_true(is_locked(path));
	world_close(&w);
}

static void test_repositories(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	int64_t id;
	CLEANUP(repo_row_release) struct repo_row r = { 0 };

	world_open(&w);
	assert_int_equal(-1,
		store_repo_add(w.app.store, "Alice", "DEMO", true, "trunk", wall_now(), &id, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	must(store_repo_find(w.app.store, "ALICE", "demo", &r, NULL));
	assert_int_equal(w.repo_id, r.id);
	assert_string_equal("alice", r.owner);
	err_clear(&e);
	assert_int_equal(-1, store_repo_find(w.app.store, "alice", "none", &r, &e));
	assert_true(err_is(&e, ERR_NOT_FOUND));
	world_close(&w);
}

static void test_run_round_trip(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	CLEANUP(pairs_release) struct pairs env = { 0 };
	CLEANUP(strv_release) struct strv on = labels_of("linux,gpu");
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };

	world_open(&w);
	pairs_set(&env, "A", "1\n\"quoted\" \xc3\xa4");
	const struct run_step_spec step = { .step_id = "s",
		.run = "x",
		.shell = "sh",
		.working_directory = "sub",
		.timeout_minutes = 3,
		.continue_on_error = true,
		.env = &env,
		.cond = "always()" };
	const struct run_job_spec job = { .key = "k",
		.name = "N",
		.runs_on = &on,
		.steps = &step,
		.n_steps = 1,
		.env = &env,
		.permissions_json = "{\"contents\":\"read\"}" };
	struct run_spec spec = { .repo_id = w.repo_id,
		.workflow_file = "f.yml",
		.workflow_name = "W",
		.event = "push",
		.event_payload = "{}",
		.head_sha = SHA_A,
		.head_ref = "refs/heads/x",
		.actor = "bob",
		.jobs = &job,
		.n_jobs = 1 };
	struct run_created c, c2;
	must_err(store_run_create(w.app.store, &spec, wall_now(), &c, &e));
	must_err(store_run_create(w.app.store, &spec, wall_now(), &c2, &e));
	assert_int_equal(1, c.run_index);
	assert_int_equal(2, c2.run_index);
	must(store_run_get(w.app.store, c.run_id, &run, NULL));
	assert_string_equal("bob", run.actor);
	assert_null(run.problems);
	must(store_job_list(w.app.store, c.run_id, &jobs, NULL));
	assert_int_equal(1, jobs.n);
	assert_int_equal(2, jobs.v[0].runs_on.n);
	assert_int_equal(360, jobs.v[0].timeout_minutes);
	assert_string_equal(env.v[0].value, pairs_get(&jobs.v[0].env, "A"));
	must(store_step_list(w.app.store, jobs.v[0].id, &steps, NULL));
	assert_string_equal("sub", steps.v[0].working_directory);
	assert_string_equal("always()", steps.v[0].cond);
	assert_int_equal(3, steps.v[0].timeout_minutes);
	assert_true(steps.v[0].continue_on_error);
	assert_null(steps.v[0].uses);
	world_close(&w);
}

static void test_bad_specs(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	CLEANUP(strv_release)
	struct strv on = labels_of("linux"), none = { 0 }, stranger = labels_of("nobody");
	static const struct run_step_spec good = { .run = "x" }, both = { .run = "x", .uses = "y" },
					  neither = { .name = "z" };
	const struct {
		struct run_job_spec job;
		const char *sha;
		size_t n_jobs;
		const char *word;
	} cases[] = {
		{ { .key = "k", .runs_on = &none, .steps = &good, .n_steps = 1 }, SHA_A, 1,
			"runs-on" },
		{ { .key = "k", .runs_on = &on, .steps = &both, .n_steps = 1 }, SHA_A, 1,
			"exactly one" },
		{ { .key = "k", .runs_on = &on, .steps = &neither, .n_steps = 1 }, SHA_A, 1,
			"exactly one" },
		{ { .key = "k", .runs_on = &on, .steps = &good, .n_steps = 0 }, SHA_A, 1, "steps" },
		{ { .key = "k", .runs_on = &on, .needs = &stranger, .steps = &good, .n_steps = 1 },
			SHA_A, 1, "nobody" },
		{ { .key = "k",
			  .runs_on = &on,
			  .steps = &good,
			  .n_steps = 1,
			  .timeout_minutes = 4321 },
			SHA_A, 1, "4320" },
		{ { .key = "k", .runs_on = &on, .steps = &good, .n_steps = 1 }, "trunk", 1,
			"head_sha" },
		{ { .key = "k", .runs_on = &on, .steps = &good, .n_steps = 1 }, SHA_A, 0, "jobs" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };
		struct run_created c;
		struct run_spec spec = { .repo_id = w.repo_id,
			.workflow_file = "f",
			.event = "push",
			.event_payload = "{}",
			.head_sha = cases[i].sha,
			.head_ref = "r",
			.jobs = &cases[i].job,
			.n_jobs = cases[i].n_jobs };

		assert_int_equal(-1, store_run_create(w.app.store, &spec, wall_now(), &c, &e));
		if (!err_is(&e, ERR_INPUT) || !strstr(e.text, cases[i].word))
			fail_msg("case %zu: %s", i, e.text);
	}
	CLEANUP(run_list_release) struct run_list l = { 0 };
	must(store_run_list(w.app.store, 0, 10, &l, NULL));
	assert_int_equal(0, l.n);
	world_close(&w);
}

/* jobs of a run, what each ends with in order of readiness, what must come out */
static void test_roll_up(void **state UNUSED)
{
	static const struct {
		const char *jobs[3];
		enum conclusion a, b;
		const char *states[3], *run;
	} cases[] = {
		{ { "a:linux", "b:linux", "c:linux:a+b" }, CONCLUSION_SUCCESS, CONCLUSION_SUCCESS,
			{ "completed/success", "completed/success", "queued" }, "running" },
		{ { "a:linux", "b:linux", "c:linux:a+b" }, CONCLUSION_SUCCESS, CONCLUSION_FAILURE,
			{ "completed/success", "completed/failure", "completed/skipped" },
			"completed/failure" },
		{ { "a:linux", "b:linux", "c:linux:a" }, CONCLUSION_CANCELLED, CONCLUSION_SUCCESS,
			{ "cancelled/cancelled", "completed/success", "completed/skipped" },
			"cancelled/cancelled" },
		{ { "a:linux", "b:linux", "c:linux:b" }, CONCLUSION_CANCELLED, CONCLUSION_TIMED_OUT,
			{ "cancelled/cancelled", "completed/timed_out", "completed/skipped" },
			"completed/timed_out" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;

		world_open(&w);
		CLEANUP(job_row_release) struct job_row a = { 0 };
		CLEANUP(job_row_release) struct job_row b = { 0 };
		struct run_created c = world_run(&w, "push", 3, cases[i].jobs);
		assert_string_equal("queued", world_state(&w, c.run_id, NULL));
		world_claim(&w, "linux", &a);
		assert_string_equal("a", a.key);
		assert_string_equal("running", world_state(&w, c.run_id, NULL));
		world_claim(&w, "linux", &b);
		world_finish(&w, a.id, cases[i].a);
		world_finish(&w, b.id, cases[i].b);
		for (size_t k = 0; k < 3; k++)
			assert_string_equal(cases[i].states[k],
				world_state(&w, c.run_id, (const char *[]){ "a", "b", "c" }[k]));
		assert_string_equal(cases[i].run, world_state(&w, c.run_id, NULL));
		world_close(&w);
	}
}

/* A failure travels down a chain of needs in one step; open steps are closed with their job. */
static void test_skip_chain(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	CLEANUP(job_row_release) struct job_row a = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	struct run_created c = RUN(&w, "d:linux:c", "c:linux:b", "b:linux:a", "a:linux");
	world_claim(&w, "linux", &a);
	assert_string_equal("a", a.key);
	world_finish(&w, a.id, CONCLUSION_FAILURE);
	assert_string_equal("completed/skipped", world_state(&w, c.run_id, "d"));
	assert_string_equal("completed/failure", world_state(&w, c.run_id, NULL));
	must(store_step_list(w.app.store, world_job(&w, c.run_id, "d"), &steps, NULL));
	assert_int_equal(STATUS_SKIPPED, steps.v[1].state.status);
	world_close(&w);
}

static void test_cancel_and_rerun(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	struct run_created again;

	world_open(&w);
	CLEANUP(job_row_release) struct job_row a = { 0 };
	struct run_created c = RUN(&w, "a:linux", "b:linux", "c:linux:a");
	world_claim(&w, "linux", &a);
	assert_int_equal(-1, store_run_rerun(w.app.store,
				     &(struct rerun_spec){ .run_id = c.run_id, .actor = "bob" },
				     wall_now(), &again, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	must(store_run_cancel(w.app.store, c.run_id, "cancelled by ada", wall_now(), NULL));
	assert_string_equal("cancelled/cancelled", world_state(&w, c.run_id, "b"));
	assert_string_equal("running", world_state(&w, c.run_id, "a"));
	job_row_release(&a);
	must(store_job_get(w.app.store, world_job(&w, c.run_id, "a"), &a, NULL));
	assert_true(a.cancel_requested);
	world_finish(&w, a.id, CONCLUSION_CANCELLED);
	assert_string_equal("cancelled/cancelled", world_state(&w, c.run_id, NULL));
	err_clear(&e);
	assert_int_equal(
		-1, store_run_cancel(w.app.store, c.run_id, "cancelled by ada", wall_now(), &e));
	assert_true(err_is(&e, ERR_CONFLICT));

	must(store_run_rerun(w.app.store,
		&(struct rerun_spec){ .run_id = c.run_id, .actor = "bob" }, wall_now(), &again,
		NULL));
	CLEANUP(run_row_release) struct run_row old = { 0 };
	CLEANUP(run_row_release) struct run_row new = { 0 };
	must(store_run_get(w.app.store, c.run_id, &old, NULL));
	must(store_run_get(w.app.store, again.run_id, &new, NULL));
	assert_int_equal(c.run_id, new.parent_run_id);
	assert_int_equal(2, new.run_index);
	assert_int_equal(1, old.attempt);
	assert_int_equal(2, new.attempt);
	assert_string_equal("bob", new.actor);
	assert_string_equal("bob", new.first_actor); /* nobody knows who caused the first */
	assert_string_equal(old.head_sha, new.head_sha);
	assert_string_equal(old.workflow_file, new.workflow_file);
	assert_string_equal("queued", world_state(&w, again.run_id, "c"));
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	must(store_step_list(w.app.store, world_job(&w, again.run_id, "c"), &steps, NULL));
	assert_int_equal(2, steps.n);
	assert_int_equal(STATUS_QUEUED, steps.v[0].state.status);
	CLEANUP(job_row_release) struct job_row first = { 0 };
	world_claim(&w, "linux", &first);
	assert_string_equal("a", first.key);
	world_close(&w);
}

static int collect(void *data, const char *p, size_t n)
{
	return buf_add(data, p, n);
}

static void test_logs(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	CLEAN_BUF struct buf all = BUF_INIT(1000);
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };

	world_open(&w);
	struct run_created c = RUN(&w, "a:linux", "b:linux");
	int64_t a = world_job(&w, c.run_id, "a"), b = world_job(&w, c.run_id, "b");
	struct wall now = wall_now();
	must(store_step_list(w.app.store, a, &steps, NULL));
	must(store_log_append(w.app.store, a, steps.v[0].id, 0, "one", 3, now, NULL));
	must(store_log_append(w.app.store, a, 0, 1, "two\0", 4, now, NULL));
	must(store_log_append(w.app.store, a, 0, 1, "other", 5, now, NULL));
	/* a line of ours takes none of the runner's numbers */
	must(store_log_note(w.app.store, a, "note", now, NULL));
	must(store_log_append(w.app.store, a, 0, 2, "three", 5, now, NULL));
	must(store_log_append(w.app.store, a, 0, 7, "eight", 5, now, NULL));
	assert_int_equal(-1, store_log_append(w.app.store, b, steps.v[0].id, 5, "x", 1, now, &e));
	assert_true(err_is(&e, ERR_NOT_FOUND));
	must(store_log_each(w.app.store, steps.v[0].id, collect, &all, NULL));
	assert_int_equal(21, all.len);
	assert_memory_equal("onetwo\0notethreeeight", all.data, 21);
	job_steps_release(&steps);
	must(store_step_list(w.app.store, a, &steps, NULL));
	assert_int_equal(21, steps.v[0].log_bytes);
	world_close(&w);
}

/* Bytes of a step's log, the text of which the scrub has not decided yet, come before it. */
static void test_note_behind_what_is_held_back(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	struct wall now = wall_now();
	CLEAN_BUF struct buf all = BUF_INIT(1000);
	CLEANUP(log_step_release) struct log_step t = { 0 };
	CLEANUP(log_step_release) struct log_step held = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };

	world_open(&w);
	RUN(&w, "a:linux");
	world_claim(&w, "linux", &job);
	must_err(store_log_step(w.app.store, job.id, 0, &t, &e));
	must_err(store_log_put(w.app.store, &t, 0, SLICE("pass"), SLICE("sealed"), now, &e));
	must_err(store_log_note(w.app.store, job.id, "\none\n", now, &e));
	must_err(store_log_note(w.app.store, job.id, "two\n", now, &e));
	must_err(store_log_each(w.app.store, t.id, collect, &all, &e));
	assert_string_equal("pass", buf_cstr(&all));
	buf_clear(&all);
	must_err(store_log_step(w.app.store, job.id, 0, &held, &e));
	must_err(store_log_put(w.app.store, &held, 1, SLICE("word"), SLICE(""), now, &e));
	must_err(store_log_each(w.app.store, t.id, collect, &all, &e));
	assert_string_equal("password\none\ntwo\n", buf_cstr(&all));
	log_step_release(&held);
	must_err(store_log_step(w.app.store, job.id, 0, &held, &e));
	assert_int_equal(all.len, held.bytes);
	assert_int_equal(1, held.seq);
	world_close(&w);
}

/* One statement more than are kept: each still gives its answer, and the log says it once. */
static void test_more_statements_than_are_kept(void **state UNUSED)
{
	static char texts[STATEMENTS_MAX + 8][16];
	struct world w;
	struct err e = { 0 };
	CLEAN_BUF struct buf said = BUF_INIT(KIB(64));
	int64_t n = 0;

	world_open(&w);
	struct output o = output_catch(STDERR_FILENO);
	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
			snprintf(texts[i], sizeof(texts[i]), "SELECT %zu", i);
			if (sql_int(w.app.store, &n, &e, texts[i], "") != 1 || n != (int64_t)i)
				break;
		}
	output_give_back(&o, &said);
	assert_int_equal(ARRAY_LEN(texts) - 1, n);
	assert_int_equal(STATEMENTS_MAX, w.app.store->n_cache);
	const char *first = strstr(buf_cstr(&said), "statement_cache_full");
	assert_non_null(first);
	assert_null(strstr(first + 1, "statement_cache_full"));
	world_close(&w);
}

static void test_runner_life(void **state UNUSED)
{
	struct world w;
	struct err e = { 0 };
	char token[TOKEN_HEX_MAX];
	unsigned char old_sha[SHA256_LEN], new_sha[SHA256_LEN];
	int64_t id, count = 0;

	world_open(&w);
	CLEANUP(strv_release) struct strv l = labels_of("gpu");
	token_hash(w.runner_token, old_sha);
	assert_int_equal(-1, store_runner_register(w.app.store, "r1", &l, 1, old_sha, wall_now(),
				     (struct wall){ 0 }, &id, &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	must(store_runner_heartbeat(w.app.store, w.runner_id,
		&(struct runner_report){ .labels = &l, .capacity = 7, .host_name = "h" },
		(struct wall){ 1000 }, NULL));
	struct runner_row r = { 0 };
	must(store_runner_by_token(w.app.store, old_sha, wall_now(), &r, NULL));
	assert_int_equal(7, r.capacity);
	assert_string_equal("h", r.host_name);
	assert_string_equal("gpu", r.labels.v[0]);
	assert_null(r.version);
	runner_row_release(&r);
	must(store_runner_cleanup_stale(
		w.app.store, (struct wall){ 2000 }, (struct wall){ 3000 }, &count, NULL));
	assert_int_equal(1, count);

	token_random(token);
	token_hash(token, new_sha);
	must(store_runner_rotate(
		w.app.store, w.runner_id, new_sha, wall_now(), (struct wall){ 0 }, NULL));
	err_clear(&e);
	assert_int_equal(-1, store_runner_by_token(w.app.store, old_sha, wall_now(), &r, &e));
	assert_true(err_is(&e, ERR_AUTH));
	must(store_runner_by_token(w.app.store, new_sha, wall_now(), &r, NULL));
	runner_row_release(&r);
	must(store_runner_revoke(w.app.store, w.runner_id, "lost", wall_now(), NULL));
	assert_int_equal(-1, store_runner_by_token(w.app.store, new_sha, wall_now(), &r, NULL));
	err_clear(&e);
	assert_int_equal(-1, store_runner_drain(w.app.store, w.runner_id, "x", wall_now(), &e));
	assert_true(err_is(&e, ERR_CONFLICT));
	err_clear(&e);
	assert_int_equal(-1, store_runner_drain(w.app.store, 999, "x", wall_now(), &e));
	assert_true(err_is(&e, ERR_NOT_FOUND));
	world_close(&w);
}

static void test_queue(void **state UNUSED)
{
	struct world w;
	CLEANUP(queue_list_release) struct queue_list q = { 0 };

	world_open(&w);
	RUN(&w, "a:linux", "b:windows-latest", "c:linux&x64", "d:linux:a");
	const struct wall now = wall_now(), since = { now.us - 60 * USEC_PER_SEC };
	for (int online = 0; online < 2; online++) { /* r1 has not been heard of, then it has */
		queue_list_release(&q);
		must(store_queue(w.app.store, &q, NULL));
		must(queue_count_runners(w.app.store, &q, since, NULL));
		assert_int_equal(3, q.n);
		for (size_t i = 0; i < q.n; i++) {
			bool win = str_eq(q.v[i].labels.v[0], "windows-latest");

			assert_int_equal(1, q.v[i].jobs);
			assert_int_equal(win ? 0 : online, q.v[i].runners);
			assert_int_equal(win ? 0 : !online, q.v[i].offline);
		}
		must(store_runner_heartbeat(w.app.store, w.runner_id,
			&(struct runner_report){ .capacity = 1 }, now, NULL));
	}
	world_close(&w);
}

static void test_transaction_rolls_back(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	{
		CLEAN_TX struct store_tx tx = { 0 };
		must(store_begin(w.app.store, &tx, NULL));
		RUN(&w, "a:linux"); /* joins */
	}
	CLEANUP(run_list_release) struct run_list l = { 0 };
	must(store_run_list(w.app.store, 0, 10, &l, NULL));
	assert_int_equal(0, l.n);
	struct run_created c = RUN(&w, "a:linux");
	assert_int_equal(1, c.run_index);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_second_opening_keeps_the_locks),
		cmocka_unit_test(test_repositories),
		cmocka_unit_test(test_run_round_trip),
		cmocka_unit_test(test_bad_specs),
		cmocka_unit_test(test_roll_up),
		cmocka_unit_test(test_skip_chain),
		cmocka_unit_test(test_cancel_and_rerun),
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_note_behind_what_is_held_back),
		cmocka_unit_test(test_more_statements_than_are_kept),
		cmocka_unit_test(test_runner_life),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_transaction_rolls_back),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
