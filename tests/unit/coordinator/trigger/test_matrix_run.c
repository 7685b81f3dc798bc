/* A workflow with a matrix as a run of the coordinator: legs, their order, fail-fast, the claim. */
#include "coordinator/claim/claim.h"
#include "tests/unit/help/coordinator_help.h"

#include <inttypes.h>

#include "coordinator/queue/cancel.h"
#include "coordinator/store/counter.h"
#include "coordinator/store/job.h"
#include "coordinator/queue/report.h"
#include "coordinator/queue/rerun.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/store/state.h"
#include "coordinator/trigger/plan.h"

static const char *const states[] = { "queued", "running", "completed", "cancelled" };

/* Makes a run of a workflow file; the error's text, NULL when it is made. */
static char *plan_run(struct world *w, const char *jobs, struct run_created *ret)
{
	CLEAN_STR char *text = xasprintf("name: CI\non: push\njobs:\n%s", jobs);
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEANUP(pairs_release) struct pairs vars = { 0 };
	CLEAN_WORKFLOW struct workflow flow = { 0 };
	CLEAN_PLAN struct run_plan plan = { 0 };
	struct err e = { 0 };

	pairs_set(&vars, "LABELS", "[\"linux\",\"x64\"]");
	struct plan_event ev = { .name = "push",
		.payload = "{\"ref\":\"refs/heads/trunk\"}",
		.sha = SHA_A,
		.ref = "refs/heads/trunk",
		.repository = "alice/demo",
		.vars = &vars };
	if (workflow_parse("ci.yml", text, strlen(text), &flow, &problems) < 0)
		return xstrdup(problems.v[0]);
	if (run_plan_make(&plan, &flow, &ev, &e) < 0)
		return xstrdup(e.text);
	struct run_spec spec = { .repo_id = w->repo_id,
		.workflow_file = "ci.yml",
		.event = ev.name,
		.event_payload = ev.payload,
		.head_sha = ev.sha,
		.head_ref = ev.ref,
		.jobs = plan.jobs,
		.n_jobs = plan.n_jobs };
	must_err(store_run_create(w->app.store, &spec, wall_now(), ret, &e));
	return NULL;
}

static struct run_created plan_ok(struct world *w, const char *jobs)
{
	struct run_created ret = { 0 };
	CLEAN_STR char *why = plan_run(w, jobs, &ret);

	if (why)
		fail_msg("%s", why);
	return ret;
}

/* "queued! running queued cancelled": of all jobs in order, ! is ready and queued. */
static const char *states_of(struct world *w, int64_t run_id)
{
	static char text[512];
	CLEANUP(job_list_release) struct job_list l = { 0 };
	size_t at = 0;

	must(store_job_list(w->app.store, run_id, &l, NULL));
	for (size_t i = 0; i < l.n; i++) {
		const struct job_row *j = &l.v[i];
		bool open = j->state.status == STATUS_QUEUED;

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s", i ? " " : "",
			j->state.conclusion ? conclusion_text(j->state.conclusion)
					    : states[j->state.status],
			open && j->ready ? "!" : "");
	}
	return text;
}

static struct json_doc *claim_next(struct world *w)
{
	struct err e = { 0 };
	struct claim c;
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	CLEANUP(strv_release) struct strv l = labels_of("linux,x64");
	int rc = claim_try(&w->app, w->runner_id, &l, &out, &c, &e);

	if (rc < 0)
		fail_msg("%s", e.text);
	return rc ? json_parse(buf_cstr(&out), out.len, NULL, NULL) : NULL;
}

static int64_t claim_id(struct world *w)
{
	CLEAN_JSON struct json_doc *d = claim_next(w);

	return d ? json_get_int(json_get(json_root(d), "job"), "id", 0) : 0;
}

