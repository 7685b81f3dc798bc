/* Refused expressions: where, what, what was expected; and the limits. */
#include "base/limits.h"
#include "tests/unit/help/expr_help.h"

#define OPERAND "a context, a function, a number or a text in single quotes"
#define PROPERTY "a property name (letters, digits, _ and -) or *"
#define OPERATOR "an operator (== != < <= > >= && ||)"

static void syntax(void **state)
{
	static const struct expr_row rows[] = {
		{ "1 +", "3: unexpected `+`, expected a number" },
		{ "1 + 2", "3: unexpected `+`, expected a number" },
		{ "1 -1", "3: unexpected `-1`, expected an operator or the end" },
		{ "1+2", "1: unexpected `1+2`, expected a number" },
		{ "1.2.3", "1: unexpected `1.2.3`, expected a number" },
		{ "0xzz", "1: unexpected `0xzz`, expected a number" },
		{ "1a", "1: unexpected `1a`, expected a number" },
		{ "-", "1: unexpected `-`, expected a number" },
		{ "- 1", "1: unexpected `-`, expected a number" },
		{ "-foo", "1: unexpected `-foo`, expected a number" },
		{ "foo.b@r", "5: unexpected `b@r`, expected " PROPERTY },
		{ "foo.1", "5: unexpected `1`, expected " PROPERTY },
		{ "foo[1].2", "8: unexpected `2`, expected " PROPERTY },
		{ "foo.", "5: unexpected end, expected a property name or *" },
		{ "foo..a", "5: unexpected `.`, expected a property name or *" },
		{ "foo.)", "5: unexpected `)`, expected a property name or *" },
		{ "foo.'a'", "5: unexpected `'a'`, expected a property name or *" },
		{ "foo.[0]", "5: unexpected `[`, expected a property name or *" },
		{ "foo.$a",
			"5: unexpected `$a`, expected an expression without ${{ }} around or in "
			"it" },
		{ "foo.-a", "5: unexpected `-a`, expected " PROPERTY },
		{ ".foo", "1: unexpected `.foo`, expected a number" },
		{ "foo.* *", "7: unexpected `*`, expected an operator or the end" },
		{ "*", "1: unexpected `*`, expected a value" },
		{ "foo == *", "8: unexpected `*`, expected a value" },
		{ "foo[]", "5: unexpected `]`, expected a value" },
		{ "foo[1", "6: unexpected end, expected an operator or `]`" },
		{ "foo[1 2]", "7: unexpected `2`, expected an operator or `]`" },
		{ "foo[*", "6: unexpected end, expected an operator or `]`" },
		{ "foo[1)", "6: unexpected `)`, expected an operator or `]`" },
		{ "(1", "3: unexpected end, expected an operator or `)`" },
		{ "()", "2: unexpected `)`, expected a value" },
		{ "1)", "2: unexpected `)`, expected an operator or the end" },
		{ "(1 2)", "4: unexpected `2`, expected an operator or `)`" },
		{ "foo bar", "5: unexpected `bar`, expected an operator or the end" },
		{ "foo 'bar'", "5: unexpected `'bar'`, expected an operator or the end" },
		{ "==", "1: unexpected `==`, expected a value" },
		{ "1 ==", "5: unexpected end, expected a value" },
		{ "1 == == 2", "6: unexpected `==`, expected a value" },
		{ "1 = 2", "3: unexpected `=`, expected " OPERATOR },
		{ "1 & 2", "3: unexpected `&`, expected " OPERATOR },
		{ "1 | 2", "3: unexpected `|`, expected " OPERATOR },
		{ "1 &&& 2", "5: unexpected `&`, expected " OPERATOR },
		{ "&& 1", "1: unexpected `&&`, expected a value" },
		{ "1 || ", "6: unexpected end, expected a value" },
		{ "!", "2: unexpected end, expected a value" },
		{ "1 ! 2", "3: unexpected `!`, expected an operator or the end" },
		{ "1 ? 2", "3: unexpected `?`, expected " OPERAND },
		{ "a % b", "3: unexpected `%`, expected " OPERAND },
		{ "{}", "1: unexpected `{}`, expected " OPERAND },
		{ "[1]", "1: unexpected `[`, expected a value" },
		{ "'abc", "1: the text is not closed, expected '" },
		{ "'", "1: the text is not closed, expected '" },
		{ "1 == 'it''s", "6: the text is not closed, expected '" },
		{ "a == \"b\"", "6: unexpected `\"b\"`, expected a text in single quotes" },
		{ "${{ 1 }}", "1: unexpected `${{`, expected an expression without ${{ }} around "
			      "or in it" },
		{ "'a'.b",
			"4: unexpected `.`, expected an operator, a constant has no properties" },
		{ "true.b",
			"5: unexpected `.`, expected an operator, a constant has no properties" },
		{ "1[0]", "2: unexpected `[`, expected an operator, a constant has no properties" },
		{ "nosuch(1)",
			"1: unknown function `nosuch`, expected contains, startsWith, endsWith, "
			"format, join, toJSON, fromJSON, hashFiles, success, failure, cancelled, "
			"always, case" },
		{ "join(", "6: unexpected end, expected a value" },
		{ "join(foo", "9: unexpected end, expected `,` or `)`" },
		{ "join(foo bar)", "10: unexpected `bar`, expected `,` or `)`" },
		{ "join(foo,)", "10: unexpected `)`, expected a value" },
		{ "join(,foo)", "6: unexpected `,`, expected a value" },
		{ "foo, foo", "4: unexpected `,`, expected an operator or the end" },
		{ "'\xc3\xa4\xc3\xb6' == \xc3\xa4", "9: unexpected `\xc3\xa4`, expected " OPERAND },
		{ "a\xc2\xa0== b", "1: unexpected `a\xc2\xa0`, expected " OPERAND },
		{ "'\xff'", "1: not a text, expected UTF-8 without NUL" },
		{ "1 == xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\xc3\xa4y",
			"6: unexpected `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`, "
			"expected " OPERAND },
	};

	(void)state;
	expr_help_table(rows, ARRAY_LEN(rows), "{\"foo\":[1],\"a\":1}");
}

