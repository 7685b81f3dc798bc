/* The plan of a local run: order, choice, names, and what `needs` comes to; the claims made of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/limits.h"
#include "runner/claim/job_spec.h"
#include "runner/local/claim.h"

static const char text[] =
	"name: CI\n"
	"on: push\n"
	"env: {A: w, B: w, C: w}\n"
	"defaults: {run: {shell: sh, working-directory: all}}\n"
	"jobs:\n"
	"  last: {runs-on: x, needs: [legs, side], if: always(), steps: [{run: l}]}\n"
	"  plain: {runs-on: x, needs: [side], steps: [{run: p}]}\n"
	"  broken: {runs-on: x, needs: [plain], if: failure(), steps: [{run: p}]}\n"
	"  rescue: {runs-on: x, needs: [side], if: '!cancelled()', steps: [{run: p}]}\n"
	"  legs:\n"
	"    name: Leg ${{ matrix.os }} of ${{ github.event_name }}\n"
	"    runs-on: x\n"
	"    needs: first\n"
	"    env: {B: j, C: j}\n"
	"    defaults: {run: {working-directory: own}}\n"
	"    strategy: {matrix: {os: [linux, mac]}}\n"
	"    steps:\n"
	"      - {id: s, run: one, shell: bash, timeout-minutes: 3}\n"
	"      - {uses: actions/checkout@v4, with: {path: p}}\n"
	"  first: {runs-on: x, steps: [{run: f}]}\n"
	"  side:\n"
	"    runs-on: x\n"
	"    if: vars.SIDE == 'yes'\n"
	"    strategy: {fail-fast: false, matrix: {v: [1, 2]}}\n"
	"    steps: [{run: s}]\n";

struct fixture {
	struct workflow w;
	struct local_event ev;
	struct local_plan plan;
	struct local_choice choice;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	CLEANUP(strv_release) struct strv problems = { 0 };
	struct err e = { 0 };

	if (workflow_parse("f.yml", text, sizeof(text) - 1, &f->w, &problems) < 0)
		fail_msg("%s", problems.v[0]);
	f->ev = (struct local_event){ .name = "push",
		.workflow_file = "f.yml",
		.sha = "0123456789012345678901234567890123456789",
		.ref = "refs/heads/trunk",
		.repository = "team/app",
		.url = "https://git.example.test/team/app.git",
		.actor = "me",
		.run_id = 7 };
	pairs_set(&f->ev.secrets, "S", "hidden");
	pairs_set(&f->ev.env, "C", "flag");
	if (local_payload_make(&f->ev, NULL, &e) < 0)
		fail_msg("%s", e.text);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	local_plan_release(&f->plan);
	local_event_release(&f->ev);
	workflow_release(&f->w);
	strv_release(&f->choice.jobs);
	strv_release(&f->choice.matrix);
	free(f);
	return 0;
}

static void make(struct fixture *f)
{
	struct err e = { 0 };

	if (local_plan_make(&f->plan, &f->w, &f->choice, &f->ev, &e) < 0)
		fail_msg("%s", e.text);
}

static void assert_names(const struct local_plan *p, const char *expected)
{
	struct buf names = BUF_INIT(KIB(4));

	for (size_t i = 0; i < p->n; i++)
		buf_addf(&names, "%s%s", i ? "; " : "", p->v[i].name);
	assert_string_equal(buf_cstr(&names), expected);
	buf_release(&names);
}

static void order_and_names(void **state)
{
	struct fixture *f = *state;

	make(f);
	assert_names(&f->plan,
		"first; Leg linux of push; Leg mac of push; side (1); side (2); last; plain; "
		"broken; rescue");
	for (size_t i = 0; i < f->plan.n; i++)
		assert_int_equal(f->plan.v[i].id, i + 1);
	assert_int_equal(f->plan.v[2].place.leg, 1);
	assert_int_equal(f->plan.v[2].place.legs, 2);
}

static void choice_takes_needs_along(void **state)
{
	struct fixture *f = *state;

	strv_add(&f->choice.jobs, "legs");
	strv_add(&f->choice.matrix, "os=mac");
	make(f);
	assert_names(&f->plan, "first; Leg mac of push");
}

static void bad_choices(void **state)
{
	static const struct {
		const char *job, *matrix, *error;
	} cases[] = {
		{ "none", NULL,
			"--job none: no such job, expected one of: last plain broken rescue legs "
			"first side" },
		{ NULL, "os", "--matrix \"os\": expected name=value" },
		{ NULL, "=x", "--matrix \"=x\": expected name=value" },
		{ NULL, "os=bsd", "--matrix \"os=bsd\": no job has that value" },
		{ "first", "os=mac", "--matrix \"os=mac\": no job has that value" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct local_choice choice = { 0 };
		struct local_plan plan = { 0 };
		struct err e = { 0 };

		if (cases[i].job)
			strv_add(&choice.jobs, cases[i].job);
		if (cases[i].matrix)
			strv_add(&choice.matrix, cases[i].matrix);
		assert_int_equal(local_plan_make(&plan, &f->w, &choice, &f->ev, &e), -1);
		assert_string_equal(e.text, cases[i].error);
		local_plan_release(&plan);
		strv_release(&choice.jobs);
		strv_release(&choice.matrix);
	}
}

/* Each job's result when its steps would end as `ends` says, in the order of the plan; "" where
 * the steps may not run. */
