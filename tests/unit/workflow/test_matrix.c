/* Matrices: what a file says, the rows it becomes, and what is refused with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "workflow/workflow.h"

#define HEAD "on: push\njobs:\n  b:\n    runs-on: x\n    steps: [{run: a}]\n    strategy:\n"

static int parse(const char *strategy, struct workflow *w, struct strv *problems)
{
	CLEAN_STR char *text = xasprintf("%s%s", HEAD, strategy);

	return workflow_parse("f.yml", text, strlen(text), w, problems);
}

/* The rows as JSON, one a line. */
static char *rows_of(const struct workflow_strategy *s)
{
	CLEAN_MATRIX struct matrix m = { 0 };
	struct buf out = BUF_INIT(MIB(1));
	struct err e = { 0 };

	if (matrix_expand(s, &m, &e) < 0)
		fail_msg("%s", e.text);
	for (size_t i = 0; i < m.n; i++) {
		CLEAN_STR char *json = matrix_row_json(&m.rows[i]);

		buf_addf(&out, "%s\n", json);
	}
	return buf_take(&out);
}

static const struct {
	const char *name, *strategy, *rows;
} expansions[] = {
	{ "no matrix", "      fail-fast: false\n", "{}\n" },
	{ "the last axis turns fastest", "      matrix: {os: [linux, mac], v: [10, 12]}\n",
		"{\"os\":\"linux\",\"v\":10}\n{\"os\":\"linux\",\"v\":12}\n"
		"{\"os\":\"mac\",\"v\":10}\n{\"os\":\"mac\",\"v\":12}\n" },
	{ "kinds of values",
		"      matrix: {a: [3.10, \"3.10\", true, \"true\", null, 1e3, 0x1F, 007, -2, "
		".inf, "
		"1_0, on, 1e400]}\n",
		"{\"a\":3.1}\n{\"a\":\"3.10\"}\n{\"a\":true}\n{\"a\":\"true\"}\n{\"a\":null}\n"
		"{\"a\":1000}\n{\"a\":31}\n{\"a\":7}\n{\"a\":-2}\n{\"a\":\".inf\"}\n{\"a\":\"1_0\"}"
		"\n{\"a\":\"on\"}\n{\"a\":\"1e400\"}\n" },
	{ "whole numbers in all their spellings",
		"      matrix: {v: [+1, -0, +0, 0000, -0000, 0xFF, 0o10, 0755, +00755, -00755, "
		"!!int +1, "
		"!!int 0xff, !<tag:yaml.org,2002:int> 0o10]}\n",
		"{\"v\":1}\n{\"v\":0}\n{\"v\":0}\n{\"v\":0}\n{\"v\":0}\n{\"v\":255}\n{\"v\":8}\n"
		"{\"v\":755}\n{\"v\":755}\n{\"v\":-755}\n{\"v\":1}\n{\"v\":255}\n{\"v\":8}\n" },
	{ "blocks of text",
		"      matrix:\n        v:\n          - |\n            a\n\n              b\n\n"
		"          - >-\n            a\n            b\n\n            c\n\n"
		"          - |+\n            a\n\n          - !!str |\n            1\n",
		"{\"v\":\"a\\n\\n  b\\n\"}\n{\"v\":\"a "
		"b\\nc\"}\n{\"v\":\"a\\n\\n\"}\n{\"v\":\"1\\n\"}\n" },
	{ "lists and maps are values", "      matrix: {node: [{v: 20}, {v: 22, env: [A, B]}]}\n",
		"{\"node\":{\"v\":20}}\n{\"node\":{\"v\":22,\"env\":[\"A\",\"B\"]}}\n" },
	{ "exclude by a part",
		"      matrix: {os: [l, m], v: [1, 2], exclude: [{os: m, v: 1}, {os: l}]}\n",
		"{\"os\":\"m\",\"v\":2}\n" },
	/* an entry's leaves are compared as == compares */
	{ "exclude takes a text for the number it reads as",
		"      matrix: {v: [1, 2, 1.0], exclude: [{v: '1'}]}\n", "{\"v\":2}\n" },
	{ "exclude ignores the case of texts",
		"      matrix: {os: [Linux, mac], exclude: [{os: LINUX}]}\n",
		"{\"os\":\"mac\"}\n" },
	{ "exclude takes true for 1", "      matrix: {v: [true, false], exclude: [{v: 1}]}\n",
		"{\"v\":false}\n" },
	{ "exclude names some leaves of a map",
		"      matrix:\n        c: [{os: l, v: 1}, {os: l, v: 2}, {os: m, v: 1}]\n"
		"        exclude: [{c: {v: 1, os: L}}, {c: {none: x}}]\n",
		"{\"c\":{\"os\":\"l\",\"v\":2}}\n{\"c\":{\"os\":\"m\",\"v\":1}}\n" },
	{ "exclude names some leaves of a list",
		"      matrix: {c: [[1, 2], [1, 3], [4]], exclude: [{c: [1, 3]}, {c: [4]}]}\n",
		"{\"c\":[1,2]}\n" },
	{ "exclude does not match a text with a map",
		"      matrix: {c: [x, {a: x}], exclude: [{c: x}]}\n", "{\"c\":{\"a\":\"x\"}}\n" },
	{ "exclude wants all of its pairs",
		"      matrix: {a: [1, 2], b: [1, 2], exclude: [{a: 1, b: 2}, {b: 1, a: 2}]}\n",
		"{\"a\":1,\"b\":1}\n{\"a\":2,\"b\":2}\n" },
	{ "include meets an axis as == does and leaves its value alone",
		"      matrix: {os: [Linux], v: [1], include: [{os: linux, v: '1', x: y}]}\n",
		"{\"os\":\"Linux\",\"v\":1,\"x\":\"y\"}\n" },
	{ "include meets a map by some of its leaves",
		"      matrix: {c: [{a: 1, b: 2}, {a: 3}], include: [{c: {a: 1}, x: y}]}\n",
		"{\"c\":{\"a\":1,\"b\":2},\"x\":\"y\"}\n{\"c\":{\"a\":3}}\n" },
	{ "include without a value of an axis meets every row",
		"      matrix: {a: [1, 2], include: [{x: y}, {x: z, a: 2}]}\n",
		"{\"a\":1,\"x\":\"y\"}\n{\"a\":2,\"x\":\"z\"}\n" },
	{ "include meets no row that exclude took away",
		"      matrix: {a: [1, 2], exclude: [{a: 2}], include: [{a: 2}, {a: 3, b: 4}]}\n",
		"{\"a\":1}\n{\"a\":2}\n{\"a\":3,\"b\":4}\n" },
	{ "exclude comes before include",
		"      matrix:\n        v: [1, 2]\n        include: [{v: 1, x: y}]\n"
		"        exclude: [{v: 1}]\n",
		"{\"v\":2}\n{\"v\":1,\"x\":\"y\"}\n" },
	{ "include alone", "      matrix: {include: [{a: 1}, {a: 1}, {b: 2}]}\n",
		"{\"a\":1}\n{\"a\":1}\n{\"b\":2}\n" },
	{ "the documented include example",
		"      matrix:\n"
		"        fruit: [apple, pear]\n"
		"        animal: [cat, dog]\n"
		"        include:\n"
		"          - color: green\n"
		"          - {color: pink, animal: cat}\n"
		"          - {fruit: apple, shape: circle}\n"
		"          - fruit: banana\n"
		"          - {fruit: banana, animal: cat}\n",
		"{\"fruit\":\"apple\",\"animal\":\"cat\",\"color\":\"pink\",\"shape\":\"circle\"}\n"
		"{\"fruit\":\"apple\",\"animal\":\"dog\",\"color\":\"green\",\"shape\":\"circle\"}"
		"\n"
		"{\"fruit\":\"pear\",\"animal\":\"cat\",\"color\":\"pink\"}\n"
		"{\"fruit\":\"pear\",\"animal\":\"dog\",\"color\":\"green\"}\n"
		"{\"fruit\":\"banana\"}\n"
		"{\"fruit\":\"banana\",\"animal\":\"cat\"}\n" },
};