static void finish(struct world *w, int64_t job_id, enum conclusion c)
{
	struct err e = { 0 };
	struct state st, run;
	struct state_report r = {
		.state = { c == CONCLUSION_CANCELLED ? STATUS_CANCELLED : STATUS_COMPLETED, c }
	};

	must_err(store_job_report(w->app.store, job_id, &r, wall_now(), &st, &run, &e));
}

static void open_world(struct world *w)
{
	world_open(w);
	w->runner_id = world_runner(w, "big", "linux,x64", 64, w->runner_token);
}

#define LEGS(more)                                                                 \
	"  test:\n    runs-on: linux\n    steps: [{run: a}]\n    strategy:\n" more \
	"      matrix: {v: [1, 2, 3], os: [linux]}\n"
#define AFTER "  after: {runs-on: linux, needs: [test], steps: [{run: b}]}\n"

static void test_legs(void **state UNUSED)
{
	struct world w;

	open_world(&w);
	struct run_created run = plan_ok(&w, LEGS("") AFTER);
	CLEANUP(job_list_release) struct job_list l = { 0 };
	must(store_job_list(w.app.store, run.run_id, &l, NULL));
	assert_int_equal(4, l.n);
	assert_string_equal("test", l.v[1].key);
	assert_string_equal("test (2, linux)", l.v[1].name);
	assert_string_equal("after", l.v[3].name);
	assert_string_equal("queued! queued! queued! queued", states_of(&w, run.run_id));

	CLEAN_JSON struct json_doc *first = claim_next(&w);
	CLEAN_JSON struct json_doc *second = claim_next(&w);
	const struct json_value *job = json_get(json_root(second), "job");
	assert_string_equal("test", json_get_string(job, "job_key"));
	assert_string_equal("test (2, linux)", json_get_string(job, "job_name"));
	assert_int_equal(2, json_get_int(json_get(job, "matrix"), "v", 0));
	assert_string_equal("linux", json_get_string(json_get(job, "matrix"), "os"));
	const struct json_value *strategy = json_get(job, "strategy");
	assert_true(json_get_bool(strategy, "fail-fast", false));
	assert_int_equal(3, json_get_int(strategy, "max-parallel", 0));
	assert_int_equal(1, json_get_int(strategy, "job-index", 0));
	assert_int_equal(3, json_get_int(strategy, "job-total", 0));

	int64_t third = claim_id(&w);
	finish(&w, l.v[0].id, CONCLUSION_SUCCESS);
	finish(&w, l.v[1].id, CONCLUSION_SUCCESS);
	assert_string_equal("success success running queued", states_of(&w, run.run_id));
	finish(&w, third, CONCLUSION_SUCCESS);
	assert_string_equal("success success success queued!", states_of(&w, run.run_id));
	CLEAN_JSON struct json_doc *last = claim_next(&w);
	const struct json_value *needs =
		json_get(json_get(json_root(last), "job"), "needs_context");
	assert_int_equal(1, needs->count);
	assert_string_equal("success", json_get_string(json_get(needs, "test"), "result"));

	/* A re-run has the same legs. */
	finish(&w, l.v[3].id, CONCLUSION_SUCCESS);
	struct run_created again;
	must(store_run_rerun(w.app.store,
		&(struct rerun_spec){ .run_id = run.run_id, .actor = NULL }, wall_now(), &again,
		NULL));
	CLEANUP(job_list_release) struct job_list copies = { 0 };
	must(store_job_list(w.app.store, again.run_id, &copies, NULL));
	assert_string_equal("queued! queued! queued! queued", states_of(&w, again.run_id));
	assert_string_equal(l.v[2].matrix_json, copies.v[2].matrix_json);
	assert_int_equal(2, copies.v[2].leg);
	world_close(&w);
}

static void read_cancels(void *data, const char *name, int64_t value)
{
	if (str_eq(name, JOB_CANCELS_COUNTER))
		*(int64_t *)data = value;
}

