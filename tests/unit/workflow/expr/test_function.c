/* The functions of expressions. */
#include "tests/unit/help/expr_help.h"

#define CHECK(rows, json) expr_help_table(rows, ARRAY_LEN(rows), json)

static const char LISTS[] =
	"{\"l\":[\"one\",2,true,null,\"2.0\",[1],{\"a\":1}],\"empty\":[],\"o\":{\"k\":\"v\"},"
	"\"none\":{},\"sep\":[],\"three\":[\"a\",\"b\",\"c\"]}";

static void searching(void **state)
{
	static const struct expr_row rows[] = {
		{ "contains('Hello world', 'llo')", "true" },
		{ "contains('Hello world', 'LLO W')", "true" },
		{ "contains('Hello', 'x')", "false" },
		{ "contains('Hello', '')", "true" },
		{ "contains('', '')", "true" },
		{ "contains('', 'a')", "false" },
		{ "contains('ab', 'abc')", "false" },
		{ "contains('1234', 23)", "true" },
		{ "contains(1234, 23)", "true" },
		{ "contains('x', null)", "true" },
		{ "contains(null, 'x')", "false" },
		{ "contains('it is true', true)", "true" },
		{ "contains(l, 'ONE')", "true" },
		{ "contains(l, 'on')", "false" },
		{ "contains(l, 2)", "true" },
		{ "contains(l, '2')", "true" },
		{ "contains(l, '2.0')", "true" },
		{ "contains(l, 1)", "true" },
		{ "contains(l, 0)", "true" },
		{ "contains(l, 3)", "false" },
		{ "contains(l, NaN)", "false" },
		{ "contains(l, l[5])", "true" },
		{ "contains(l, l[6])", "true" },
		{ "contains(l, empty)", "false" },
		{ "contains(empty, '')", "false" },
		{ "contains(o, 'v')", "false" },
		{ "contains('Object', o)", "false" },
		{ "contains(fromJSON('[\"push\", \"pull_request\"]'), 'Push')", "true" },
		{ "CONTAINS('a', 'a')", "true" },
		{ "contains ( 'a' , 'a' )", "true" },
		{ "startsWith('Hello world', 'He')", "true" },
		{ "startsWith('Hello world', 'hELLO')", "true" },
		{ "startsWith('Hello', 'ello')", "false" },
		{ "startsWith('He', 'Hello')", "false" },
		{ "startsWith('x', '')", "true" },
		{ "startsWith(123, 12)", "true" },
		{ "startsWith(null, '')", "true" },
		{ "startsWith(l, 'A')", "false" },
		{ "startsWith('Array', l)", "false" },
		{ "endsWith('Hello world', 'LD')", "true" },
		{ "endsWith('Hello', 'Hell')", "false" },
		{ "endsWith('lo', 'Hello')", "false" },
		{ "endsWith('', '')", "true" },
		{ "endsWith(123, '23')", "true" },
		{ "endsWith(true, 'UE')", "true" },
		{ "endsWith(o, 't')", "false" },
	};

	(void)state;
	CHECK(rows, LISTS);
}

static void numbers_as_text(void **state)
{
	static const struct expr_row rows[] = {
		{ "format('{0}', null)", "\"\"" },
		{ "format('{0}', true)", "\"true\"" },
		{ "format('{0}', false)", "\"false\"" },
		{ "format('{0}', 1)", "\"1\"" },
		{ "format('{0}', -2.0)", "\"-2\"" },
		{ "format('{0}', .5)", "\"0.5\"" },
		{ "format('{0}', -0)", "\"0\"" },
		{ "format('{0}', -0.0)", "\"0\"" },
		{ "format('{0}', 123456.789)", "\"123456.789\"" },
		{ "format('{0}', 0.84551240822557006)", "\"0.84551240822557\"" },
		{ "format('{0}', 0.1)", "\"0.1\"" },
		{ "format('{0}', 1.2e2)", "\"120\"" },
		{ "format('{0}', 0xFF)", "\"255\"" },
		{ "format('{0}', 123456789012345)", "\"123456789012345\"" },
		{ "format('{0}', 1e15)", "\"1E+15\"" },
		{ "format('{0}', 12345678901234567)", "\"1.23456789012346E+16\"" },
		{ "format('{0}', 0.0001)", "\"0.0001\"" },
		{ "format('{0}', 0.00001)", "\"1E-05\"" },
		{ "format('{0}', 1e300)", "\"1E+300\"" },
		{ "format('{0}', NaN)", "\"NaN\"" },
		{ "format('{0}', Infinity)", "\"Infinity\"" },
		{ "format('{0}', -Infinity)", "\"-Infinity\"" },
		{ "format('{0}', l)", "\"Array\"" },
		{ "format('{0}', o)", "\"Object\"" },
	};

	(void)state;
	CHECK(rows, LISTS);
}