static void expands(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(expansions); i++) {
		CLEANUP(strv_release) struct strv problems = { 0 };
		CLEAN_WORKFLOW struct workflow w;

		if (parse(expansions[i].strategy, &w, &problems) < 0)
			fail_msg("%s: %s", expansions[i].name, problems.v[0]);
		CLEAN_STR char *rows = rows_of(&w.jobs[0].strategy);
		if (!str_eq(rows, expansions[i].rows))
			fail_msg("%s:\n%sexpected\n%s", expansions[i].name, rows,
				expansions[i].rows);
	}
}

static void options(void **state)
{
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	assert_int_equal(parse("      {max-parallel: 3, matrix: {a: [1]}}\n", &w, &problems), 0);
	assert_true(w.jobs[0].strategy.fail_fast.value);
	assert_int_equal(w.jobs[0].strategy.max_parallel.value, 3);
	assert_int_equal(w.jobs[0].strategy.line, 7);
}

static void no_strategy(void **state)
{
	static const char text[] = "on: push\njobs: {b: {runs-on: x, steps: [{run: a}]}}\n";
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	assert_int_equal(workflow_parse("f.yml", text, strlen(text), &w, &problems), 0);
	assert_false(w.jobs[0].strategy.given);
	CLEAN_STR char *rows = rows_of(&w.jobs[0].strategy);
	assert_string_equal(rows, "{}\n");
}

