/* What the evaluators of other runners agree on, as far as their authors publish it: the facts in
 * rows of our own. One table a subject; a row that fails is a workflow that means something else
 * here. */
#include "tests/unit/help/expr_help.h"

#define CHECK(rows) expr_help_table(rows, ARRAY_LEN(rows), CONTEXTS)

static const char CONTEXTS[] =
	"{\"github\":{\"ref\":\"refs/heads/side\",\"event_name\":\"push\",\"event\":{\"list\":"
	"[{\"by\":{\"name\":\"ann\"}},{\"by\":{\"name\":\"bob\"}}]}},"
	"\"needs\":{\"one\":{\"result\":\"success\"},\"two\":{\"result\":\"failure\"}},"
	"\"list\":[],\"map\":{},\"mixed\":[null,true,123.456,\"abc\",[],[\"d\"],{},{\"k\":\"v\"}]}";

/* Of different kinds both are numbers; what is none compares false. */
static void comparisons(void **state)
{
	static const struct expr_row rows[] = {
		{ "false > -11", "true" },
		{ "true > NaN", "false" },
		{ "false > -Infinity", "true" },
		{ "false > '-1'", "true" },
		{ "true > '1'", "false" },
		{ "true > null", "true" },
		{ "true > map", "false" },
		{ "2 > true", "true" },
		{ "NaN > true", "false" },
		{ "-Infinity > false", "false" },
		{ "0 > ' -1 '", "true" },
		{ "1 > ' 1 '", "false" },
		{ "1 > null", "true" },
		{ "1 > list", "false" },
		{ "'2' > true", "true" },
		{ "' 0 ' > -1", "true" },
		{ "'1' > null", "true" },
		{ "'' > list", "false" },
		{ "null > -1", "true" },
		{ "null > ' -1 '", "true" },
		{ "null > map", "false" },
		{ "list > list", "false" },
		{ "map < list", "false" },
		{ "map < 2", "false" },
		{ "1.002 > 1.001", "true" },
		{ "'def' > 'abc'", "true" },
		{ "'b' <= 'a'", "false" },
		{ "true >= true", "true" },
		{ "'3' == 3", "true" },
		{ "0 == ''", "true" },
		{ "0 == null", "true" },
		{ "list == list", "true" },
		{ "list != map", "true" },
	};

	(void)state;
	CHECK(rows);
}

static void precedence(void **state)
{
	static const struct expr_row rows[] = {
		{ "3 < 2 < 1", "true" },
		{ "3 < (2 < 1)", "false" },
		{ "3 <= 2 < 1", "true" },
		{ "0 > 0 < 1", "true" },
		{ "2 > 2 > 0", "false" },
		{ "2 > (2 > 0)", "true" },
		{ "2 <= 3 == true", "true" },
		{ "2 <= (3 == true)", "false" },
		{ "2 == 2 == 1", "true" },
		{ "2 == (2 == 1)", "false" },
		{ "2 == 2 != 0", "true" },
		{ "1 == 1 && 2", "2" },
		{ "1 == (1 && 2)", "false" },
		{ "false && 0 || null", "null" },
		{ "false && (0 || null)", "false" },
		{ "1 || 2 && 3", "1" },
		{ "(1 || 2) && 3", "3" },
		{ "!2 < 3", "true" },
		{ "!(2 < 3)", "false" },
		{ "!needs.one", "false" },
		{ "(!needs).one", "null" },
		{ "3 > needs.none", "true" },
	};

	(void)state;
	CHECK(rows);
}

/* The first operand that decides, with its kind. */
static void logic(void **state)
{
	static const struct expr_row rows[] = {
		{ "true && -10", "-10" },
		{ "true && 0.0", "0" },
		{ "true && ''", "\"\"" },
		{ "true && NaN", "\"NaN\"" },
		{ "false && 'abc'", "false" },
		{ "null && true", "null" },
		{ "0 && 'abc'", "0" },
		{ "NaN && true", "\"NaN\"" },
		{ "-10 && null", "null" },
		{ "Infinity && false", "false" },
		{ "'' && 1", "\"\"" },
		{ "'abc' && 1", "1" },
		{ "false || null", "null" },
		{ "false || 3.14", "3.14" },
		{ "null || 0", "0" },
		{ "0 || ''", "\"\"" },
		{ "NaN || false", "false" },
		{ "-10 || true", "-10" },
		{ "Infinity || 1", "\"Infinity\"" },
		{ "map || false", "{}" },
		{ "list && true", "true" },
		{ "!map", "false" },
		{ "!list", "false" },
		{ "!-10", "false" },
		{ "!null", "true" },
	};

	(void)state;
	CHECK(rows);
}

/* Letters are compared as capitals, one character with one. */
static void letters(void **state)
{
	static const struct expr_row rows[] = {
		{ "'a' < '['", "true" },
		{ "'a' > '['", "false" },
		{ "'A' >= '['", "false" },
		{ "'\xcf\x82' == '\xce\xa3'", "true" },
		{ "'\xcf\x82' == '\xcf\x83'", "true" },
		{ "'\xc3\xbc' == '\xc3\x9c'", "true" },
		{ "'\xc3\xa7' >= '\xc3\x87'", "true" },
		{ "'i' == '\xc4\xb0'", "false" },
		{ "'i' < '\xc4\xb0'", "true" },
		{ "'\xc4\xb1' == 'I'", "false" },
		{ "'\xc4\xb1' > 'I'", "true" },
		{ "'\xd0\x90\xd0\x91' == '\xd0\xb0\xd0\xb1'", "true" },
	};

	(void)state;
	CHECK(rows);
}

