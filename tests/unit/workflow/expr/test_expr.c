/* The expression language: literals, operators, coercions, indexes and filters. */
#include "tests/unit/help/expr_help.h"

#define CHECK(rows, json) expr_help_table(rows, ARRAY_LEN(rows), json)

static void literals(void **state)
{
	static const struct expr_row rows[] = {
		{ "", "null" },
		{ " \t\r\n ", "null" },
		{ "null", "null" },
		{ "true", "true" },
		{ "false", "false" },
		{ " true\n", "true" },
		{ "711", "711" },
		{ "-9.2", "-9.2" },
		{ "0", "0" },
		{ "-0", "-0" },
		{ "+1", "1" },
		{ ".5", "0.5" },
		{ "-.5", "-0.5" },
		{ "5.", "5" },
		{ "007", "7" },
		{ "0xff", "255" },
		{ "0xFfFf", "65535" },
		{ "0x7fffffffff", "549755813887" },
		{ "0o17", "15" },
		{ "-2.99e-2", "-0.0299" },
		{ "1E3", "1000" },
		{ "1.2e+2", "120" },
		{ "9007199254740993", "9007199254740992" },
		{ "1e21", "1e+21" },
		{ "1e999", "\"Infinity\"" },
		{ "0.1", "0.1" },
		{ "NaN", "\"NaN\"" },
		{ "Infinity", "\"Infinity\"" },
		{ "-Infinity", "\"-Infinity\"" },
		{ "+Infinity", "\"Infinity\"" },
		{ "''", "\"\"" },
		{ "'It''s open source!'", "\"It's open source!\"" },
		{ "''''", "\"'\"" },
		{ "'a\"b\\c\n'", "\"a\\\"b\\\\c\\n\"" },
		{ "'}} ${{ && '", "\"}} ${{ && \"" },
		{ "'gr\xc3\xbc\xc3\x9f'", "\"gr\xc3\xbc\xc3\x9f\"" },
		{ "(((1)))", "1" },
	};

	(void)state;
	CHECK(rows, "{}");
}

static void logic(void **state)
{
	static const struct expr_row rows[] = {
		{ "true && true", "true" },
		{ "true && 'x'", "\"x\"" },
		{ "'' && 'x'", "\"\"" },
		{ "0 && 'x'", "0" },
		{ "-0 && 'x'", "-0" },
		{ "NaN && 'x'", "\"NaN\"" },
		{ "null && 'x'", "null" },
		{ "'false' && 1", "1" },
		{ "'0' && 1", "1" },
		{ "a.list && 1", "1" },
		{ "a.none && 1", "1" },
		{ "false || null", "null" },
		{ "null || false", "false" },
		{ "'' || 0 || 'last'", "\"last\"" },
		{ "1 || 2", "1" },
		{ "1 && 2 && 3", "3" },
		{ "1 && 0 && 3", "0" },
		{ "1 || 2 && 3", "1" },
		{ "(1 || 2) && 3", "3" },
		{ "false && 0 || null", "null" },
		{ "false && (0 || null)", "false" },
		{ "1 == 1 && 2", "2" },
		{ "1 == (1 && 2)", "false" },
		{ "(1 && 2) && 3 || 4", "3" },
		{ "!true", "false" },
		{ "!null", "true" },
		{ "!0", "true" },
		{ "!-0", "true" },
		{ "!NaN", "true" },
		{ "!Infinity", "false" },
		{ "!''", "true" },
		{ "!' '", "false" },
		{ "!a", "false" },
		{ "!a.list", "false" },
		{ "!!'x'", "true" },
		{ "! !0", "false" },
		{ "!2 < 3", "true" },
		{ "!(2 < 3)", "false" },
		{ "!a.yes", "false" },
		{ "(!a).yes", "null" },
	};

	(void)state;
	CHECK(rows, "{\"a\":{\"yes\":true,\"list\":[],\"none\":{}}}");
}