#define TEN "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"

static const struct {
	const char *strategy, *problem;
} refusals[] = {
	{ "      matrix: x${{ fromJSON(vars.m) }}\n", "f.yml:7:15: jobs.b.strategy.matrix: text "
						      "beside ${{ }}, expected one expression and "
						      "nothing else" },
	{ "      matrix: ['${{ vars.b }}']\n",
		"f.yml:7:15: jobs.b.strategy.matrix: a list found, expected a map of lists" },
	{ "      matrix: {a b: '${{ vars.b }}'}\n", "f.yml:7:16: jobs.b.strategy.matrix.a b: bad "
						    "name, expected letters, digits, '_' and "
						    "'-'" },
	{ "      matrix: {a: b, c: '${{ vars.b }}'}\n",
		"f.yml:7:19: jobs.b.strategy.matrix.a: text found, expected a list of values" },
	{ "      matrix: {a: [x, '${{ matrix.b }}']}\n",
		"f.yml:7:28: jobs.b.strategy.matrix.a[1]: `matrix` is not available here, expected "
		"one "
		"of: shithub needs inputs vars" },
	{ "      matrix: {a: []}\n",
		"f.yml:7:19: jobs.b.strategy.matrix.a: empty list, expected at least one value" },
	{ "      matrix: {a: b}\n", "f.yml:7:19: jobs.b.strategy.matrix.a: text found, expected a "
				    "list of values" },
	{ "      matrix: {a b: [1]}\n", "f.yml:7:16: jobs.b.strategy.matrix.a b: bad name, "
					"expected letters, digits, '_' and '-'" },
	{ "      matrix: {a: [1], exclude: [{b: 1}]}\n",
		"f.yml:7:34: jobs.b.strategy.matrix: no list \"b\" in this matrix, expected a name "
		"of one" },
	{ "      matrix: {a: [1], exclude: [{a: 1}]}\n",
		"f.yml:7:15: jobs.b.strategy.matrix: no combination is left, expected at least "
		"one" },
	{ "      matrix: {}\n", "f.yml:7:15: jobs.b.strategy.matrix: no combination is left, "
				"expected at least one" },
	{ "      matrix: {include: [{}]}\n",
		"f.yml:7:26: jobs.b.strategy.matrix.include[0]: empty map, expected at least one "
		"name" },
	{ "      matrix: {a: " TEN ", b: " TEN ", c: [1, 2, 3]}\n",
		"f.yml:7:15: jobs.b.strategy.matrix: more than 256 combinations of the axes, "
		"expected fewer" },
	{ "      matrix: {a: " TEN ", b: " TEN ", c: " TEN ", d: " TEN ", e: " TEN ", f: " TEN
	  "}\n",
		"f.yml:7:15: jobs.b.strategy.matrix: more than 256 combinations of the axes, "
		"expected fewer" },
	{ "      max-parallel: 0\n", "f.yml:7:21: jobs.b.strategy.max-parallel: \"0\", expected a "
				     "whole number from 1 to 256" },
	{ "      fail-fast: maybe\n",
		"f.yml:7:18: jobs.b.strategy.fail-fast: \"maybe\", expected true or false" },
	{ "      matrx: {a: [1]}\n", "f.yml:7:7: jobs.b.strategy: unknown key \"matrx\", expected "
				     "one of: matrix fail-fast max-parallel" },
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		CLEANUP(strv_release) struct strv problems = { 0 };
		CLEAN_WORKFLOW struct workflow w;

		if (parse(refusals[i].strategy, &w, &problems) == 0)
			fail_msg("accepted: %s", refusals[i].strategy);
		assert_string_equal(problems.v[0], refusals[i].problem);
		assert_int_equal(problems.n, 1);
	}
}

