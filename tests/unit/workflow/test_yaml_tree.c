/* YAML to a bounded tree: what is kept as text, what is refused, what aliases may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "workflow/yaml_tree.h"

static struct yaml_doc *parse_ok(const char *text)
{
	struct err e = { 0 };
	struct yaml_where at = { 0 };
	struct yaml_doc *d = yaml_doc_parse(text, strlen(text), &at, &e);

	if (!d)
		fail_msg("%u:%u: %s", at.line, at.column, e.text);
	return d;
}

static void expect_refused(
	const char *text, size_t n, unsigned line, unsigned column, const char *reason)
{
	struct err e = { 0 };
	struct yaml_where at = { 0 };
	CLEAN_YAML struct yaml_doc *d = yaml_doc_parse(text, n, &at, &e);

	assert_null(d);
	if (!strstr(e.text, reason))
		fail_msg("got \"%s\", expected \"%s\"", e.text, reason);
	if (line)
		assert_int_equal(at.line, line);
	if (column)
		assert_int_equal(at.column, column);
}

static void keeps_text_as_written(void **state)
{
	(void)state;
	CLEAN_YAML struct yaml_doc *d =
		parse_ok("on: yes\nno: 0x1F\nq: \"null\"\ne:\nt: ~\nb: |\n  x\n  y\n");
	const struct yaml_node *root = yaml_doc_root(d);

	assert_int_equal(root->count, 6);
	assert_string_equal(yaml_get(root, "on")->text, "yes");
	assert_string_equal(yaml_get(root, "no")->text, "0x1F");
	assert_false(yaml_is_null(yaml_get(root, "q")));
	assert_true(yaml_is_null(yaml_get(root, "e")));
	assert_true(yaml_is_null(yaml_get(root, "t")));
	assert_string_equal(yaml_get(root, "b")->text, "x\ny\n");
	assert_null(yaml_get(root, "absent"));
}

static void knows_positions(void **state)
{
	(void)state;
	CLEAN_YAML struct yaml_doc *d = parse_ok("a:\n  - one\n  -   two: 2\n");
	const struct yaml_node *list = yaml_get(yaml_doc_root(d), "a");

	assert_int_equal(list->kind, YAML_LIST);
	assert_int_equal(list->items[0]->at.line, 2);
	assert_int_equal(list->items[0]->at.column, 5);
	assert_int_equal(list->items[1]->keys[0]->at.line, 3);
	assert_int_equal(list->items[1]->keys[0]->at.column, 7);
}

static void empty_text_has_no_root(void **state)
{
	(void)state;
	CLEAN_YAML struct yaml_doc *empty = parse_ok(""), *comment = parse_ok("# only this\n");

	assert_null(yaml_doc_root(empty));
	assert_null(yaml_doc_root(comment));
}

static void aliases_share_nodes(void **state)
{
	(void)state;
	CLEAN_YAML struct yaml_doc *d = parse_ok("a: &x {k: v}\nb: *x\nc: &x [1]\nd: *x\n");
	const struct yaml_node *root = yaml_doc_root(d);

	assert_ptr_equal(yaml_get(root, "a"), yaml_get(root, "b"));
	assert_ptr_equal(yaml_get(root, "c"), yaml_get(root, "d"));
	assert_string_equal(yaml_get(yaml_get(root, "b"), "k")->text, "v");
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column;
		const char *reason;
	} rows[] = {
		{ "a: 1\nb: 2\na: 3\n", 3, 1, "duplicate key \"a\" (first in line 1)" },
		{ "a: {x: 1, \"x\": 2}\n", 1, 11, "duplicate key \"x\"" },
		{ "a: [1\n", 2, 1, "not YAML" },
		{ "a: b: c\n", 1, 5, "not YAML" },
		{ "\tx: 1\n", 1, 1, "not YAML" },
		{ "a: *nobody\n", 1, 4, "alias \"*nobody\" names no anchor" },
		{ "a: &self [*self]\n", 1, 11, "alias \"*self\" names no anchor" },
		{ "? [a]\n: 1\n", 1, 3, "a key of a map must be text" },
		{ "x: &b {k: 1}\ny:\n  <<: *b\n", 3, 3, "merge keys" },
		{ "a: !!binary aGk=\n", 1, 4,
			"tag \"tag:yaml.org,2002:binary\" is not supported here, expected !!str" },
		{ "a: !!int abc\n", 1, 4, "\"abc\" is no !!int" },
		{ "a: !!int 1.5\n", 1, 4, "\"1.5\" is no !!int" },
		{ "a: !!bool yes\n", 1, 4, "\"yes\" is no !!bool" },
		{ "a: !!map [1]\n", 1, 4, "not supported here" },
		{ "a: !x [1]\n", 1, 4, "tag \"!x\" is not supported here" },
		{ "a: \"x\\0y\"\n", 1, 4, "NUL" },
		{ "a: 1\n---\nb: 2\n", 3, 1, "more than one document" },
		{ "a: \xff\n", 1, 4, "UTF-8" },
		{ "a: 1\n\xc3\xa4: \xc3\xa4\xff\n", 2, 5, "UTF-8" },
		{ "a: 1\nb: x\x01\n", 2, 5, "control characters" },
		{ "if: !f(x, 'y')\n", 1, 9, "has !, & or * in front" },
		{ "a: !x y\n", 1, 4, "begins with ! into quotes" },
		{ "if: !x && y\n", 1, 9, "has !, & or * in front" },
		{ "a:\n- *\n", 2, 4, "has !, & or * in front" },
		{ "a: @x\n", 1, 4, "begins with this character into quotes" },
		{ "a:\n\t- 1\n", 2, 1, "blanks, not with tabs" },
		{ "\xc3\xa4\xc3\xa4\xc3\xa4:\n\t- 1\n", 2, 1, "blanks, not with tabs" },
		{ "a: echo b: c\n", 1, 10, "\": \" in it into quotes" },
		{ "a: \"\\d\"\n", 1, 5, "single quotes" },
		{ "a: 'it's'\n", 1, 8, "check the quotes" },
		{ "%YAML 9.9\n---\na: 1\n", 1, 1, "not YAML" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		expect_refused(rows[i].text, strlen(rows[i].text), rows[i].line, rows[i].column,
			rows[i].reason);
}

static void strings_with_tag_are_text(void **state)
{
	(void)state;
	CLEAN_YAML struct yaml_doc *d = parse_ok("a: !!str null\n");

	assert_false(yaml_is_null(yaml_get(yaml_doc_root(d), "a")));
}

static void depth_is_capped(void **state)
{
	char text[200] = { 0 };
	struct err e = { 0 };
	struct yaml_where at;

	(void)state;

	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	CLEAN_YAML struct yaml_doc *fits = yaml_doc_parse(text, 128, &at, &e);
	assert_non_null(fits);
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	expect_refused(text, 130, 1, 65, "more than 64 levels");
}

static void size_is_capped(void **state)
{
	size_t n = LIMIT_WORKFLOW_FILE;
	CLEAN_STR char *text = xmalloc(n + 1);
	struct err e = { 0 };
	struct yaml_where at;

	(void)state;

	memset(text, '#', n + 1);
	CLEAN_YAML struct yaml_doc *fits = yaml_doc_parse(text, n, &at, &e);
	assert_non_null(fits);
	expect_refused(text, n + 1, 1, 1, "file has 65537 bytes, expected at most 65536");
}

static void aliases_are_capped(void **state)
{
	(void)state;
	for (int count = 100; count <= 101; count++) {
		CLEAN_BUF struct buf b = BUF_INIT(LIMIT_WORKFLOW_FILE);
		struct err e = { 0 };
		struct yaml_where at;

		buf_adds(&b, "a: &x 1\nb:\n");
		for (int i = 0; i < count; i++)
			buf_adds(&b, "- *x\n");
		CLEAN_YAML struct yaml_doc *d = yaml_doc_parse(b.data, b.len, &at, &e);
		assert_int_equal(d != NULL, count == 100);
		if (!d)
			assert_string_equal(e.text, "more than 100 aliases");
	}
}

/* Each level doubles what the one before expands to: small text, 2^30 values. */
static void expansion_is_capped(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT(LIMIT_WORKFLOW_FILE);

	(void)state;

	buf_adds(&b, "a0: &a0 [x]\n");
	for (int i = 1; i <= 30; i++)
		buf_addf(&b, "a%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
	expect_refused(b.data, b.len, 0, 0, "more than 20000 values");
}

static void entries_are_capped(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT(LIMIT_WORKFLOW_FILE);

	(void)state;

	for (int i = 0; i <= YAML_ITEMS_MAX; i++)
		buf_adds(&b, "- x\n");
	expect_refused(b.data, b.len, 4097, 3, "more than 4096 entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_text_as_written),
		cmocka_unit_test(knows_positions),
		cmocka_unit_test(empty_text_has_no_root),
		cmocka_unit_test(aliases_share_nodes),
		cmocka_unit_test(refuses),
		cmocka_unit_test(strings_with_tag_are_text),
		cmocka_unit_test(depth_is_capped),
		cmocka_unit_test(size_is_capped),
		cmocka_unit_test(aliases_are_capped),
		cmocka_unit_test(expansion_is_capped),
		cmocka_unit_test(entries_are_capped),
	};

	return cmocka_run_group_tests_name("yaml_tree", tests, NULL, NULL);
}