static void equality(void **state)
{
	static const struct expr_row rows[] = {
		{ "1 == 1.0", "true" },
		{ "0 == -0", "true" },
		{ "0.1 == 0.10", "true" },
		{ "NaN == NaN", "false" },
		{ "NaN != NaN", "true" },
		{ "Infinity == Infinity", "true" },
		{ "null == null", "true" },
		{ "null == 0", "true" },
		{ "null == ''", "true" },
		{ "null == false", "true" },
		{ "null == 'x'", "false" },
		{ "null == '0'", "true" },
		{ "true == 1", "true" },
		{ "true == '1'", "true" },
		{ "true == 'true'", "false" },
		{ "true == 2", "false" },
		{ "false == ''", "true" },
		{ "false == 'false'", "false" },
		{ "'' == 0", "true" },
		{ "'  ' == 0", "true" },
		{ "' 123456.789 ' == 123456.789", "true" },
		{ "' +1e3\n' == 1000", "true" },
		{ "' 0xFF ' == 255", "true" },
		{ "'0o10' == 8", "true" },
		{ "'0b1' == 1", "false" },
		{ "'0x' == 0", "false" },
		{ "'0xg' == 0", "false" },
		{ "'0o8' == 8", "false" },
		{ "'1 2' == 12", "false" },
		{ "'1e' == 1", "false" },
		{ "'1e+' == 1", "false" },
		{ "'.' == 0", "false" },
		{ "'-' == 0", "false" },
		{ "'1.' == 1", "true" },
		{ "'infinity' == Infinity", "false" },
		{ "'Infinity' == Infinity", "true" },
		{ "'-Infinity' == -Infinity", "true" },
		{ "'NaN' == NaN", "false" },
		{ "'1_000' == 1000", "false" },
		{ "'abc' == 'ABC'", "true" },
		{ "'abc' != 'ABC'", "false" },
		{ "'abc' == 'abcd'", "false" },
		{ "'1' == '1.0'", "false" },
		{ "t.o == t.o", "true" },
		{ "t.o == t.p", "false" },
		{ "t.l == t.l", "true" },
		{ "t.l == t.m", "false" },
		{ "t.l != t.m", "true" },
		{ "t.o == t.l", "false" },
		{ "t.o == 'Object'", "false" },
		{ "t.l == 'Array'", "false" },
		{ "t.l == 0", "false" },
		{ "t.o == null", "false" },
		{ "t.o != null", "true" },
		{ "t.l.* == t.l.*", "false" },
		{ "2 == 2 == 1", "true" },
		{ "2 == (2 == 1)", "false" },
		{ "2 == 2 != 0", "true" },
	};

	(void)state;
	CHECK(rows, "{\"t\":{\"o\":{},\"p\":{},\"l\":[],\"m\":[]}}");
}

static void order(void **state)
{
	static const struct expr_row rows[] = {
		{ "1 < 2", "true" },
		{ "2 < 1", "false" },
		{ "1 <= 1", "true" },
		{ "1 >= 1", "true" },
		{ "1 > 1", "false" },
		{ "1.001 < 1.002", "true" },
		{ "false < true", "true" },
		{ "true <= true", "true" },
		{ "false < 1", "true" },
		{ "true < '2'", "true" },
		{ "null < 1", "true" },
		{ "null < null", "false" },
		{ "null <= null", "true" },
		{ "null >= false", "true" },
		{ "'-1' < null", "true" },
		{ "'' < null", "false" },
		{ "0 < ' 1 '", "true" },
		{ "'10' < '9'", "true" },
		{ "'10' < 9", "false" },
		{ "'abc' < 'def'", "true" },
		{ "'b' < 'a'", "false" },
		{ "'B' > 'a'", "true" },
		{ "'a' >= 'A'", "true" },
		{ "'ab' > 'a'", "true" },
		{ "'' < 'a'", "true" },
		{ "'x' < 1", "false" },
		{ "'x' >= 1", "false" },
		{ "NaN < 1", "false" },
		{ "NaN >= NaN", "false" },
		{ "1 <= NaN", "false" },
		{ "Infinity > 1e308", "true" },
		{ "-Infinity < false", "true" },
		{ "t < t", "false" },
		{ "t <= t", "true" },
		{ "t >= t", "true" },
		{ "t <= 1", "false" },
		{ "'' < t", "false" },
		{ "null <= t", "false" },
		{ "3 < 2 < 1", "true" },
		{ "3 < (2 < 1)", "false" },
		{ "2 > 2 > 0", "false" },
		{ "2 <= 3 == true", "true" },
		{ "2 <= (3 == true)", "false" },
		{ "'A' < '['", "true" },
		{ "'a' < '['", "true" },
	};

	(void)state;
	CHECK(rows, "{\"t\":{}}");
}