static void assert_ends(struct fixture *f, const char *const *ends, size_t n, const char *expected)
{
	struct buf all = BUF_INIT(KIB(4));

	make(f);
	assert_int_equal(f->plan.n, n);
	for (size_t i = 0; i < n; i++) {
		struct local_job *j = &f->plan.v[i];
		const char *why = NULL;
		struct err e = { 0 };
		enum local_decision d = local_plan_decide(
			&f->plan, i, str_eq(ends[i], "stop"), &j->result, &why, &e);

		if (d == LOCAL_RUN)
			j->result = ends[i];
		assert_true(d != LOCAL_UNDECIDED);
		assert_true(d == LOCAL_RUN || why);
		buf_addf(&all, "%s%s%s", i ? " " : "", d == LOCAL_RUN ? "+" : "", j->result);
	}
	assert_string_equal(buf_cstr(&all), expected);
	buf_release(&all);
}

#define assert_results(f, ends, expected) assert_ends(f, ends, ARRAY_LEN(ends), expected)
#define OK "success"

static void all_good(void **state)
{
	struct fixture *f = *state;
	static const char *const ends[] = { OK, OK, OK, OK, OK, OK, OK, OK, OK };

	pairs_set(&f->ev.vars, "SIDE", "yes");
	assert_results(f, ends,
		"+success +success +success +success +success +success +success skipped +success");
}

/* A skipped job skips what needs it, but is no failure; always() and !cancelled() still run. */
static void skipped_need(void **state)
{
	static const char *const ends[] = { OK, OK, OK, OK, OK, OK, OK, OK, OK };

	assert_results(*state, ends,
		"+success +success +success skipped skipped +success skipped skipped +success");
}

/* fail-fast keeps the second leg of `legs` from running, not that of `side`; failure() sees through
 * jobs that were skipped on the way. */
static void failures(void **state)
{
	struct fixture *f = *state;
	static const char *const ends[] = { OK, "failure", OK, "timed_out", OK, OK, OK, OK, OK };

	pairs_set(&f->ev.vars, "SIDE", "yes");
	assert_results(f, ends,
		"+success +failure cancelled +timed_out +success +success skipped +success "
		"+success");
	assert_string_equal(local_plan_result(&f->plan, "side"), "failure");
	assert_string_equal(local_plan_result(&f->plan, "legs"), "failure");
}

/* Only always() still runs. */
static void cancelled(void **state)
{
	static const char *const ends[] = { OK, "stop", "stop", "stop", "stop", "stop", "stop",
		"stop", "stop" };

	assert_results(*state, ends,
		"+success cancelled cancelled cancelled cancelled +stop cancelled cancelled "
		"cancelled");
}

/* A job that may fail holds nobody back; its limits come from expressions. */
static void may_fail(void **state)
{
	static const char jobs[] =
		"on: push\njobs:\n"
		"  a:\n"
		"    runs-on: x\n"
		"    strategy: {fail-fast: \"${{ true }}\", matrix: {m: [7, 8]}}\n"
		"    continue-on-error: ${{ matrix.m == 7 }}\n"
		"    timeout-minutes: ${{ matrix.m }}\n"
		"    steps: [{run: x}]\n"
		"  b: {runs-on: x, needs: a, steps: [{run: x}]}\n";
	static const char *const ends[] = { "failure", OK, OK };
	struct fixture *f = *state;
	CLEANUP(strv_release) struct strv problems = { 0 };

	workflow_release(&f->w);
	assert_int_equal(workflow_parse("f.yml", jobs, sizeof(jobs) - 1, &f->w, &problems), 0);
	assert_results(f, ends, "+failure +success +success");
	assert_false(local_job_failed(&f->plan.v[0]));
	assert_int_equal(f->plan.v[0].timeout_minutes, 7);
	assert_int_equal(f->plan.v[1].timeout_minutes, 8);
	assert_string_equal(local_plan_result(&f->plan, "a"), "success");
}

