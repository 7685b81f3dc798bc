/* Workflow files to structs, and every problem of a bad file with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "workflow/workflow.h"

#define JOB "jobs:\n  b:\n    runs-on: x\n    steps:\n      - run: echo\n"

static int parse(const char *text, struct workflow *w, struct strv *problems)
{
	return workflow_parse("f.yml", text, strlen(text), w, problems);
}

static void parse_ok(const char *text, struct workflow *w)
{
	CLEANUP(strv_release) struct strv problems = { 0 };

	if (parse(text, w, &problems) < 0)
		fail_msg("%s", problems.v[0]);
	assert_int_equal(problems.n, 0);
}

static void smoke_file(void **state)
{
	static const char text[] = "name: Smoke\n"
				   "on:\n"
				   "  push:\n"
				   "    branches: [trunk]\n"
				   "jobs:\n"
				   "  green:\n"
				   "    runs-on: ubuntu-latest\n"
				   "    steps:\n"
				   "      - uses: actions/checkout@v4\n"
				   "      - name: Verify checkout\n"
				   "        run: test -f README.md || pwd\n"
				   "      - name: Smoke\n"
				   "        run: printf 'shithub actions smoke passed\\n'\n";
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	parse_ok(text, &w);
	assert_string_equal(w.name, "Smoke");
	assert_true(w.on.push.given);
	assert_false(w.on.dispatch.given);
	assert_string_equal(w.on.push.branches.only.v[0], "trunk");
	assert_int_equal(w.n_jobs, 1);
	assert_string_equal(w.jobs[0].key, "green");
	assert_string_equal(w.jobs[0].runs_on.v[0], "ubuntu-latest");
	assert_int_equal(w.jobs[0].timeout_minutes.value, 360);
	assert_int_equal(w.jobs[0].n_steps, 3);
	assert_string_equal(w.jobs[0].steps[0].uses, "actions/checkout@v4");
	assert_null(w.jobs[0].steps[0].run);
	assert_string_equal(w.jobs[0].steps[2].run, "printf 'shithub actions smoke passed\\n'");
}

static const char everything[] =
	"name: All\n"
	"on:\n"
	"  push: {branches-ignore: ['wip/**'], tags: [v*], paths: ['src/**', '!src/x']}\n"
	"  pull_request: {types: [opened], branches: [trunk]}\n"
	"  schedule: [{cron: '5 4 * * MON-FRI'}]\n"
	"  workflow_dispatch:\n"
	"    inputs:\n"
	"      level: {description: How, required: true, type: choice, options: [low, high]}\n"
	"      dry: {type: boolean, default: false}\n"
	"permissions: read-all\n"
	"env: {A: 1, EMPTY: , YES: yes}\n"
	"concurrency: {group: g, cancel-in-progress: true}\n"
	"defaults: {run: {shell: bash, working-directory: sub}}\n"
	"jobs:\n"
	"  first:\n"
	"    name: First one\n"
	"    runs-on: [self-hosted, linux]\n"
	"    permissions: {contents: write, issues: none, artifact-metadata: read}\n"
	"    timeout-minutes: 7\n"
	"    steps:\n"
	"      - {id: s1, name: n, if: always(), run: x, shell: sh, working-directory: d,\n"
	"         env: {B: 2}, continue-on-error: true, timeout-minutes: 3}\n"
	"      - {uses: actions/checkout@v4, with: {fetch-depth: 0, path: p}}\n"
	"  second-job:\n"
	"    needs: first\n"
	"    if: ${{ success() }}\n"
	"    concurrency: {group: '${{ shithub.ref }}', cancel-in-progress: '${{ inputs.x }}'}\n"
	"    runs-on: linux\n"
	"    defaults: {run: {shell: sh}}\n"
	"    steps: [{run: y}]\n";

static void every_trigger(void **state)
{
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	parse_ok(everything, &w);
	assert_string_equal(w.on.push.branches.ignore.v[0], "wip/**");
	assert_string_equal(w.on.push.tags.only.v[0], "v*");
	assert_int_equal(w.on.push.paths.only.n, 2);
	assert_string_equal(w.on.pull_request.types.v[0], "opened");
	assert_int_equal(w.on.n_crons, 1);
	assert_string_equal(w.on.crons[0].fields, "5 4 * * MON-FRI");
	assert_int_equal(w.on.crons[0].line, 5);
	assert_int_equal(w.on.crons[0].column, 21);
	assert_int_equal(w.on.dispatch.n_inputs, 2);
	const struct workflow_input *in = workflow_input_find(&w, "level");
	assert_true(in->required);
	assert_int_equal(in->type, INPUT_CHOICE);
	assert_int_equal(workflow_input_check(in, "high", NULL), 0);
	assert_int_equal(workflow_input_check(in, "mid", NULL), -1);
	in = workflow_input_find(&w, "dry");
	assert_string_equal(in->fallback, "false");
	assert_int_equal(workflow_input_check(in, "yes", NULL), -1);
	assert_null(workflow_input_find(&w, "other"));
}

static void every_key(void **state)
{
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	parse_ok(everything, &w);
	assert_string_equal(pairs_get(&w.permissions.scopes, "contents"), "read");
	assert_string_equal(pairs_get(&w.env, "YES"), "yes");
	assert_string_equal(pairs_get(&w.env, "EMPTY"), "");
	assert_string_equal(w.concurrency.group, "g");
	assert_true(w.concurrency.cancel_in_progress.value);
	assert_int_equal(w.concurrency.line, 12);
	assert_string_equal(w.defaults.shell, "bash");
	assert_string_equal(w.defaults.working_directory, "sub");
	const struct workflow_job *j = &w.jobs[0];
	assert_string_equal(j->name, "First one");
	assert_int_equal(j->runs_on.n, 2);
	assert_int_equal(j->timeout_minutes.value, 7);
	assert_string_equal(pairs_get(&j->permissions.scopes, "contents"), "write");
	assert_string_equal(pairs_get(&j->permissions.scopes, "artifact-metadata"), "read");
	assert_string_equal(j->steps[0].id, "s1");
	assert_string_equal(j->steps[0].condition, "always()");
	assert_string_equal(j->steps[0].shell, "sh");
	assert_string_equal(j->steps[0].working_directory, "d");
	assert_string_equal(pairs_get(&j->steps[0].env, "B"), "2");
	assert_true(j->steps[0].continue_on_error.value);
	assert_int_equal(j->steps[0].timeout_minutes.value, 3);
	assert_string_equal(pairs_get(&j->steps[1].with, "fetch-depth"), "0");
	assert_string_equal(w.jobs[1].needs.v[0], "first");
	assert_string_equal(w.jobs[1].condition, "${{ success() }}");
	assert_string_equal(w.jobs[1].concurrency.group, "${{ shithub.ref }}");
	assert_string_equal(w.jobs[1].concurrency.cancel_in_progress.expression, "${{ inputs.x }}");
	assert_int_equal(w.jobs[1].concurrency.line, 27);
	assert_string_equal(w.jobs[1].defaults.shell, "sh");
}

static void forms_of_on(void **state)
{
	static const struct {
		const char *text;
		bool push, dispatch;
	} rows[] = {
		{ "on: push\n" JOB, true, false },
		{ "on: [push, workflow_dispatch]\n" JOB, true, true },
		{ "\"on\": {workflow_dispatch: }\n" JOB, false, true },
		{ "on:\n  push:\n  workflow_dispatch: {inputs: }\n" JOB, true, true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_WORKFLOW struct workflow w;

		parse_ok(rows[i].text, &w);
		assert_int_equal(w.on.push.given, rows[i].push);
		assert_int_equal(w.on.dispatch.given, rows[i].dispatch);
	}
}
#define K10 "kkkkkkkkkk"
#define K100 K10 K10 K10 K10 K10 K10 K10 K10 K10 K10
#define STEP(s) "on: push\njobs:\n  b:\n    runs-on: x\n    steps:\n      - " s "\n"

static const struct {
	const char *text, *problem; /* the first line that is reported */
} bad[] = {
	{ "", "f.yml:1:1: file is empty" },
	{ "- 1\n", "f.yml:1:1: a list found, expected a map" },
	{ "on: push\n", "f.yml:1:1: no key \"jobs\"" },
	{ JOB, "f.yml:1:1: no key \"on\"" },
	{ "on: push\nbogus: 1\n" JOB,
		"f.yml:2:1: unknown key \"bogus\", expected one of: name on " },
	{ "on: release\n" JOB, "f.yml:1:5: on: unknown event \"release\", expected push" },
	{ "on: []\n" JOB, "f.yml:1:5: on: empty" },
	{ "on: schedule\n" JOB, "f.yml:1:5: on: nothing found, expected a list of maps" },
	{ "on: {push: {branch: x}}\n" JOB, "f.yml:1:13: on.push: unknown key \"branch\"" },
	{ "on: {push: {branches: ['[']}}\n" JOB,
		"f.yml:1:24: on.push.branches[0]: pattern \"[\": '[' without ']'" },
	{ "on: {push: {branches: ['!x']}}\n" JOB, "f.yml:1:23: on.push.branches: only patterns" },
	{ "on: {push: {branches: a, branches-ignore: b}}\n" JOB, "both \"branches\" and" },
	{ "on: {pull_request: {types: [nope]}}\n" JOB, "\"nope\" is not an activity type" },
	{ "on: {pull_request: {types: ['opened closed']}}\n" JOB, "is not an activity type" },
	{ "on: {pull_request: {tags: [x]}}\n" JOB,
		"f.yml:1:21: on.pull_request: unknown key \"tags\"" },
	{ "on: {pull_request_target: {}}\n" JOB,
		"f.yml:1:6: on.pull_request_target: not supported, expected pull_request: nothing "
		"runs with secrets" },
	{ "on: [push, pull_request_target]\n" JOB,
		"f.yml:1:12: on[1]: pull_request_target is not supported, expected pull_request" },
	{ "on: {schedule: [{cron: '* * *'}]}\n" JOB,
		"f.yml:1:24: on.schedule[0].cron: cron line has 3 fields" },
	{ "on: {schedule: [{cron: '61 * * * *'}]}\n" JOB,
		"cron field \"61\" is not a valid minute" },
	{ "on: {workflow_dispatch: {inputs: {a: {type: choice}}}}\n" JOB, "without options" },
	{ "on: {workflow_dispatch: {inputs: {a: {type: number, default: x}}}}\n" JOB,
		"inputs.a: default: \"x\", expected a number" },
	{ "on: push\npermissions: all\n" JOB, "f.yml:2:14: permissions: text found, expected" },
	{ "on: push\npermissions: {contents: yes}\n" JOB, "\"yes\", expected read, write or none" },
	{ "on: push\npermissions: {content: read}\n" JOB, "unknown permission" },
	{ "on: push\nenv: {1A: x}\n" JOB, "f.yml:2:7: env.1A: bad name" },
	{ "on: push\nenv: {SHITHUB_INPUT_1: x}\n" JOB, "the prefix SHITHUB_INPUT_ is reserved" },
	{ "on: push\nenv: {A: [x]}\n" JOB, "env.A: a list found, expected text" },
	{ "on: push\nconcurrency: {cancel-in-progress: true}\n" JOB, "concurrency: no group" },
	{ "on: push\njobs: {}\n", "f.yml:2:7: jobs: empty map" },
	{ "on: push\njobs: {1x: {runs-on: a, steps: [{run: b}]}}\n", "jobs.1x: bad job key" },
	{ "on: push\njobs: {a: {runs-on: a}}\n", "jobs.a: no steps, expected" },
	{ "on: push\njobs: {a: {runs-on: a, steps: []}}\n", "jobs.a.steps: empty list" },
	{ "on: push\njobs: {a: {steps: [{run: b}]}}\n", "jobs.a: no runs-on" },
	{ "on: push\njobs: {a: {runs-on: 'a,b', steps: [{run: b}]}}\n", "bad label \"a,b\"" },
	{ "on: push\njobs: {a: {runs-on: ' b', steps: [{run: b}]}}\n", "bad label \" b\"" },
	{ "on: push\njobs: {a: {runs-on: a, services: {}, steps: [{run: b}]}}\n",
		"f.yml:2:24: jobs.a.services: not supported, expected a step that starts what" },
	{ "on: push\njobs: {a: {runs-on: a, timeout-minutes: 0, steps: [{run: b}]}}\n",
		"timeout-minutes: \"0\", expected a whole number from 1 to 4320" },
	{ "on: push\njobs: {a: {runs-on: a, needs: b, steps: [{run: b}]}}\n",
		"f.yml:2:31: jobs.a.needs: no job \"b\"" },
	{ "on: push\njobs: {a: {runs-on: a, needs: a, steps: [{run: b}]}}\n",
		"f.yml:2:31: jobs.a: part of (or waiting for) a cycle" },
	{ STEP("name: x"), "f.yml:6:9: jobs.b.steps[0]: neither run nor uses" },
	{ STEP("{run: x, uses: actions/checkout@v4}"), "steps[0]: both run and uses" },
	{ STEP("run: ' '"), "steps[0].run: empty, expected a script" },
	{ STEP("run:"), "steps[0].run: nothing found, expected a script" },
	{ STEP("uses: other/thing@v1"), "unknown action \"other/thing@v1\", expected one of" },
	{ STEP("{run: x, with: {a: b}}"), "\"with\" beside run" },
	{ STEP("{uses: actions/checkout@v4, shell: sh}"), "\"shell\" beside uses" },
	{ STEP("{run: x, id: 1a}"), "steps[0].id: bad name \"1a\"" },
	{ STEP("{run: x, id: a.b}"), "steps[0].id: bad name \"a.b\", expected letters, digits, " },
	{ STEP("{run: x, id: Ab}\n      - {run: y, id: aB}"), "id \"aB\" is used twice" },
	{ "on: push\njobs: {a: {runs-on: x, steps: [{run: y}]}, A: {runs-on: x, steps: [{run: "
	  "y}]}}\n",
		"f.yml:2:44: jobs.A: differs from job \"a\" in case only" },
	{ "on: push\njobs: {a" K100 K100 K100 K100 ": {runs-on: x, steps: [{run: y}]}}\n",
		"a key of 401 bytes, expected at most 400" },
	{ "on: push\njobs: {__a: {runs-on: x, steps: [{run: y}]}}\n", "no \"__\" at the start" },
	{ "on: push\njobs: {a: {runs-on: {group: g, size: 3}, steps: [{run: y}]}}\n",
		"jobs.a.runs-on: unknown key \"size\", expected one of: group labels" },
	{ "on: push\njobs: {a: {runs-on: {}, steps: [{run: y}]}}\n", "runs-on: empty map" },
	{ "on: push\njobs: {a: {environment: {url: u}, runs-on: x, steps: [{run: y}]}}\n",
		"jobs.a.environment: no name" },
	{ STEP("{run: x, id: a}\n      - {run: y, id: a}"),
		"f.yml:7:9: jobs.b.steps[1]: id \"a\"" },
	{ STEP("{run: x, continue-on-error: yes}"), "\"yes\", expected true or false" },
	{ STEP("{run: x, bogus: 1}"), "jobs.b.steps[0]: unknown key \"bogus\"" },
	{ STEP("{run: x, env: {\"A=B\": 1}}"), "env.A=B: bad name" },
	{ "on: push\non: push\n" JOB, "f.yml:2:1: duplicate key \"on\"" },
};

