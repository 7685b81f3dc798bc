/* Expressions that are checked when the file is read: each problem, all at once, with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "workflow/keys.h"
#include "workflow/workflow.h"

/* Everything of a small workflow but one key; %s stands in line 3 of the file. */
#define TOP(line) "on: push\n" line "\njobs: {a: {runs-on: x, steps: [{run: y}]}}\n"
#define JOB(line)                                                                           \
	"on: push\njobs: {n: {runs-on: x, outputs: {o: v}, steps: [{run: y}]}, a: {\n" line \
	", steps: [{run: y}]}}\n"
#define STEP(line)                                                                        \
	"on: push\njobs: {n: {runs-on: x, steps: [{run: y}]}, a: {runs-on: x, needs: n, " \
	"steps: [{id: first, run: x},\n" line ", {id: later, run: x}]}}\n"

static const struct {
	const char *text, *problem; /* the first problem; NULL: fine */
} rows[] = {
	/* syntax, and where in the value it is wrong */
	{ STEP("{run: 'echo ${{ 1 + 2 }}'}"),
		":3:19: jobs.a.steps[1].run: unexpected `+`, expected a number" },
	{ STEP("{run: 'echo ${{ github.ref'}"), ":3:13: jobs.a.steps[1].run: `${{` is not closed" },
	{ STEP("{run: 'echo ${{ }}'}"), ":3:16: jobs.a.steps[1].run: nothing between ${{ and }}" },
	{ STEP("{run: x, if: 'success() ||'}"), ":3:27: jobs.a.steps[1].if: unexpected end" },
	{ STEP("{run: x, if: '${{ true }} && x'}"),
		":3:15: jobs.a.steps[1].if: text beside ${{ }}" },
	{ STEP("{run: x, if: }"), NULL },
	{ STEP("{run: x, if: ''}"), NULL },
	/* functions */
	{ STEP("{run: x, if: sucess()}"), ":3:14: jobs.a.steps[1].if: unknown function `sucess`" },
	{ STEP("{run: '${{ failure() }}'}"), ":3:12: jobs.a.steps[1].run: failure() is not "
					     "available here, expected it in an if" },
	{ STEP("{run: '${{ hashFiles(''x'') }}'}"), NULL },
	{ JOB("runs-on: x, if: \"hashFiles('x') == ''\""),
		":3:18: jobs.a.if: hashFiles() is not available here, expected it in a step" },
	/* contexts */
	{ STEP("{run: x, if: stesp.first.outcome}"),
		":3:14: jobs.a.steps[1].if: unknown context `stesp`, expected one of: shithub " },
	{ STEP("{run: x, if: secrets.X != ''}"),
		":3:14: jobs.a.steps[1].if: `secrets` is not available here" },
	{ STEP("{run: x, env: {A: '${{ secrets.X }}'}}"), NULL },
	{ JOB("runs-on: x, env: {A: '${{ env.B }}'}"),
		":3:27: jobs.a.env.A: `env` is not available here, expected one of: shithub "
		"needs " },
	{ JOB("runs-on: x, env: {A: '${{ steps.b.outputs.c }}'}"),
		":3:27: jobs.a.env.A: `steps` is not available here" },
	{ JOB("runs-on: x, env: {A: '${{ runner.temp }}${{ matrix.v }}${{ needs }}'}"), NULL },
	{ JOB("runs-on: '${{ env.X }}'"), ":3:15: jobs.a.runs-on: `env` is not available here" },
	{ JOB("runs-on: [self-hosted, '${{ GitHub.ref }}', '${{ INPUTS.x }}']"), NULL },
	{ JOB("runs-on: x, name: '${{ secrets.X }}'"),
		":3:24: jobs.a.name: `secrets` is not available here" },
	{ JOB("runs-on: x, if: matrix.os == 'x'"), ":3:17: jobs.a.if: `matrix` is not available" },
	{ TOP("env: {A: '${{ github.ref }}', B: '${{ matrix.x }}'}"),
		":2:39: env.B: `matrix` is not available here, expected one of: shithub inputs" },
	{ TOP("concurrency: 'g-${{ needs.a.result }}'"),
		":2:21: concurrency: `needs` is not available here" },
	{ TOP("name: 'x ${{ github.ref }}'"), ":2:7: name: an expression cannot stand here" },
	/* jobs and steps that exist */
	{ STEP("{run: '${{ steps.first.outcome }}${{ steps[''FIRST''].outputs.x }}'}"), NULL },
	{ STEP("{run: '${{ steps.frist.outcome }}'}"),
		":3:18: jobs.a.steps[1].run: no step before this place has the id \"frist\", "
		"expected one of: first" },
	{ STEP("{run: '${{ steps.later.outcome }}'}"),
		"no step before this place has the id \"later\"" },
	{ STEP("{run: '${{ steps.first.result }}'}"),
		":3:24: jobs.a.steps[1].run: a step has no \"result\", expected outputs, outcome" },
	{ STEP("{run: '${{ toJSON(steps) }}${{ steps.*.outcome }}'}"), NULL },
	{ STEP("{run: '${{ needs.n.result }}${{ needs.N.outputs }}'}"), NULL },
	{ STEP("{run: '${{ needs.m.result }}'}"), ":3:18: jobs.a.steps[1].run: this job does not "
						  "need a job \"m\", expected one of its "
						  "needs: n" },
	{ STEP("{run: '${{ needs.n.conclusion }}'}"), "has no \"conclusion\", expected result or" },
	{ STEP("{run: '${{ needs.n.outputs.o }}'}"),
		":3:28: jobs.a.steps[1].run: an output \"o\" that job \"n\" does not declare" },
	{ JOB("runs-on: x, needs: n, env: {A: '${{ needs.n.outputs.o }}'}"), NULL },
	{ JOB("runs-on: x, outputs: {x: '${{ steps.none.outputs.x }}'}"),
		"no step before this place has the id \"none\", expected one of: (none)" },
	{ JOB("runs-on: x, if: needs.n.result == 'x'"), "this job does not need a job \"n\"" },
};