/* One character to one character, by Unicode; nothing outside ASCII is like something inside. */
static void letters_without_case(void **state)
{
	static const struct expr_row rows[] = {
		{ "'\xc3\xbc' == '\xc3\x9c'", "true" }, /* u umlaut */
		{ "'\xc3\xa7' == '\xc3\x87'", "true" },
		{ "'\xcf\x82' == '\xce\xa3'", "true" }, /* final sigma, capital sigma */
		{ "'\xcf\x83' == '\xcf\x82'", "true" },
		{ "'\xd0\xb6\xd1\x8f' == '\xd0\x96\xd0\xaf'", "true" },
		{ "'\xf0\x90\x90\xa8' == '\xf0\x90\x90\x80'", "true" }, /* Deseret */
		{ "'\xc3\x9f' == 'ss'", "false" },
		{ "'\xc3\xb7' == '\xc3\x97'", "false" }, /* division, multiplication sign */
		{ "'\xc4\xb1' == 'I'", "false" },        /* dotless i */
		{ "'\xc4\xb0' == 'i'", "false" },        /* dotted I */
		{ "'\xc5\xbf' == 'S'", "false" },        /* long s */
		{ "'\xe2\x84\xaa' == 'k'", "false" },    /* kelvin sign */
		{ "'\xc4\xb1' > 'I'", "true" },
		{ "'i' < '\xc4\xb0'", "true" },
		{ "contains('GR\xc3\x9cN', '\xc3\xbcn')", "true" },
		{ "startsWith('\xc9\x90x', '\xe2\xb1\xafX')", "true" }, /* two bytes, three bytes */
		{ "endsWith('x\xc9\x90', 'X\xe2\xb1\xaf')", "true" },
	};

	(void)state;
	CHECK(rows, "{}");
}

static void indexes(void **state)
{
	static const struct expr_row rows[] = {
		{ "foo", "{\"bar\":\"baz\",\"Two\":2,\"n\":null,\"1\":\"one\",\"\":\"empty\"}" },
		{ "foo.bar", "\"baz\"" },
		{ "FOO.BAR", "\"baz\"" },
		{ "foo.two", "2" },
		{ "foo['bar']", "\"baz\"" },
		{ "foo[ 'b' || 'x' ]", "null" },
		{ "foo . bar", "\"baz\"" },
		{ "foo.nope", "null" },
		{ "foo.nope.deeper['x'][1]", "null" },
		{ "foo.bar.baz", "null" },
		{ "foo[1]", "\"one\"" },
		{ "foo[true]", "null" },
		{ "foo[null]", "\"empty\"" },
		{ "foo['']", "\"empty\"" },
		{ "foo[foo]", "null" },
		{ "foo['length']", "null" },
		{ "list[0]", "\"zero\"" },
		{ "list[2]", "\"two\"" },
		{ "list[3]", "null" },
		{ "list[-1]", "null" },
		{ "list[1.9]", "\"one\"" },
		{ "list[-0]", "\"zero\"" },
		{ "list['1']", "\"one\"" },
		{ "list[' 0x02 ']", "\"two\"" },
		{ "list['']", "\"zero\"" },
		{ "list[null]", "\"zero\"" },
		{ "list[false]", "\"zero\"" },
		{ "list[true]", "\"one\"" },
		{ "list['x']", "null" },
		{ "list[NaN]", "null" },
		{ "list[Infinity]", "null" },
		{ "list[list]", "null" },
		{ "list.length", "null" },
		{ "list[foo.two]", "\"two\"" },
		{ "words.true", "1" },
		{ "words.null", "2" },
		{ "words.NaN", "3" },
		{ "words.format", "4" },
		{ "words.a-b", "5" },
		{ "words._x9", "6" },
		{ "twice.key", "\"lower\"" },
		{ "twice.KEY", "\"upper\"" },
		{ "twice.kEy", "\"lower\"" },
		{ "fromJSON('{\"a\":[1,2]}').a[1]", "2" },
		{ "(foo).bar", "\"baz\"" },
		{ "(foo || list)['bar']", "\"baz\"" },
		{ "3 > list.nope", "true" },
		{ "steps.x.outputs.y", "null" },
		{ "matrix", "null" },
		{ "vars.nope", "\"\"" },
		{ "env['nope']", "\"\"" },
		{ "env.HOME", "\"/root\"" },
		{ "env", "{\"HOME\":\"/root\"}" },
	};

	(void)state;
	CHECK(rows,
		"{\"foo\":{\"bar\":\"baz\",\"Two\":2,\"n\":null,\"1\":\"one\",\"\":\"empty\"},"
		"\"list\":[\"zero\",\"one\",\"two\"],\"env\":{\"HOME\":\"/root\"},\"vars\":null,"
		"\"words\":{\"true\":1,\"null\":2,\"NaN\":3,\"format\":4,\"a-b\":5,\"_x9\":6},"
		"\"twice\":{\"key\":\"lower\",\"KEY\":\"upper\"}}");
}

