/* The TOML parser against the rules of TOML 1.0: values, redefinitions, positions of errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <math.h>

#include "base/buf.h"
#include "base/limits.h"
#include "config/toml.h"

static struct toml_doc *parse(const char *text)
{
	struct toml_error e = { 0 };
	struct toml_doc *d = toml_parse(text, strlen(text), &e);

	if (!d)
		fail_msg("%s\n%u:%u: %s", text, e.line, e.column, e.reason);
	return d;
}

/* Follows a path of keys and indices, "a.b.0". */
static const struct toml_value *at(const struct toml_doc *d, const char *path)
{
	const struct toml_value *v = toml_root(d);
	struct strv parts = { 0 };

	strv_split(&parts, path, '.');
	strv_each (part, &parts) {
		int64_t i;

		if (v && v->type == TOML_ARRAY && parse_i64(part, 0, (int64_t)v->count - 1, &i))
			v = v->items[i];
		else
			v = toml_get(v, part);
	}
	strv_release(&parts);
	if (!v)
		fail_msg("no %s", path);
	return v;
}

static void test_strings(void **state)
{
	static const struct {
		const char *text, *value;
	} rows[] = {
		{ "x = \"\"", "" },
		{ "x = \"a\\tb\\n\\\"\\\\\\u00e9\\U0001F600\"", "a\tb\n\"\\é😀" },
		{ "x = 'C:\\dir\\n'", "C:\\dir\\n" },
		{ "x = \"\"\"\none\r\ntwo\"\"\"", "one\ntwo" },
		{ "x = \"\"\"a \\  \n\n   b\"\"\"", "a b" },
		{ "x = \"\"\"say \"\"hi\"\"\"\"\"", "say \"\"hi\"\"" },
		{ "x = '''\nit's '' raw \\'''", "it's '' raw \\" },
		{ "x = \"\"\"\"\"\"", "" },
		{ "x = ''''a'''''", "'a''" },
		{ "x = \"tab\there\" # comment é", "tab\there" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_TOML struct toml_doc *d = parse(rows[i].text);
		const struct toml_value *v = at(d, "x");

		assert_int_equal(v->type, TOML_STRING);
		assert_string_equal(v->string, rows[i].value);
		assert_int_equal(v->len, strlen(rows[i].value));
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		enum toml_type type;
		int64_t integer;
		double number;
	} rows[] = {
		{ "0", TOML_INTEGER, 0, 0 },
		{ "+99", TOML_INTEGER, 99, 0 },
		{ "-1_000", TOML_INTEGER, -1000, 0 },
		{ "9223372036854775807", TOML_INTEGER, INT64_MAX, 0 },
		{ "-9223372036854775808", TOML_INTEGER, INT64_MIN, 0 },
		{ "0xDEAD_beef", TOML_INTEGER, 0xdeadbeef, 0 },
		{ "0o0755", TOML_INTEGER, 0755, 0 },
		{ "0b1101_0110", TOML_INTEGER, 0xd6, 0 },
		{ "3.1415", TOML_FLOAT, 0, 3.1415 },
		{ "-0.0", TOML_FLOAT, 0, -0.0 },
		{ "5e+22", TOML_FLOAT, 0, 5e+22 },
		{ "6.626e-034", TOML_FLOAT, 0, 6.626e-34 },
		{ "9_9.5_5", TOML_FLOAT, 0, 99.55 },
		{ "-inf", TOML_FLOAT, 0, -INFINITY },
		{ "+inf", TOML_FLOAT, 0, INFINITY },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_STR char *text = xasprintf("x=%s", rows[i].text);
		CLEAN_TOML struct toml_doc *d = parse(text);
		const struct toml_value *v = at(d, "x");

		assert_int_equal(v->type, rows[i].type);
		if (v->type == TOML_INTEGER)
			assert_int_equal(v->integer, rows[i].integer);
		else
			assert_memory_equal(&v->number, &rows[i].number, sizeof(double));
	}
	CLEAN_TOML struct toml_doc *d = parse("x = -nan\ny = true\nz = false");
	assert_true(isnan(at(d, "x")->number));
	assert_true(at(d, "y")->boolean);
	assert_false(at(d, "z")->boolean);
}

static void test_dates(void **state)
{
	static const char *const rows[] = { "1979-05-27T07:32:00Z", "1979-05-27 07:32:00.999-07:00",
		"1979-05-27t07:32:00", "2000-02-29", "07:32:00.5", "1990-12-31T23:59:60z" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_STR char *text = xasprintf("x = [ %s ] # c", rows[i]);
		CLEAN_TOML struct toml_doc *d = parse(text);

		assert_int_equal(at(d, "x.0")->type, TOML_DATETIME);
		assert_string_equal(at(d, "x.0")->string, rows[i]);
	}
}

static void test_structure(void **state)
{
	CLEAN_TOML struct toml_doc *d =
		parse("a.b.c = 1\n"
		      "a . \"b\" . 'd' = 2\n"
		      "list = [ 1, # one\n [ 'x' ],\n { k.l = 3, k.m = 4 }, ]\n"
		      "[t.u]\n"
		      "v = 5\n"
		      "[t]\n"
		      "w = 6\n"
		      "[[many]]\nn = 7\n"
		      "[many.sub]\no = 8\n"
		      "[[many]]\n[[many.deep]]\np = 9\n"
		      "[a.b.header]\nq = 10\n"
		      "1234 = 11\n");

	(void)state;
	assert_int_equal(at(d, "a.b.c")->integer, 1);
	assert_int_equal(at(d, "a.b.d")->integer, 2);
	assert_string_equal(at(d, "list.1.0")->string, "x");
	assert_int_equal(at(d, "list.2.k.m")->integer, 4);
	assert_int_equal(at(d, "t.u.v")->integer, 5);
	assert_int_equal(at(d, "t.w")->integer, 6);
	assert_int_equal(at(d, "many")->count, 2);
	assert_int_equal(at(d, "many.0.sub.o")->integer, 8);
	assert_int_equal(at(d, "many.1.deep.0.p")->integer, 9);
	assert_int_equal(at(d, "a.b.header.q")->integer, 10);
	assert_int_equal(at(d, "a.b.header.1234")->integer, 11);
	assert_null(toml_get(toml_root(d), "absent"));
	assert_null(toml_get(at(d, "a.b.c"), "x"));
}

static void test_places(void **state)
{
	CLEAN_TOML struct toml_doc *d = parse("# é\r\n[s]\n\te = 1\n  'ä' = [ 'é', 2 ]\n");
	const struct toml_value *v = at(d, "s");

	(void)state;
	assert_int_equal(v->key_line, 2);
	assert_int_equal(v->key_column, 2);
	v = at(d, "s.ä");
	assert_int_equal(v->key_line, 4);
	assert_int_equal(v->key_column, 3);
	assert_int_equal(v->column, 9);
	assert_int_equal(v->items[1]->line, 4);
	assert_int_equal(v->items[1]->column, 16);
}

/* Each text is refused at this place, and the reason holds this. */
static const struct {
	const char *text;
	unsigned line, column;
	const char *reason;
} refused[] = {
	{ "a = 1\nb", 2, 2, "expected '='" },
	{ "a = \n", 1, 5, "end of the line, expected a value" },
	{ "= 1", 1, 1, "expected a key" },
	{ "é = 1", 1, 1, "expected a key" },
	{ "a = 1 b = 2", 1, 7, "found 'b', expected the end of the line" },
	{ "a = 1\n\na = 2", 3, 1, "already an integer since line 1, expected each key once" },
	{ "\"a\" = 1\na = 2", 2, 1, "each key once" },
	{ "a = {b = 1, b = 2}", 1, 13, "each key once" },
	{ "[a]\n[b]\n[a]", 3, 2, "each table once" },
	{ "[a]\nb = 1\n[a.b]", 3, 4, "each table once" },
	{ "a = 1\n[a.b]", 2, 2, "an integer since line 1, expected a table" },
	{ "a.b = 1\n[a]", 2, 2, "each table once" },
	{ "[x]\na.b = 1\n[x.a]", 3, 4, "each table once" },
	{ "[a.b]\n[a]\nb.c = 1", 3, 1, "dotted key may extend" },
	{ "a = {}\na.b = 1", 2, 1, "dotted key may extend" },
	{ "a = {}\n[a.b]", 2, 2, "header may extend" },
	{ "t = {a = {}, a.b = 1}", 1, 14, "dotted key may extend" },
	{ "a = []\n[[a]]", 2, 3, "free for an array of tables" },
	{ "a = [{}]\n[a.b]", 2, 2, "header may extend" },
	{ "[[a]]\n[a]", 2, 2, "an array of tables since line 1, expected each table once" },
	{ "[a]\n[[a]]", 2, 3, "free for an array of tables" },
	{ "[[a.b]]\n[a]\nb.y = 2", 3, 1, "dotted key may extend" },
	{ "[]", 1, 2, "expected a key" },
	{ "[a", 1, 3, "expected ']'" },
	{ "[[a] ]", 1, 4, "expected ']]'" },
	{ "[a] b = 1", 1, 5, "end of the line" },
	{ "a = [1 2]", 1, 8, "',' or ']'" },
	{ "a = [,]", 1, 6, "expected a value" },
	{ "a = {b = 1,}", 1, 12, "expected a key" },
	{ "a = {\nb = 1}", 1, 6, "expected a key" },
	{ "a = 'x", 1, 7, "the closing '" },
	{ "a = \"x\ny\"", 1, 7, "the closing \"" },
	{ "a = \"\"\"x", 1, 9, "the closing \"" },
	{ "a = \"\\x41\"", 1, 7, "after the backslash" },
	{ "a = \"\\ud800\"", 1, 6, "surrogates" },
	{ "a = \"\\u00g0\"", 1, 10, "4 hex digits" },
	{ "a = \"\x01\"", 1, 6, "control character 0x01" },
	{ "a = 'x\x7f'", 1, 7, "control character 0x7f" },
	{ "# a\rb", 1, 4, "bare carriage return" },
	{ "# \x02", 1, 3, "byte 0x02" },
	{ "\"\"\"a\"\"\" = 1", 1, 1, "multi-line string as a key" },
	{ "a = '''x''''''", 1, 14, "end of the line" },
	{ "a = 012", 1, 5, "leading zeros" },
	{ "a = 1__0", 1, 5, "single '_'" },
	{ "a = _1", 1, 5, "digits" },
	{ "a = 1.", 1, 5, "after the decimal point" },
	{ "a = .5", 1, 5, "digits" },
	{ "a = 1e", 1, 5, "exponent" },
	{ "a = +0x1", 1, 5, "not a value" },
	{ "a = 0xG", 1, 5, "base 16" },
	{ "a = 9223372036854775808", 1, 5, "64 bits" },
	{ "a = 0xffffffffffffffff", 1, 5, "64 bits" },
	{ "a = yes", 1, 5, "not a value" },
	{ "a = 2021-02-29", 1, 5, "not a date" },
	{ "a = 2021-13-01", 1, 5, "not a date" },
	{ "a = 25:00:00", 1, 5, "not a date" },
	{ "a = 07:32", 1, 5, "not a date" },
	{ "a = 1979-05-27T07:32:00+2:00", 1, 5, "not a date" },
	{ "\xef\xbb\xbf"
	  "a = 1",
		1, 1, "byte order mark" },
	{ "a = 'é\xc3'", 1, 7, "0xc3 is not valid UTF-8" },
	{ "a = '\xed\xa0\x80'", 1, 6, "not valid UTF-8" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		const char *text = refused[i].text;
		struct toml_error e = { 0 };

		if (toml_parse(text, strlen(text), &e))
			fail_msg("accepted: %s", text);
		if (e.line != refused[i].line || e.column != refused[i].column ||
			!strstr(e.reason, refused[i].reason))
			fail_msg("%s\ngave %u:%u: %s\nexpected %u:%u: %s", text, e.line, e.column,
				e.reason, refused[i].line, refused[i].column, refused[i].reason);
	}
}

static void refuse_buf(const struct buf *text, const char *reason)
{
	struct toml_error e = { 0 };

	assert_true(buf_ok(text));
	assert_null(toml_parse(text->data, text->len, &e));
	assert_non_null(strstr(e.reason, reason));
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf nested = BUF_INIT(MIB(4)), deep = BUF_INIT(MIB(4)),
			     many = BUF_INIT(MIB(4)), large = BUF_INIT(MIB(4));

	(void)state;
	buf_adds(&nested, "a=");
	buf_adds(&deep, "a");
	for (int i = 0; i < 100000; i++) {
		buf_addc(&nested, '[');
		buf_adds(&deep, ".a");
	}
	refuse_buf(&nested, "nested too deeply");
	refuse_buf(&deep, "key is too deep");
	for (int i = 0; i <= TOML_NODES; i++)
		buf_addf(&many, "k%d=1\n", i);
	refuse_buf(&many, "too many values");
	buf_adds(&large, "#");
	while (large.len <= LIMIT_CONFIG_FILE)
		buf_addc(&large, 'x');
	refuse_buf(&large, "bytes are too many");
}

static void test_embedded_nul(void **state)
{
	static const char raw[] = "a = 'x\0y'";
	struct toml_error e = { 0 };
	CLEAN_TOML struct toml_doc *d = parse("a = \"x\\u0000y\"");

	(void)state;
	assert_int_equal(at(d, "a")->len, 3);
	assert_memory_equal(at(d, "a")->string, "x\0y", 4);
	assert_null(toml_parse(raw, sizeof(raw) - 1, &e));
	assert_int_equal(e.column, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_embedded_nul),
	};

	return cmocka_run_group_tests_name("toml", tests, NULL, NULL);
}