static void bad_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEANUP(strv_release) struct strv problems = { 0 };
		CLEAN_WORKFLOW struct workflow w;

		if (parse(bad[i].text, &w, &problems) == 0)
			fail_msg("accepted:\n%s", bad[i].text);
		if (!strstr(problems.v[0], bad[i].problem))
			fail_msg("got \"%s\", expected \"%s\"", problems.v[0], bad[i].problem);
		assert_int_equal(w.n_jobs, 0);
	}
}

static void all_problems_at_once(void **state)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	assert_int_equal(parse("on: nope\nenv: {1: x}\njobs:\n  a:\n    steps:\n    - name: 1\n",
				 &w, &problems),
		-1);
	assert_int_equal(problems.n, 4);
	assert_string_equal(problems.v[3], "f.yml:5:5: jobs.a: no runs-on, expected a label");
}

static void problems_are_capped(void **state)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_BUF struct buf b = BUF_INIT(LIMIT_WORKFLOW_FILE);
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	for (int i = 0; i < 150; i++)
		buf_addf(&b, "k%d: 1\n", i);
	assert_int_equal(parse(buf_cstr(&b), &w, &problems), -1);
	assert_int_equal(problems.n, WORKFLOW_PROBLEMS_MAX + 1);
	assert_string_equal(problems.v[WORKFLOW_PROBLEMS_MAX], "f.yml: 52 more problems");
}