static void formatting(void **state)
{
	static const struct expr_row rows[] = {
		{ "format('Hello {0} {1} {2}', 'Mona', 'the', 'Octocat')",
			"\"Hello Mona the Octocat\"" },
		{ "format('{{Hello {0}!}}', 'Mona')", "\"{Hello Mona!}\"" },
		{ "format('{0}{0}{1}', 'a', 'b')", "\"aab\"" },
		{ "format('{1}', 'a', 'b')", "\"b\"" },
		{ "format('plain')", "\"plain\"" },
		{ "format('plain', 'unused')", "\"plain\"" },
		{ "format(null)", "\"\"" },
		{ "format(null, 'x')", "\"\"" },
		{ "format(12)", "\"12\"" },
		{ "format('')", "\"\"" },
		{ "format('{{0}}', 'abc')", "\"{0}\"" },
		{ "format('{{{0}}}', 'abc')", "\"{abc}\"" },
		{ "format('{{{{0}}}}', 'abc')", "\"{{0}}\"" },
		{ "format('}}{{}}', 'abc')", "\"}{}\"" },
		{ "format('{0}', '{1}{{')", "\"{1}{{\"" },
		{ "format('{00}', 'abc')", "\"abc\"" },
		{ "format('{0')", "1: format: a lone `{` in the text, expected {0} for the first "
				  "argument or {{ for the character itself" },
		{ "format('0}', '')", "1: format: a lone `}` in the text, expected {0} for the "
				      "first argument or }} for the character itself" },
		{ "format('{0}}', '')", "1: format: a lone `}` in the text, expected {0} for the "
					"first argument or }} for the character itself" },
		{ "format('{{0}', '')", "1: format: a lone `}` in the text, expected {0} for the "
					"first argument or }} for the character itself" },
		{ "format('{}', 1)", "1: format: a lone `{` in the text, expected {0} for the "
				     "first argument or {{ for the character itself" },
		{ "format('{ 0}', 1)", "1: format: a lone `{` in the text, expected {0} for the "
				       "first argument or {{ for the character itself" },
		{ "format('{0:x}', 1)", "1: format: a lone `{` in the text, expected {0} for the "
					"first argument or {{ for the character itself" },
		{ "1 == format('{0}')",
			"6: format: no argument for {0}; 0 given after the format string" },
		{ "format('{0}{1}', 'abc')",
			"1: format: no argument for {1}; 1 given after the format string" },
		{ "format('{99999999999999999999}', 'abc')",
			"1: format: no argument for {999}; 1 given after the format string" },
	};

	(void)state;
	CHECK(rows, "{}");
}

static void joining(void **state)
{
	static const struct expr_row rows[] = {
		{ "join(three)", "\"a,b,c\"" },
		{ "join(three, ', ')", "\"a, b, c\"" },
		{ "join(three, '')", "\"abc\"" },
		{ "join(three, null)", "\"abc\"" },
		{ "join(three, 1.5)", "\"a1.5b1.5c\"" },
		{ "join(three, true)", "\"atruebtruec\"" },
		{ "join(three, sep)", "\"a,b,c\"" },
		{ "join(three, o)", "\"a,b,c\"" },
		{ "join(l)", "\"one,2,true,,2.0,Array,Object\"" },
		{ "join(empty)", "\"\"" },
		{ "join('abc')", "\"abc\"" },
		{ "join('abc', '-')", "\"abc\"" },
		{ "join(123.456)", "\"123.456\"" },
		{ "join(true)", "\"true\"" },
		{ "join(null)", "\"\"" },
		{ "join(o)", "\"\"" },
	};

	(void)state;
	CHECK(rows, LISTS);
}