static void texts_of_values(void **state)
{
	static const struct expr_row rows[] = {
		{ "format('{0}', .5)", "\"0.5\"" },
		{ "format('{0}', -2.0)", "\"-2\"" },
		{ "format('{0}', -0.0)", "\"0\"" },
		{ "format('{0}', +123456.789)", "\"123456.789\"" },
		{ "format('{0}', 0.84551240822557006)", "\"0.84551240822557\"" },
		{ "format('{0}', 0xFF)", "\"255\"" },
		{ "format('{0}', 0o10)", "\"8\"" },
		{ "format('{0}', 1.2E-2)", "\"0.012\"" },
		{ "format('{0}', 12345678901234567890.0)", "\"1.23456789012346E+19\"" },
		{ "format('{0} {1}', list, map)", "\"Array Object\"" },
		{ "format(null, 'x')", "\"\"" },
		{ "format(true)", "\"true\"" },
		{ "format('{{{{0}}}}', 'x')", "\"{{0}}\"" },
		{ "format('}}{{}}', 'x')", "\"}{}\"" },
		{ "format('{{{0}}}', 'x')", "\"{x}\"" },
		{ "format('a {0} ${{b}}', github.none)", "\"a  ${b}\"" },
		{ "join(null)", "\"\"" },
		{ "join(123.456)", "\"123.456\"" },
		{ "join(map)", "\"\"" },
		{ "join(mixed)", "\",true,123.456,abc,Array,Array,Object,Object\"" },
		{ "join(mixed.*.k, true)", "\"v\"" },
		{ "join(fromJSON('[1,2,3]'), null)", "\"123\"" },
		{ "join(fromJSON('[1,2,3]'), true)", "\"1true2true3\"" },
		{ "join(fromJSON('[1,2]'), list)", "\"1,2\"" },
		{ "toJSON(-0)", "\"0\"" },
		{ "toJSON('a''b')", "\"\\\"a'b\\\"\"" },
		{ "toJSON(list)", "\"[]\"" },
		{ "toJSON(fromJSON('[[1],{}]'))", "\"[\\n  [\\n    1\\n  ],\\n  {}\\n]\"" },
	};

	(void)state;
	CHECK(rows);
}

static void searching(void **state)
{
	static const struct expr_row rows[] = {
		{ "contains('3.141592', 3.14)", "true" },
		{ "contains(3.141592, 3.14)", "true" },
		{ "contains(true, 'u')", "true" },
		{ "contains(null, '')", "true" },
		{ "contains(fromJSON('[null,1]'), '')", "true" },
		{ "contains(fromJSON('[true]'), 'true')", "false" },
		{ "contains(fromJSON('[\"true\"]'), true)", "false" },
		{ "contains(fromJSON('[3.14]'), '3.14')", "true" },
		{ "contains(fromJSON('[\"\"]'), list)", "false" },
		{ "contains(needs.*.result, 'failure')", "true" },
		{ "contains(needs.*.result, 'skipped')", "false" },
		{ "join(github.event.list.*.by.name, ', ')", "\"ann, bob\" T" },
		{ "startsWith('null', null)", "true" },
		{ "startsWith(null, '42')", "false" },
		{ "endsWith('123', 23)", "true" },
		{ "case(github.ref == 'refs/heads/main', 'main', github.event_name == 'push', 'p', "
		  "'o')",
			"\"p\"" },
		{ "case(true, null, 'b')", "null" },
		{ "case(false, 'a', false, 'b', '')", "\"\"" },
	};

	(void)state;
	CHECK(rows);
}

static void members(void **state)
{
	static const struct expr_row rows[] = {
		{ "fromJSON('{\"_\":1}')._", "1" },
		{ "fromJSON('{\"b-a\":1}').b-a", "1" },
		{ "fromJSON('{\"true\":1}').true", "1" },
		{ "fromJSON('{\"Infinity\":1}').Infinity", "1" },
		{ "fromJSON('{\"format\":1}').format", "1" },
		{ "(fromJSON('{\"a\":{\"b\":1}}')).a.b", "1" },
		{ "fromJSON('{\"a\":1,\"b\":2}').*", "[1,2]" },
		{ "fromJSON('[0,1]')[34553]", "null" },
		{ "fromJSON('[0,1]')[-34553]", "null" },
		{ "github.event_name[0]", "null" },
		{ "github.event_name['0']", "null" },
		{ "github.event.list[0].by.none != github.event.list[1].by.name", "true T" },
	};

	(void)state;
	CHECK(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparisons),
		cmocka_unit_test(precedence),
		cmocka_unit_test(logic),
		cmocka_unit_test(letters),
		cmocka_unit_test(texts_of_values),
		cmocka_unit_test(searching),
		cmocka_unit_test(members),
	};

	return cmocka_run_group_tests_name("vectors", tests, NULL, NULL);
}