static void longer_cycle(void **state)
{
	static const char text[] = "on: push\njobs:\n"
				   "  free: {runs-on: x, steps: [{run: y}]}\n"
				   "  a: {needs: [c, free], runs-on: x, steps: [{run: y}]}\n"
				   "  b: {needs: a, runs-on: x, steps: [{run: y}]}\n"
				   "  c: {needs: b, runs-on: x, steps: [{run: y}]}\n";
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	assert_int_equal(parse(text, &w, &problems), -1);
	assert_int_equal(problems.n, 3);
	assert_non_null(strstr(problems.v[0], "jobs.a: part of"));
}

/* What authors bring along from elsewhere. */
static void forms_of_other_services(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf"
		"on: push\n"
		"run-name: by ${{ github.actor }}\n"
		"env: {a-b.c: 1}\n"
		"jobs:\n"
		"  one:\n"
		"    runs-on: {group: big, labels: [linux, 'with blank']}\n"
		"    environment: {name: 'to ${{ github.ref_name }}', url: 'https://x.test'}\n"
		"    timeout-minutes: !!int 7\n"
		"    strategy: {matrix: {v: [!!str 3.10, !!float 3.10, !!int \"3\", !!null '', "
		"!!bool true]}}\n"
		"    steps: [{id: set-up, run: !!str y, continue-on-error: !!bool true}]\n"
		"  two:\n"
		"    runs-on: 'with blank'\n"
		"    environment: live\n"
		"    if:\n"
		"    steps: [{run: y, if: ''}]\n";
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	parse_ok(text, &w);
	assert_string_equal(w.run_name, "by ${{ github.actor }}");
	assert_string_equal(pairs_get(&w.env, "a-b.c"), "1");
	assert_int_equal(w.jobs[0].runs_on.n, 3);
	assert_string_equal(w.jobs[0].runs_on.v[0], "big");
	assert_string_equal(w.jobs[0].runs_on.v[2], "with blank");
	assert_string_equal(w.jobs[0].environment.url, "https://x.test");
	assert_int_equal(w.jobs[0].timeout_minutes.value, 7);
	assert_string_equal(w.jobs[0].steps[0].id, "set-up");
	assert_true(w.jobs[0].steps[0].continue_on_error.value);
	assert_string_equal(w.jobs[1].environment.name, "live");
	assert_null(w.jobs[1].condition);
	assert_null(w.jobs[1].steps[0].condition);
	static const char *const values[] = { "\"3.10\"", "3.1", "3", "null", "true" };
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		assert_string_equal(w.jobs[0].strategy.axes[0].values.v[i], values[i]);
}

static void control_characters_never_reach_messages(void **state)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	assert_int_equal(parse("\"a\\e[31m\\nb\": 1\n", &w, &problems), -1);
	assert_null(strchr(problems.v[0], '\033'));
	assert_null(strchr(problems.v[0], '\n'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smoke_file),
		cmocka_unit_test(every_trigger),
		cmocka_unit_test(every_key),
		cmocka_unit_test(forms_of_on),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(all_problems_at_once),
		cmocka_unit_test(problems_are_capped),
		cmocka_unit_test(longer_cycle),
		cmocka_unit_test(forms_of_other_services),
		cmocka_unit_test(control_characters_never_reach_messages),
	};

	return cmocka_run_group_tests_name("workflow", tests, NULL, NULL);
}