static void json(void **state)
{
	static const struct expr_row rows[] = {
		{ "toJSON(null)", "\"null\"" },
		{ "toJSON(true)", "\"true\"" },
		{ "toJSON(-0)", "\"0\"" },
		{ "toJSON(1234.5)", "\"1234.5\"" },
		{ "toJSON('')", "\"\\\"\\\"\"" },
		{ "toJSON('a\"b\\c')", "\"\\\"a\\\\\\\"b\\\\\\\\c\\\"\"" },
		{ "toJSON('a\tb\nc')", "\"\\\"a\\\\tb\\\\nc\\\"\"" },
		{ "toJSON('\x01\x7f')", "\"\\\"\\\\u0001\x7f\\\"\"" },
		{ "toJSON(empty)", "\"[]\"" },
		{ "toJSON(none)", "\"{}\"" },
		{ "toJSON(three)", "\"[\\n  \\\"a\\\",\\n  \\\"b\\\",\\n  \\\"c\\\"\\n]\"" },
		{ "toJSON(o)", "\"{\\n  \\\"k\\\": \\\"v\\\"\\n}\"" },
		{ "toJSON(l[5])", "\"[\\n  1\\n]\"" },
		{ "toJSON(fromJSON('{\"a\":[{},[]]}'))",
			"\"{\\n  \\\"a\\\": [\\n    {},\\n    []\\n  ]\\n}\"" },
		{ "tojson(o) == TOJSON(o)", "true" },
		{ "fromJSON('null')", "null" },
		{ "fromJSON(' true ')", "true" },
		{ "fromJSON('-0')", "-0" },
		{ "fromJSON('-1234.5e2')", "-123450" },
		{ "fromJSON('\"a\\u00e9\\n\"')", "\"a\xc3\xa9\\n\"" },
		{ "fromJSON('\"abc''def\"')", "\"abc'def\"" },
		{ "fromJSON('[1, [], {}]')", "[1,[],{}]" },
		{ "fromJSON('{\"b\": 1, \"a\": {\"c\": null}}')", "{\"b\":1,\"a\":{\"c\":null}}" },
		{ "fromJSON('3') > 2", "true" },
		{ "fromJSON(12)", "12" },
		{ "fromJSON(true)", "true" },
		{ "fromJSON(toJSON(l)).*.a", "[1]" },
		{ "fromJSON('[1') == 1", "1: fromJSON: JSON offset 2 (line 1, column 3): parse "
					 "error: premature EOF" },
		{ "fromJSON('')", "1: fromJSON: JSON offset 0 (line 1, column 1): parse error: "
				  "premature EOF" },
		{ "fromJSON('{\"a\":1,\"a\":2}')",
			"1: fromJSON: JSON offset 7 (line 1, column 8): duplicate key \"a\"" },
		{ "fromJSON(o)", "1: fromJSON: the argument is Object, expected text" },
		{ "fromJSON(l)", "1: fromJSON: the argument is Array, expected text" },
	};

	(void)state;
	CHECK(rows, LISTS);
}

static void cases(void **state)
{
	static const struct expr_row rows[] = {
		{ "case(true, 'first', 'default')", "\"first\"" },
		{ "case(false, 'first', 'default')", "\"default\"" },
		{ "case(false, 1, true, 2, 3)", "2" },
		{ "case(false, 1, false, 2, 3)", "3" },
		{ "case(true, 1, true, 2, 3)", "1" },
		{ "case(1 == 1, l, 0)[1]", "2" },
		{ "case(false, 1, fromJSON('{}'))", "{}" },
		/* what is not chosen is not made */
		{ "case(true, 1, fromJSON('x'))", "1" },
		{ "case(false, fromJSON('x'), 2)", "2" },
		{ "case(true, 1, fromJSON('x'), 2, 3)", "1" },
		{ "case('x', 1, 2)", "6: case: a condition is String, expected Boolean" },
		{ "case(1, 1, 2)", "6: case: a condition is Number, expected Boolean" },
		{ "case(false, 1, null, 2, 3)", "16: case: a condition is Null, expected Boolean" },
		{ "case(l, 1, 2)", "6: case: a condition is Array, expected Boolean" },
		{ "case(true, 1, false, 2)",
			"1: case: 4 arguments, expected an odd number: conditions with a value "
			"each, then what applies otherwise" },
	};

	(void)state;
	CHECK(rows, LISTS);
}