static const char CONTEXTS[] =
	"{\"vars\":{\"list\":\"[1, \\\"a\\\", {\\\"k\\\": [true]}]\","
	"\"all\":\"{\\\"v\\\": [1], \\\"include\\\": [{\\\"v\\\": 1, \\\"x\\\": 2}]}\","
	"\"name\":\"n\",\"bad\":\"{}\"},\"inputs\":{\"typed\":\"[7]\"}}";

/* Values that expressions give keep their kind; what holds none stays as it is written. */
static void expressions(void **state)
{
	static const struct {
		const char *strategy, *rows; /* error when it begins with strategy */
		unsigned flags;
	} cases[] = {
		{ "      matrix: ${{ fromJSON(vars.all) }}\n", "{\"v\":1,\"x\":2}\n", 0 },
		{ "      matrix: {v: \"${{ fromJSON(vars.list) }}\", w: [0x1F]}\n",
			"{\"v\":1,\"w\":31}\n{\"v\":\"a\",\"w\":31}\n{\"v\":{\"k\":[true]},\"w\":"
			"31}\n",
			0 },
		{ "      matrix: {v: ['x ${{ vars.name }}', {a: '${{ 1.50 }}'}, y]}\n",
			"{\"v\":\"x n\"}\n{\"v\":{\"a\":1.5}}\n{\"v\":\"y\"}\n", 0 },
		{ "      matrix: {v: \"${{ fromJSON(inputs.typed) }}\"}\n", "{\"v\":7}\n",
			EXPR_TAINTED },
		{ "      matrix: {include: \"${{ fromJSON('[{\\\"a\\\": 1}]') }}\", exclude: \"${{ "
		  "null }}\"}\n",
			"{\"a\":1}\n", 0 },
		{ "      matrix: ${{ vars.name }}\n",
			"strategy: matrix: string found, expected a map of lists", 0 },
		{ "      matrix: ${{ fromJSON(vars.bad) }}\n",
			"strategy: matrix: no combination is left", 0 },
		{ "      matrix: {v: \"${{ vars.name }}\"}\n",
			"strategy: matrix: v: string found, expected a list of values", 0 },
		{ "      matrix: {v: [1], include: \"${{ fromJSON('[1]') }}\"}\n",
			"strategy: matrix: include: number found, expected a map", 0 },
		{ "      matrix: {v: \"${{ fromJSON(vars.none) }}\"}\n",
			"strategy: matrix: v: column 5: fromJSON", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strv_release) struct strv problems = { 0 };
		CLEANUP(strategy_release) struct workflow_strategy made = { 0 };
		CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
		CLEAN_JSON struct json_doc *doc =
			json_parse(CONTEXTS, strlen(CONTEXTS), NULL, NULL);
		struct expr_value inputs =
			expr_from_json(a, json_get(json_root(doc), "inputs"), EXPR_TAINTED);
		struct expr_context c = { .root = expr_from_json(a, json_root(doc), 0) };
		CLEAN_WORKFLOW struct workflow w;
		struct err e = { 0 };
		unsigned flags = 0;

		expr_set(a, &c.root, "inputs", inputs);
		expr_root_finish(a, &c.root);
		if (parse(cases[i].strategy, &w, &problems) < 0)
			fail_msg("%s", problems.v[0]);
		if (matrix_render(&w.jobs[0].strategy, &c, &made, &flags, &e) < 0) {
			if (!str_starts(e.text, cases[i].rows))
				fail_msg("%s: %s", cases[i].strategy, e.text);
			continue;
		}
		CLEAN_STR char *rows = rows_of(&made);
		assert_string_equal(rows, cases[i].rows);
		assert_int_equal(flags, cases[i].flags);
	}
}