#define UNKNOWN(name)                                                                         \
	"unknown name `" name "`, expected shithub, env, vars, secrets, job, steps, runner, " \
	"inputs, needs, matrix, strategy or a text in single quotes"

static void names(void **state)
{
	static const struct expr_row rows[] = {
		{ "nosuch", "1: " UNKNOWN("nosuch") },
		{ "nosuch.foo", "1: " UNKNOWN("nosuch") },
		{ "1 == main", "6: " UNKNOWN("main") },
		{ "True", "1: " UNKNOWN("True") },
		{ "nan", "1: " UNKNOWN("nan") },
		/* in every branch, the first one first */
		{ "true || typo || other", "9: " UNKNOWN("typo") },
		{ "case(true, 1, typo)", "15: " UNKNOWN("typo") },
		{ "env.typo", "\"\"" },
		{ "own", "1" },
	};

	(void)state;
	expr_help_table(rows, ARRAY_LEN(rows), "{\"own\":1}");
}

static void nul_inside(void **state)
{
	struct err e = { 0 };
	size_t at;

	(void)state;

	assert_null(expr_parse("'a\0b'", 5, &at, &e));
	assert_string_equal(e.text, "not a text, expected UTF-8 without NUL");
}

static void places(void **state)
{
	static const struct {
		const char *text;
		size_t offset;
		const char *expected;
	} rows[] = {
		{ "abc", 0, "column 1: x" },
		{ "abc", 3, "column 4: x" },
		{ "\xc3\xa4\xe2\x82\xac"
		  "b",
			5, "column 3: x" },
		{ "a\nb", 0, "line 1, column 1: x" },
		{ "a\nbc", 3, "line 2, column 2: x" },
		{ "a\n\n\xc3\xa4"
		  "bc\n",
			5, "line 3, column 2: x" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = { 0 };

		err_set(&e, ERR_INPUT, "x");
		expr_locate(&e, rows[i].text, strlen(rows[i].text), rows[i].offset);
		assert_string_equal(e.text, rows[i].expected);
	}
}

/* ---- limits ---- */

/* before × n, middle, after × n: evaluates against {"a": 1}. */
static char *repeated(const char *before, size_t n, const char *middle, const char *after)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = { .root = expr_help_root(a, "{\"a\":1}") };
	CLEAN_BUF struct buf b = BUF_INIT(1 << 20);

	for (size_t i = 0; i < n; i++)
		buf_adds(&b, before);
	buf_adds(&b, middle);
	for (size_t i = 0; i < n; i++)
		buf_adds(&b, after);
	return expr_help_eval(b.data, b.len, &c);
}