static void each_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEANUP(strv_release) struct strv problems = { 0 };
		CLEAN_WORKFLOW struct workflow w = { 0 };
		int rc = workflow_parse("f", rows[i].text, strlen(rows[i].text), &w, &problems);

		if (!rows[i].problem && rc < 0)
			fail_msg("%s\n%s", rows[i].text, problems.v[0]);
		if (rows[i].problem && rc == 0)
			fail_msg("accepted:\n%s", rows[i].text);
		if (rows[i].problem && !strstr(problems.v[0], rows[i].problem))
			fail_msg("%s\ngot \"%s\", expected \"%s\"", rows[i].text, problems.v[0],
				rows[i].problem);
	}
}

static void all_at_once(void **state)
{
	static const char text[] = "on: push\n"
				   "env: {A: '${{ foo() && bar() || baz.x || steps }}'}\n"
				   "jobs:\n"
				   "  a:\n"
				   "    runs-on: ${{ nope }}\n"
				   "    steps:\n"
				   "      - if: sucess()\n"
				   "        run: |\n"
				   "          ${{ a }}\n"
				   "            and ${{ ( }} and ${{ b }}\n";
	static const char *const places[] = { "f:2:15: ", "f:2:24: ", "f:2:33: ", "f:2:42: ",
		"f:5:18: ", "f:7:13: ", "f:9:15: ", "f:10:23: ", "f:10:34: " };
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w = { 0 };

	(void)state;

	assert_int_equal(workflow_parse("f", text, strlen(text), &w, &problems), -1);
	assert_int_equal(problems.n, ARRAY_LEN(places));
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		bool found = false;

		strv_each (line, &problems)
			found |= str_starts(line, places[i]);
		if (!found)
			fail_msg("no problem at %s", places[i]);
	}
}