/* 16 × 16 axes are the most; one include that fits nowhere is one too many. */
static void most_rows(void **state)
{
	struct buf text = BUF_INIT(KIB(8));
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;
	CLEAN_MATRIX struct matrix m = { 0 };
	struct err e = { 0 };

	(void)state;

	buf_adds(&text, "      matrix: {a: [");
	for (int i = 0; i < 16; i++)
		buf_addf(&text, "%d, ", i);
	buf_adds(&text, "], b: [");
	for (int i = 0; i < 16; i++)
		buf_addf(&text, "%d, ", i);
	buf_adds(&text, "], include: [{a: 99}]}\n");
	assert_int_equal(parse(buf_cstr(&text), &w, &problems), -1);
	assert_non_null(strstr(problems.v[0], "more than 256 combinations with include"));
	buf_release(&text);
	strv_release(&problems);

	assert_int_equal(parse("      matrix: {a: [1, 2], include: [{a: 3}]}\n", &w, &problems), 0);
	assert_int_equal(matrix_expand(&w.jobs[0].strategy, &m, &e), 0);
	assert_int_equal(m.n, 3);
}

/* A hundred aliases of a large value would make every row large. */
static void aliases_are_capped(void **state)
{
	struct buf text = BUF_INIT(KIB(64));
	CLEANUP(strv_release) struct strv problems = { 0 };
	CLEAN_WORKFLOW struct workflow w;

	(void)state;

	buf_adds(&text, "      matrix:\n        a:\n          - &x \"");
	for (int i = 0; i < 20000; i++)
		buf_addc(&text, 'x');
	buf_adds(&text, "\"\n");
	for (int i = 0; i < 90; i++)
		buf_adds(&text, "          - *x\n");
	assert_int_equal(parse(buf_cstr(&text), &w, &problems), -1);
	assert_non_null(strstr(problems.v[0], "matrix too large"));
	buf_release(&text);
}

static void texts(void **state)
{
	struct pairs row = { 0 };

	(void)state;

	CLEAN_STR char *empty = matrix_row_text(&row);
	assert_string_equal(empty, "");
	pairs_set(&row, "os", "\"linux\"");
	pairs_set(&row, "v", "3.1");
	pairs_set(&row, "o", "{\"a\":[1]}");
	CLEAN_STR char *text = matrix_row_text(&row);
	assert_string_equal(text, "linux, 3.1, {\"a\":[1]}");
	pairs_release(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expands),
		cmocka_unit_test(options),
		cmocka_unit_test(no_strategy),
		cmocka_unit_test(refuses),
		cmocka_unit_test(expressions),
		cmocka_unit_test(most_rows),
		cmocka_unit_test(aliases_are_capped),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests_name("matrix", tests, NULL, NULL);
}