/* Legs that another job's output makes take the place of the one that waited for them. */
static void legs_of_an_output(void **state)
{
	static const char jobs[] =
		"on: push\njobs:\n"
		"  a: {runs-on: x, outputs: {l: \"1\"}, steps: [{run: x}]}\n"
		"  b:\n"
		"    name: \"${{ matrix.v }} after ${{ needs.a.result }}\"\n"
		"    needs: a\n"
		"    runs-on: x\n"
		"    strategy: {matrix: {v: \"${{ fromJSON(needs.a.outputs.l) }}\"}}\n"
		"    steps: [{run: x}]\n"
		"  c: {runs-on: x, needs: b, steps: [{run: x}]}\n";
	struct fixture *f = *state;
	CLEANUP(strv_release) struct strv problems = { 0 };
	struct err e = { 0 };
	size_t n = 0;

	workflow_release(&f->w);
	if (workflow_parse("f.yml", jobs, sizeof(jobs) - 1, &f->w, &problems) < 0)
		fail_msg("%s", problems.v[0]);
	make(f);
	assert_names(&f->plan, "a; b; c");
	assert_true(f->plan.v[1].waits);
	f->plan.v[0].result = OK;
	pairs_set(&f->plan.v[0].outputs, "l", "[1, \"two\", {\"k\": 3}]");
	assert_int_equal(local_plan_unfold(&f->plan, 1, &n, &e), 0);
	assert_int_equal(n, 3);
	assert_names(&f->plan, "a; 1 after success; two after success; Object after success; c");
	assert_true(f->plan.v[2].matrix_tainted);
	assert_int_equal(f->plan.v[3].place.leg, 2);
	assert_false(local_plan_is_ready(&f->plan, 4));
	for (size_t i = 0; i < f->plan.n; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(f->plan.v[i].id, f->plan.v[k].id);
	/* what is no list fails the job and nothing else */
	local_plan_release(&f->plan);
	make(f);
	f->plan.v[0].result = OK;
	pairs_set(&f->plan.v[0].outputs, "l", "[]");
	assert_int_equal(local_plan_unfold(&f->plan, 1, &n, &e), -1);
	assert_non_null(strstr(e.text, "jobs.b: strategy: matrix: v: empty list"));
	assert_names(&f->plan, "a; b; c");
}

static void condition_in_error(void **state)
{
	static const char bad[] =
		"on: push\n"
		"jobs: {a: {runs-on: x, if: fromJSON(vars.NONE).x, steps: [{run: x}]}}\n";
	struct fixture *f = *state;
	CLEANUP(strv_release) struct strv problems = { 0 };
	const char *result = NULL, *why = NULL;
	struct err e = { 0 };

	workflow_release(&f->w);
	assert_int_equal(workflow_parse("f.yml", bad, sizeof(bad) - 1, &f->w, &problems), 0);
	make(f);
	assert_int_equal(local_plan_decide(&f->plan, 0, false, &result, &why, &e), LOCAL_UNDECIDED);
	assert_non_null(strstr(e.text, "jobs.a.if: column 1: fromJSON"));
}

/* What the job process reads is what the workflow says, by its own parser. */
/* Those that could start now, in the order of the plan. */
static void assert_ready(const struct local_plan *p, const char *expected)
{
	struct buf all = BUF_INIT(KIB(4));

	for (size_t i = 0; i < p->n; i++)
		if (local_plan_is_ready(p, i))
			buf_addf(&all, "%s%s", all.len ? ", " : "", p->v[i].name);
	assert_string_equal(buf_cstr(&all), expected);
	buf_release(&all);
}

static void side_by_side(void **state)
{
	struct fixture *f = *state;

	make(f);
	f->plan.v[1].place.max_parallel = f->plan.v[2].place.max_parallel = 1;
	assert_true(local_plan_is_parallel(&f->plan));
	assert_ready(&f->plan, "first, side (1), side (2)");
	f->plan.v[0].running = true;
	assert_ready(&f->plan, "side (1), side (2)");
	f->plan.v[0] = (struct local_job){
		.job = f->plan.v[0].job, .name = f->plan.v[0].name, .result = "success"
	};
	assert_ready(&f->plan, "Leg linux of push, Leg mac of push, side (1), side (2)");
	f->plan.v[1].running = true; /* one of its kind at a time */
	assert_ready(&f->plan, "side (1), side (2)");
	f->plan.v[1].running = false;
	f->plan.v[1].result = "failure";
	f->plan.v[2].running = true;
	assert_true(local_plan_takes_along(&f->plan, 1, 2));
	assert_false(local_plan_takes_along(&f->plan, 1, 3));
	f->plan.v[3].result = "failure"; /* `side` has fail-fast: false */
	f->plan.v[4].running = true;
	assert_false(local_plan_takes_along(&f->plan, 3, 4));
}

/* A chain needs no prefixes. */
static void one_after_the_other(void **state)
{
	struct fixture *f = *state;

	strv_add(&f->choice.jobs, "legs");
	strv_add(&f->choice.matrix, "os=mac");
	make(f);
	assert_names(&f->plan, "first; Leg mac of push");
	assert_false(local_plan_is_parallel(&f->plan));
}

/* Of a name that several legs put out the last one's text counts; each leg may fill its own name.
 */
static void outputs(void **state)
{
	struct fixture *f = *state;
	CLEANUP(pairs_release) struct pairs all = { 0 };

	make(f);
	pairs_set(&f->plan.v[1].outputs, "a", "1");
	pairs_set(&f->plan.v[1].outputs, "b", "1");
	pairs_set(&f->plan.v[1].outputs, "none", "");
	pairs_set(&f->plan.v[2].outputs, "a", "2");
	pairs_set(&f->plan.v[2].outputs, "b", "");
	local_plan_outputs(&f->plan, "legs", &all);
	assert_int_equal(all.n, 3);
	assert_string_equal(pairs_get(&all, "none"), "");
	assert_string_equal(pairs_get(&all, "a"), "2");
	assert_string_equal(pairs_get(&all, "b"), "1");
}

static void claim(void **state)
{
	struct fixture *f = *state;
	struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct err e = { 0 };

	make(f);
	f->plan.v[0].result = "success";
	pairs_set(&f->plan.v[0].outputs, "out", "of first");
	assert_int_equal(local_claim_write(&f->plan, 2, &out, &e), 0);
	CLEANUP(job_spec_freep) struct job_spec *s = job_spec_parse(buf_cstr(&out), out.len, &e);
	assert_string_equal(e.text, "");
	assert_non_null(s);
	assert_int_equal(s->id, 3);
	assert_int_equal(s->run_id, 7);
	assert_string_equal(s->job_name, "Leg mac of push");
	assert_string_equal(s->head_ref, "refs/heads/trunk");
	assert_string_equal(pairs_get(&s->env, "A"), "w");
	assert_string_equal(pairs_get(&s->env, "B"), "j");
	assert_string_equal(pairs_get(&s->env, "C"), "flag");
	assert_string_equal(pairs_get(&s->secrets, "S"), "hidden");
	assert_string_equal(s->mask_values.v[0], "hidden");
	assert_int_equal(strlen(s->token), 64);
	assert_int_equal(s->steps.n, 2);
	assert_string_equal(s->steps.v[0].working_directory, "own");
	assert_null(s->steps.v[1].working_directory);
	assert_string_equal(pairs_get(&s->steps.v[1].with, "path"), "p");
	assert_string_equal(json_get_string(s->matrix, "os"), "mac");
	assert_string_equal(
		json_get_string(json_get(s->needs_context, "first"), "result"), "success");
	assert_string_equal(
		json_get_string(json_get(json_get(s->needs_context, "first"), "outputs"), "out"),
		"of first");
	assert_string_equal(json_get_string(s->event_payload, "ref"), "refs/heads/trunk");
	assert_non_null(strstr(buf_cstr(&out), "\"shell\":\"bash\""));
	assert_non_null(strstr(buf_cstr(&out), "\"timeout_minutes\":3"));
	buf_release_wipe(&out);
}

static void payload_is_completed(void **state)
{
	static const char given[] =
		"{\"ref\":\"refs/heads/other\",\"inputs\":{\"old\":1},\"x\":[1]}";
	struct fixture *f = *state;
	struct err e = { 0 };
	CLEAN_JSON struct json_doc *doc = json_parse(given, sizeof(given) - 1, NULL, &e);

	json_free(f->ev.payload);
	f->ev.payload = NULL;
	f->ev.name = "workflow_dispatch";
	pairs_set(&f->ev.inputs, "level", "high");
	assert_int_equal(local_payload_make(&f->ev, json_root(doc), &e), 0);
	const struct json_value *p = json_root(f->ev.payload);
	assert_string_equal(json_get_string(p, "ref"), "refs/heads/other");
	assert_string_equal(json_get_string(json_get(p, "inputs"), "level"), "high");
	assert_null(json_get(json_get(p, "inputs"), "old"));
	assert_int_equal(json_get(p, "x")->count, 1);
	assert_string_equal(json_get_string(p, "workflow"), "f.yml");
	assert_string_equal(json_get_string(json_get(p, "repository"), "full_name"), "team/app");
}

#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(order_and_names),
		WITH(choice_takes_needs_along),
		WITH(bad_choices),
		WITH(all_good),
		WITH(skipped_need),
		WITH(failures),
		WITH(cancelled),
		WITH(may_fail),
		WITH(legs_of_an_output),
		WITH(condition_in_error),
		WITH(side_by_side),
		WITH(one_after_the_other),
		WITH(outputs),
		WITH(claim),
		WITH(payload_is_completed),
	};

	return cmocka_run_group_tests_name("local_plan", tests, NULL, NULL);
}