/* docs/WORKFLOWS.md has one row for each key that may hold expressions. */
static void page_shows_the_table(void **state)
{
	CLEAN_BUF struct buf page = BUF_INIT(MIB(1));
	struct err e = { 0 };
	size_t n;
	const struct key_rule *rules = key_rules(&n);

	(void)state;

	if (file_read("docs/WORKFLOWS.md", &page, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < n; i++) {
		CLEAN_STR char *row =
			xasprintf("| `%s` | %s | %s%s%s |\n", rules[i].key, rules[i].contexts,
				rules[i].form == RENDER_CONDITION ? "condition"
				: rules[i].form == RENDER_VALUE   ? "one expression"
								  : "text",
				rules[i].functions & KEY_STATUS ? ", status functions" : "",
				rules[i].functions & KEY_FILES ? ", `hashFiles()`" : "");

		if (!strstr(buf_cstr(&page), row))
			fail_msg("docs/WORKFLOWS.md has no row %s", row);
	}
}

/* The page names every key that the reader knows: what it says about an unknown one lists them. */
static void page_names_every_key(void **state)
{
	static const struct {
		const char *text, *prefix;
	} places[] = {
		{ TOP("bogus: 1"), "" },
		{ TOP("concurrency: {group: g, bogus: 1}"), "concurrency." },
		{ TOP("defaults: {bogus: 1}"), "defaults." },
		{ TOP("defaults: {run: {bogus: 1}}"), "defaults.run." },
		{ "on: {bogus: 1}\njobs: {}\n", "on." },
		{ "on: {push: {bogus: 1}}\njobs: {}\n", "on.push." },
		{ "on: {pull_request: {bogus: 1}}\njobs: {}\n", "on.pull_request." },
		{ "on: {schedule: [{bogus: 1}]}\njobs: {}\n", "on.schedule[]." },
		{ "on: {workflow_dispatch: {bogus: 1}}\njobs: {}\n", "on.workflow_dispatch." },
		{ "on: {workflow_dispatch: {inputs: {a: {bogus: 1}}}}\njobs: {}\n",
			"on.workflow_dispatch.inputs.*." },
		{ JOB("runs-on: x, bogus: 1"), "jobs.*." },
		{ JOB("runs-on: {bogus: 1}"), "jobs.*.runs-on." },
		{ JOB("runs-on: x, strategy: {bogus: 1}"), "jobs.*.strategy." },
		{ JOB("runs-on: x, environment: {name: n, bogus: 1}"), "jobs.*.environment." },
		{ STEP("{run: x, bogus: 1}"), "jobs.*.steps[]." },
	};
	CLEAN_BUF struct buf page = BUF_INIT(MIB(1));
	struct err e = { 0 };

	(void)state;

	if (file_read("docs/WORKFLOWS.md", &page, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		CLEANUP(strv_release) struct strv problems = { 0 }, keys = { 0 };
		CLEAN_WORKFLOW struct workflow w = { 0 };

		assert_int_equal(
			workflow_parse("f", places[i].text, strlen(places[i].text), &w, &problems),
			-1);
		const char *list = strstr(problems.v[0], "expected one of: ");
		if (list)
			strv_split(&keys, list + strlen("expected one of: "), ' ');
		else
			fail_msg("%s: %s", places[i].prefix, problems.v[0]);
		assert_true(keys.n > 0);
		strv_each (key, &keys) {
			CLEAN_STR char *row = xasprintf("\n| `%s%s` | ", places[i].prefix, key);

			if (!strstr(buf_cstr(&page), row))
				fail_msg("docs/WORKFLOWS.md has no row %s", row);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule),
		cmocka_unit_test(all_at_once),
		cmocka_unit_test(page_shows_the_table),
		cmocka_unit_test(page_names_every_key),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