static void depth(void **state)
{
	static const struct {
		const char *before, *middle, *after;
		size_t fits; /* one more does not */
		const char *result;
	} rows[] = {
		{ "(", "1", ")", 50, "1" },
		{ "!", "1", "", 49, "false" },
		{ "toJSON(", "'x'", ")", 49, NULL },
		{ "", "a", ".b", 49, "null" },
		{ "", "a", "[0]", 49, "null" },
		{ "a[", "0", "]", 49, "null" },
		{ "", "a", ".*", 49, "[]" },
		{ "", "1", " == 1", 49, "true" },
		{ "case(true, ", "1", ", 2)", 49, "1" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_STR char *good =
			repeated(rows[i].before, rows[i].fits, rows[i].middle, rows[i].after);
		CLEAN_STR char *bad =
			repeated(rows[i].before, rows[i].fits + 1, rows[i].middle, rows[i].after);
		CLEAN_STR char *worse =
			repeated(rows[i].before, 4000, rows[i].middle, rows[i].after);

		if (rows[i].result)
			assert_string_equal(good, rows[i].result);
		if (!strstr(bad, "nested too deeply, expected at most 50 levels"))
			fail_msg("%s: %s", rows[i].before, bad);
		if (!strstr(worse, "nested too deeply, expected at most 50 levels"))
			fail_msg("%s: %s", rows[i].before, worse);
	}
}

static void size(void **state)
{
	CLEAN_STR char *nodes = repeated("a||", 9998, "a", "");
	CLEAN_STR char *more_nodes = repeated("a||", 9999, "a", "");
	CLEAN_STR char *bytes = repeated(" ", LIMIT_EXPR_TEXT - 1, "'", "");
	CLEAN_STR char *more_bytes = repeated(" ", LIMIT_EXPR_TEXT, "'", "");

	(void)state;

	assert_string_equal(nodes, "1");
	assert_string_equal(more_nodes, "29998: too long, expected at most 10000 parts");
	assert_string_equal(bytes, "65536: the text is not closed, expected '");
	assert_string_equal(more_bytes, "1: 65537 bytes long, expected at most 65536");
}

/* A text that doubles with each function call reaches the cap, not the memory of the machine. */
static void results(void **state)
{
	static const char text[] = "format('{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}', big)",
			  nested[] = "format('{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}', big)",
			  sum[] = "join(fromJSON('[1,2,3,4,5,6,7,8,9,10,11,12]'), big)";
	static const struct expr_row rows[] = {
		{ nested, "1: too large: a text that an expression makes has at most 10 MiB" },
		{ sum, "1: too large: a text that an expression makes has at most 10 MiB" },
	};
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEAN_STR char *big = xmalloc(MIB(1) + 1);
	struct expr_value root = expr_object(a);

	(void)state;

	memset(big, 'x', MIB(1));
	big[MIB(1)] = '\0';
	expr_set(a, &root, "big", expr_string(a, big, 0));
	expr_root_finish(a, &root);
	struct expr_context c = { .root = root };
	expr_help_check(rows, ARRAY_LEN(rows), &c);
	CLEAN_STR char *good = expr_help_eval(text, strlen(text), &c);
	assert_int_equal(strlen(good), MIB(10) + 2);
}

/* One expression, `part` many times, with a text of 4 MiB and a list of 100,000 numbers in JSON. */
static char *heavy(const char *part)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	CLEAN_BUF struct buf text = BUF_INIT(1 << 20), list = BUF_INIT(1 << 20);
	CLEAN_STR char *big = xmalloc(MIB(4) + 1);
	struct expr_value root = expr_object(a);

	memset(big, 'x', MIB(4));
	big[MIB(4)] = '\0';
	buf_adds(&list, "[0");
	for (int i = 1; i < 100000; i++)
		buf_adds(&list, ",0");
	buf_adds(&list, "]");
	expr_set(a, &root, "big", expr_string(a, big, 0));
	expr_set(a, &root, "list", expr_string(a, list.data, 0));
	expr_root_finish(a, &root);
	struct expr_context c = { .root = root };
	for (int i = 0; i < 100; i++)
		buf_addf(&text, "%s || ", part);
	buf_adds(&text, "1");
	return expr_help_eval(text.data, text.len, &c);
}

static void memory_and_work(void **state)
{
	CLEAN_STR char *memory = heavy("fromJSON(list)[5]"), *work = heavy("contains(big, 'y')");

	(void)state;

	assert_non_null(
		strstr(memory, "too large: the values of an expression take at most 64 MiB"));
	assert_non_null(strstr(work, "too much work, expected at most 2000000 steps"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(syntax),
		cmocka_unit_test(names),
		cmocka_unit_test(nul_inside),
		cmocka_unit_test(places),
		cmocka_unit_test(depth),
		cmocka_unit_test(size),
		cmocka_unit_test(results),
		cmocka_unit_test(memory_and_work),
	};

	return cmocka_run_group_tests_name("expr_error", tests, NULL, NULL);
}