static void argument_counts(void **state)
{
	static const struct expr_row rows[] = {
		{ "contains('a')", "1: contains: 1 argument, expected 2" },
		{ "contains('a', 'b', 'c')", "1: contains: 3 arguments, expected 2" },
		{ "startsWith()", "1: startsWith: 0 arguments, expected 2" },
		{ "endsWith('a')", "1: endsWith: 1 argument, expected 2" },
		{ "format()", "1: format: 0 arguments, expected 1 to 255" },
		{ "join()", "1: join: 0 arguments, expected 1 to 2" },
		{ "join(1, 2, 3)", "1: join: 3 arguments, expected 1 to 2" },
		{ "toJSON()", "1: toJSON: 0 arguments, expected 1" },
		{ "toJSON(1, 2)", "1: toJSON: 2 arguments, expected 1" },
		{ "fromJSON()", "1: fromJSON: 0 arguments, expected 1" },
		{ "hashFiles()", "1: hashFiles: 0 arguments, expected 1 to 255" },
		{ "1 && success(1)", "6: success: 1 argument, expected 0" },
		{ "failure('a')", "1: failure: 1 argument, expected 0" },
		{ "cancelled(1)", "1: cancelled: 1 argument, expected 0" },
		{ "always(1, 2)", "1: always: 2 arguments, expected 0" },
		{ "case()", "1: case: 0 arguments, expected 3 to 255" },
		{ "case(true)", "1: case: 1 argument, expected 3 to 255" },
		/* also where it is never called */
		{ "true || join()", "9: join: 0 arguments, expected 1 to 2" },
	};

	(void)state;
	CHECK(rows, "{}");
}

static void status_functions(void **state)
{
	static const struct {
		enum expr_status status;
		struct expr_row rows[5];
	} sets[] = {
		{ EXPR_SUCCESS, { { "success()", "true" }, { "failure()", "false" },
					{ "cancelled()", "false" }, { "always()", "true" },
					{ "Success() && !FAILURE()", "true" } } },
		{ EXPR_FAILURE, { { "success()", "false" }, { "failure()", "true" },
					{ "cancelled()", "false" }, { "always()", "true" },
					{ "!cancelled() && 'go'", "\"go\"" } } },
		{ EXPR_CANCELLED, { { "success()", "false" }, { "failure()", "false" },
					  { "cancelled()", "true" }, { "always()", "true" },
					  { "success() || failure()", "false" } } },
		{ EXPR_NO_STATUS,
			{ { "success()", "1: success() works only in conditions (if)" },
				{ "1 && failure()", "6: failure() works only in conditions (if)" },
				{ "cancelled()", "1: cancelled() works only in conditions (if)" },
				{ "always()", "1: always() works only in conditions (if)" },
				{ "false && always()", "false" } } },
	};
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		struct expr_context c = { .root = expr_help_root(a, "{}"),
			.status = sets[i].status };

		expr_help_check(sets[i].rows, ARRAY_LEN(sets[i].rows), &c);
	}
}

static int hash_patterns(void *data, const struct strv *patterns, struct buf *out, struct err *e)
{
	size_t *calls = data;

	++*calls;
	strv_each (p, patterns) {
		if (str_eq(p, "bad"))
			return err_set(e, ERR_INPUT, "pattern \"bad\": expected a good one");
		buf_addf(out, "<%s>", p);
	}
	return 0;
}

static void hash_files(void **state)
{
	static const struct expr_row with[] = {
		{ "hashFiles('a')", "\"<a>\"" },
		{ "hashFiles('**/a', '!b', 3)", "\"<**/a><!b><3>\"" },
		{ "hashFiles(github.event.p)", "\"<p>\" T" },
		{ "x == 1 || hashFiles('bad')",
			"11: hashFiles: pattern \"bad\": expected a good one" },
		{ "true || hashFiles('bad')", "true" },
	};
	static const struct expr_row without[] = {
		{ "hashFiles('a')",
			"1: hashFiles works only in the steps of a job, where there are files" },
	};
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	size_t calls = 0;
	struct expr_context c = { .root = expr_help_root(
					  a, "{\"x\":2,\"github\":{\"event\":{\"p\":\"p\"}}}"),
		.hash_files = hash_patterns,
		.data = &calls };

	(void)state;

	expr_help_check(with, ARRAY_LEN(with), &c);
	assert_int_equal(calls, 4);
	c.hash_files = NULL;
	expr_help_check(without, ARRAY_LEN(without), &c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(searching),
		cmocka_unit_test(numbers_as_text),
		cmocka_unit_test(formatting),
		cmocka_unit_test(joining),
		cmocka_unit_test(json),
		cmocka_unit_test(cases),
		cmocka_unit_test(argument_counts),
		cmocka_unit_test(status_functions),
		cmocka_unit_test(hash_files),
	};

	return cmocka_run_group_tests_name("expr_function", tests, NULL, NULL);
}