static void test_fail_fast(void **state UNUSED)
{
	static const struct {
		const char *jobs;
		const char *want;
		enum conclusion first;
		bool cancel_asked;
	} cases[] = {
		{ LEGS("") AFTER, "failure running cancelled skipped", CONCLUSION_FAILURE, true },
		{ LEGS("") AFTER, "timed_out running cancelled skipped", CONCLUSION_TIMED_OUT,
			true },
		{ LEGS("") AFTER, "cancelled running queued! skipped", CONCLUSION_CANCELLED,
			false },
		{ LEGS("      fail-fast: false\n") AFTER, "failure running queued! skipped",
			CONCLUSION_FAILURE, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;
		CLEANUP(job_row_release) struct job_row second = { 0 };

		open_world(&w);
		struct run_created run = plan_ok(&w, cases[i].jobs);
		int64_t a = claim_id(&w), b = claim_id(&w);
		finish(&w, a, cases[i].first);
		assert_string_equal(cases[i].want, states_of(&w, run.run_id));
		must(store_job_get(w.app.store, b, &second, NULL));
		assert_int_equal(cases[i].cancel_asked, second.cancel_requested);
		int64_t cancels = 0; /* the running leg and the queued one */
		must(store_counter_each(w.app.store, read_cancels, &cancels, NULL));
		assert_int_equal(cases[i].cancel_asked ? 2 : 0, cancels);
		if (cases[i].cancel_asked) {
			finish(&w, b, CONCLUSION_CANCELLED);
			assert_true(str_starts(world_state(&w, run.run_id, NULL), "completed/"));
		}
		world_close(&w);
	}
}

/* The failure of a job that may fail is none for its siblings, for what needs it and for the run.
 */
static void test_continue_on_error(void **state UNUSED)
{
	static const char jobs[] =
		"  test:\n    runs-on: linux\n    steps: [{run: a}]\n"
		"    continue-on-error: ${{ matrix.v == 1 }}\n"
		"    strategy: {matrix: {v: [1, 2]}, max-parallel: \"${{ 2 }}\"}\n" AFTER;
	struct world w;

	open_world(&w);
	struct run_created run = plan_ok(&w, jobs);
	int64_t a = claim_id(&w), b = claim_id(&w);
	finish(&w, a, CONCLUSION_FAILURE);
	assert_string_equal("failure running queued", states_of(&w, run.run_id));
	finish(&w, b, CONCLUSION_SUCCESS);
	assert_string_equal("failure success queued!", states_of(&w, run.run_id));
	CLEAN_JSON struct json_doc *last = claim_next(&w);
	const struct json_value *job = json_get(json_root(last), "job");
	assert_string_equal("success", json_get_string(job, "needs_status"));
	assert_string_equal("success",
		json_get_string(json_get(json_get(job, "needs_context"), "test"), "result"));
	finish(&w, json_get_int(job, "id", 0), CONCLUSION_SUCCESS);
	assert_string_equal("completed/success", world_state(&w, run.run_id, NULL));

	/* the other leg may not fail */
	run = plan_ok(&w, jobs);
	a = claim_id(&w), b = claim_id(&w);
	finish(&w, b, CONCLUSION_FAILURE);
	finish(&w, a, CONCLUSION_CANCELLED);
	assert_string_equal("cancelled failure skipped", states_of(&w, run.run_id));
	assert_string_equal("completed/failure", world_state(&w, run.run_id, NULL));
	world_close(&w);
}

/* What is known when the job is made is rendered then, what a step decides goes along as text. */
static void test_limits_and_environment(void **state UNUSED)
{
	static const char jobs[] =
		"  a:\n    runs-on: {group: linux, labels: \"${{ fromJSON(vars.LABELS)[1] }}\"}\n"
		"    timeout-minutes: ${{ matrix.m }}\n"
		"    environment: {name: \"to-${{ matrix.m }}\", url: \"https://h/${{ "
		"strategy.job-total }}\"}\n"
		"    strategy: {matrix: {m: [7]}, fail-fast: \"${{ false }}\"}\n"
		"    steps: [{run: a, timeout-minutes: \"${{ matrix.m }}\", continue-on-error: "
		"\"${{ env.X == 'y' }}\"}]\n";
	struct world w;

	open_world(&w);
	struct run_created run = plan_ok(&w, jobs);
	CLEANUP(job_list_release) struct job_list l = { 0 };
	must(store_job_list(w.app.store, run.run_id, &l, NULL));
	assert_int_equal(7, l.v[0].timeout_minutes);
	assert_int_equal(2, l.v[0].runs_on.n);
	assert_false(l.v[0].fail_fast);
	assert_string_equal("to-7", l.v[0].environment);
	assert_string_equal("https://h/1", l.v[0].environment_url);
	CLEAN_JSON struct json_doc *d = claim_next(&w);
	const struct json_value *step = json_get(json_get(json_root(d), "job"), "steps")->items[0];
	assert_string_equal("${{ matrix.m }}", json_get_string(step, "timeout_expression"));
	assert_string_equal("${{ env.X == 'y' }}", json_get_string(step, "continue_expression"));
	world_close(&w);
	static const char *const bad[][2] = {
		{ "timeout-minutes: \"${{ matrix.m }}\"",
			"timeout-minutes: \"${{ matrix.m }}\" gives \"x\"" },
		{ "continue-on-error: \"${{ matrix.m }}\"",
			"continue-on-error: \"${{ matrix.m }}\" gives" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_STR char *job =
			xasprintf("  a: {runs-on: linux, strategy: {matrix: {m: [x]}},"
				  " steps: [{run: a}], %s}\n",
				bad[i][0]);

		open_world(&w);
		CLEAN_STR char *why = plan_run(&w, job, &run);
		if (!why || !strstr(why, bad[i][1]))
			fail_msg("%s", why ? why : "accepted");
		world_close(&w);
	}
}

static void test_max_parallel(void **state UNUSED)
{
	struct world w;

	open_world(&w);
	struct run_created run = plan_ok(&w, LEGS("      max-parallel: 2\n"));
	assert_string_equal("queued! queued! queued", states_of(&w, run.run_id));
	int64_t a = claim_id(&w), b = claim_id(&w);
	assert_int_equal(0, claim_id(&w));
	finish(&w, b, CONCLUSION_SUCCESS);
	assert_string_equal("running success queued!", states_of(&w, run.run_id));
	int64_t c = claim_id(&w);
	assert_true(c > 0);
	finish(&w, a, CONCLUSION_SUCCESS);
	finish(&w, c, CONCLUSION_SUCCESS);
	assert_string_equal("completed/success", world_state(&w, run.run_id, NULL));
	world_close(&w);
}

/* Jobs that ask how their needs ended become ready however that was. */
static void test_conditions_that_ask(void **state UNUSED)
{
#define NEEDS(cond) "runs-on: linux, needs: b, if: \"" cond "\", steps: [{run: a}]}\n"
	static const char jobs[] =
		"  a: {runs-on: linux, steps: [{run: a}]}\n"
		"  b: {runs-on: linux, needs: a, steps: [{run: a}]}\n"
		"  c: {" NEEDS("always()") "  d: {" NEEDS(
			"${{ failure() && true "
			"}}") "  e: {" NEEDS("github.ref != ''") "  f: {" NEEDS("github.ref == ''");
	static const struct {
		enum conclusion first, second;
		const char *want, *status;
	} cases[] = {
		{ CONCLUSION_FAILURE, CONCLUSION_NONE,
			"failure skipped queued! queued! skipped skipped", "failure" },
		{ CONCLUSION_SKIPPED, CONCLUSION_NONE,
			"skipped skipped queued! queued! skipped skipped", "skipped" },
		{ CONCLUSION_SUCCESS, CONCLUSION_TIMED_OUT,
			"success timed_out queued! queued! skipped skipped", "failure" },
		{ CONCLUSION_SUCCESS, CONCLUSION_SUCCESS,
			"success success queued! queued! queued! queued!", "success" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;

		open_world(&w);
		struct run_created run = plan_ok(&w, jobs);
		assert_string_equal(
			"queued! queued queued queued queued queued", states_of(&w, run.run_id));
		finish(&w, claim_id(&w), cases[i].first);
		if (cases[i].second)
			finish(&w, claim_id(&w), cases[i].second);
		assert_string_equal(cases[i].want, states_of(&w, run.run_id));
		CLEAN_JSON struct json_doc *d = claim_next(&w);
		assert_string_equal(cases[i].status,
			json_get_string(json_get(json_root(d), "job"), "needs_status"));
		world_close(&w);
	}
}

static long tell(struct world *w, int64_t job, char *token, size_t n, const char *body)
{
	char path[80];

	snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64 "/outputs", job);
	return chain_call(w, path, token, n, body, NULL);
}

/* Outputs: named in the claim, told by the runner, given to those who need the job. */
static void test_outputs(void **state UNUSED)
{
	static const char jobs[] = "  a:\n    runs-on: linux\n    steps: [{id: s, run: a}]\n"
				   "    strategy: {matrix: {v: [1, 2]}}\n"
				   "    outputs: {x: \"${{ steps.s.outputs.x }}\", y: fixed}\n"
				   "  b: {runs-on: linux, needs: a, steps: [{run: a}]}\n";
	struct world w;
	char token[2][2048];
	int64_t id[2];

	open_world(&w);
	world_serve(&w);
	struct run_created run = plan_ok(&w, jobs);
	for (size_t i = 0; i < 2; i++) {
		CLEAN_JSON struct json_doc *d = claim_next(&w);
		const struct json_value *job = json_get(json_root(d), "job");

		id[i] = json_get_int(job, "id", 0);
		snprintf(token[i], sizeof(token[i]), "%s", json_get_string(json_root(d), "token"));
		assert_string_equal(
			"${{ steps.s.outputs.x }}", json_get_string(json_get(job, "outputs"), "x"));
	}
	size_t n = sizeof(token[0]);
	assert_int_equal(400, tell(&w, id[0], token[0], n, "{\"outputs\":{\"z\":\"1\"}}"));
	assert_int_equal(400, tell(&w, id[0], token[0], n, "{\"outputs\":[]}"));
	assert_int_equal(400, tell(&w, id[0], token[0], n, "{}"));
	assert_int_equal(
		200, tell(&w, id[0], token[0], n, "{\"outputs\":{\"x\":\"1\",\"y\":\"f\"}}"));
	assert_int_equal(
		200, tell(&w, id[1], token[1], n, "{\"outputs\":{\"x\":\"2\",\"y\":\"\"}}"));
	finish(&w, id[0], CONCLUSION_SUCCESS);
	finish(&w, id[1], CONCLUSION_SUCCESS);
	assert_int_equal(400, tell(&w, id[1], token[1], n, "{\"outputs\":{\"x\":\"3\"}}"));
	CLEAN_JSON struct json_doc *d = claim_next(&w);
	const struct json_value *job = json_get(json_root(d), "job");
	assert_null(json_get(job, "outputs")); /* b has none: nobody asks for them */
	const struct json_value *outputs =
		json_get(json_get(json_get(job, "needs_context"), "a"), "outputs");
	assert_string_equal("2", json_get_string(outputs, "x"));
	assert_string_equal("f", json_get_string(outputs, "y"));
	assert_string_equal("success success running", states_of(&w, run.run_id));
	world_close(&w);
}

/* What is rendered before a job runs. */
static void test_texts(void **state UNUSED)
{
	static const struct {
		const char *job, *name, *labels; /* name NULL: refused with labels as the text */
	} cases[] = {
		{ "a: {runs-on: linux, steps: [{run: a}]}", "a", "linux" },
		{ "a: {name: Build it, runs-on: linux, strategy: {matrix: {v: [\"3.10\"]}}, steps: "
		  "[{run: a}]}",
			"Build it (3.10)", "linux" },
		{ "a: {name: \"v${{ matrix.v }} of ${{ github.repository }}\", runs-on: linux,"
		  " strategy: {matrix: {v: [7]}}, steps: [{run: a}]}",
			"v7 of alice/demo", "linux" },
		{ "a: {runs-on: \"${{ matrix.os }}-latest\", strategy: {matrix: {os: [ubuntu]}},"
		  " steps: [{run: a}]}",
			"a (ubuntu)", "ubuntu-latest" },
		{ "a: {runs-on: [self-hosted, \"${{ matrix.os }}\"], strategy: {matrix: {os: "
		  "[mac]}},"
		  " steps: [{run: a}]}",
			"a (mac)", "self-hosted,mac" },
		{ "a: {runs-on: \"${{ fromJSON(vars.LABELS) }}\", steps: [{run: a}]}", "a",
			"linux,x64" },
		{ "a: {runs-on: \"${{ matrix.os }}\", strategy: {matrix: {os: [a+b]}}, steps: "
		  "[{run: a}]}",
			NULL,
			"jobs.a: runs-on: \"${{ matrix.os }}\" gives \"a+b\", expected 1 to 100 "
			"of" },
		{ "a: {runs-on: \"${{ vars.NONE }}\", steps: [{run: a}]}", NULL,
			"jobs.a: runs-on: \"${{ vars.NONE }}\" gives \"\"" },
		{ "a: {runs-on: \"${{ nope( }}\", steps: [{run: a}]}", NULL,
			"ci.yml:4:27: jobs.a.runs-on: unexpected end" },
		{ "a: {runs-on: a+b, steps: [{run: a}]}", NULL, "ci.yml:4:" },
		{ "a: {runs-on: [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u],"
		  " steps: [{run: a}]}",
			NULL, "jobs.a: runs-on: more than 20 labels" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct world w;
		struct run_created run = { 0 };
		CLEANUP(job_list_release) struct job_list l = { 0 };
		CLEAN_STR char *line = xasprintf("  %s\n", cases[i].job);

		world_open(&w);
		CLEAN_STR char *why = plan_run(&w, line, &run);
		if (!cases[i].name) {
			if (!why || !str_starts(why, cases[i].labels))
				fail_msg("row %zu: %s", i, why ? why : "accepted");
			world_close(&w);
			continue;
		}
		if (why)
			fail_msg("row %zu: %s", i, why);
		must(store_job_list(w.app.store, run.run_id, &l, NULL));
		assert_string_equal(cases[i].name, l.v[0].name);
		CLEANUP(strv_release) struct strv want = labels_of(cases[i].labels);
		assert_int_equal(want.n, l.v[0].runs_on.n);
		for (size_t k = 0; k < want.n; k++)
			assert_string_equal(want.v[k], l.v[0].runs_on.v[k]);
		world_close(&w);
	}
}

static void test_too_many(void **state UNUSED)
{
#define HUNDRED "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], w: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"
	static const char jobs[] =
		"  a: {runs-on: x, strategy: {matrix: {v: " HUNDRED "}}, steps: [{run: a}]}\n"
		"  b: {runs-on: x, strategy: {matrix: {v: " HUNDRED "}}, steps: [{run: a}]}\n"
		"  c: {runs-on: x, strategy: {matrix: {v: " HUNDRED "}}, steps: [{run: a}]}\n";
	struct world w;
	struct run_created run;
	world_open(&w);
	CLEAN_STR char *why = plan_run(&w, jobs, &run);
	assert_string_equal(
		"jobs.c: more than 256 jobs with all combinations of the matrices", why);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_legs),
		cmocka_unit_test(test_fail_fast),
		cmocka_unit_test(test_continue_on_error),
		cmocka_unit_test(test_limits_and_environment),
		cmocka_unit_test(test_max_parallel),
		cmocka_unit_test(test_conditions_that_ask),
		cmocka_unit_test(test_outputs),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests_name("matrix_run", tests, NULL, NULL);
}