static void filters(void **state)
{
	static const struct expr_row rows[] = {
		{ "fruits.*.name", "[\"apple\",\"orange\",\"pear\"]" },
		{ "fruits[*].name", "[\"apple\",\"orange\",\"pear\"]" },
		{ "fruits.*['name']", "[\"apple\",\"orange\",\"pear\"]" },
		{ "fruits.*.NAME", "[\"apple\",\"orange\",\"pear\"]" },
		{ "fruits.*.sort", "[\"boskop\"]" },
		{ "fruits.*.nope", "[]" },
		{ "fruits.*", "[{\"name\":\"apple\",\"sort\":\"boskop\"},{\"name\":\"orange\"},"
			      "{\"name\":\"pear\"}]" },
		{ "fruits.*.*", "[\"apple\",\"boskop\",\"orange\",\"pear\"]" },
		{ "fruits.*.*.*", "[]" },
		{ "fruits.*[0]", "[]" },
		{ "veg.*", "[{\"colors\":[\"green\",\"red\"]},{\"colors\":[\"gold\"]}]" },
		{ "veg.*.colors", "[[\"green\",\"red\"],[\"gold\"]]" },
		{ "veg.*.colors.*", "[\"green\",\"red\",\"gold\"]" },
		{ "veg.*.colors[0]", "[\"green\",\"gold\"]" },
		{ "veg.*.colors[1]", "[\"red\"]" },
		{ "veg.*.colors['0']", "[\"green\",\"gold\"]" },
		{ "veg.*.colors.*.x", "[]" },
		{ "(veg.*).colors", "[[\"green\",\"red\"],[\"gold\"]]" },
		{ "(veg.* || 1)[0]", "[]" },
		{ "nothing.*", "[]" },
		{ "nothing.x.*.y", "[]" },
		{ "'' || veg.beets.colors.*", "[\"gold\"]" },
		{ "matrix.*", "[]" },
		{ "fromJSON(toJSON(fruits.*))[1].name", "\"orange\"" },
		{ "join(veg.*.colors.*, '/')", "\"green/red/gold\"" },
		{ "contains(fruits.*.name, 'Pear')", "true" },
	};

	(void)state;
	CHECK(rows, "{\"fruits\":[{\"name\":\"apple\",\"sort\":\"boskop\"},{\"name\":\"orange\"},"
		    "{\"name\":\"pear\"}],\"veg\":{\"chard\":{\"colors\":[\"green\",\"red\"]},"
		    "\"beets\":{\"colors\":[\"gold\"]}},\"nothing\":5}");
}

/* A long chain is flat: its length costs no depth. */
static void long_chain(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT(64 << 10);
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = { .root = expr_help_root(a, "{}") };

	(void)state;

	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "1 == 2 || ");
	buf_adds(&b, "'end'");
	CLEAN_STR char *got = expr_help_eval(b.data, b.len, &c);
	assert_string_equal(got, "\"end\"");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals),
		cmocka_unit_test(logic),
		cmocka_unit_test(equality),
		cmocka_unit_test(order),
		cmocka_unit_test(letters_without_case),
		cmocka_unit_test(indexes),
		cmocka_unit_test(filters),
		cmocka_unit_test(long_chain),
	};

	return cmocka_run_group_tests_name("expr", tests, NULL, NULL);
}
