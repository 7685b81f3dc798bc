/* The place of a byte of a value in its file: quotes, escapes, folding, blocks, several bytes a
 * character. In each file the value's byte `!` is searched, which stands there once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "workflow/yaml_tree.h"

static const char *const files[] = {
	"k: a ! b\n",
	"k: größe ! b\n",
	"k: 'it''s ''quoted'' ! b'\n",
	"k: \"a \\\" \\x41 \\u00e9 \\U0001f600 \\\\ \\N ! b\"\n",
	"k: \"a \\\n   b ! c\"\n",
	"k: \"a\n\n   b   \n  c ! d\"\n",
	"k: a b\n  c\n\n  d ! e\n",
	"k: |\n  one\n  two ! b\n",
	"k: |\n\n\n    one\n      two\n\n    x ! b\n",
	"k: |2\n    one\n    x ! b\n",
	"k: >\n  one\n  two\n\n  three ! b\n",
	"k: >-\n  one\n\n     deeper\n     text\n\n  back ! b\n",
	"k: | # remark\r\n  one\r\n  two ! b\r\n",
	"k: &anchor 'x ! y'\n",
	"k: &anchor |\n  x\n  ! y\n",
	"\xef\xbb\xbfk: a ! b\n",
};

/* The place of the byte, counted in the file itself. */
static struct yaml_where count(const char *text)
{
	struct yaml_where at = { 1, 1 };

	if (str_starts(text, "\xef\xbb\xbf"))
		text += 3;
	for (const char *end = strrchr(text, '!'); text < end; text++) {
		at.column += ((unsigned char)*text & 0xc0) != 0x80;
		if (*text == '\n') {
			at.line++;
			at.column = 1;
		}
	}
	return at;
}

static void finds_the_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct err e = { 0 };
		struct yaml_where at = { 0 }, want = count(files[i]);
		CLEAN_YAML struct yaml_doc *d = yaml_doc_parse(files[i], strlen(files[i]), &at, &e);

		if (!d)
			fail_msg("%s: %s", files[i], e.text);
		const struct yaml_node *n = yaml_get(yaml_doc_root(d), "k");
		at = yaml_place(d, n, (size_t)(strchr(n->text, '!') - n->text));
		if (at.line != want.line || at.column != want.column)
			fail_msg("%s: got %u:%u, expected %u:%u", files[i], at.line, at.column,
				want.line, want.column);
	}
}

static void behind_the_end_is_the_end(void **state)
{
	static const char text[] = "k: abc\n";
	struct yaml_where at = { 0 };
	CLEAN_YAML struct yaml_doc *d = yaml_doc_parse(text, strlen(text), &at, NULL);

	(void)state;

	at = yaml_place(d, yaml_get(yaml_doc_root(d), "k"), 99);
	assert_int_equal(at.line, 1);
	assert_int_equal(at.column, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_byte),
		cmocka_unit_test(behind_the_end_is_the_end),
	};

	return cmocka_run_group_tests_name("yaml_place", tests, NULL, NULL);
}
