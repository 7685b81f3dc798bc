/* Errors grow outward, never allocate and stay printable whatever their text is made of. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>

#include "base/err.h"
#include "base/utf8.h"

static void grows_outward(UNUSED void **state)
{
	struct err e = { 0 };

	assert_int_equal(err_set_errno(&e, ECONNREFUSED, "connect"), -1);
	assert_int_equal(err_wrap(&e, "checkout"), -1);
	assert_int_equal(err_wrap(&e, "job %d", 42), -1);
	assert_string_equal(e.text, "job 42: checkout: connect: Connection refused");
	assert_int_equal(e.class, ERR_IO);
	assert_int_equal(e.errnum, ECONNREFUSED);
	err_clear(&e);
	assert_int_equal(e.class, ERR_NONE);
	assert_string_equal(e.text, "");
}

static void names_classes(UNUSED void **state)
{
	struct err e = { 0 };

	err_set_errno(&e, ENOENT, "open x");
	assert_true(err_is(&e, ERR_NOT_FOUND));
	assert_string_equal(err_class_name(e.class), "not-found");
	for (int c = ERR_NONE; c <= ERR_INTERNAL; c++)
		assert_string_not_equal(err_class_name((enum err_class)c), "unknown");
	assert_string_equal(err_class_name((enum err_class)(ERR_INTERNAL + 1)), "unknown");
}

static void accepts_null(UNUSED void **state)
{
	assert_int_equal(err_set(NULL, ERR_IO, "x"), -1);
	assert_int_equal(err_set_errno(NULL, EIO, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
	err_clear(NULL);
}

static void makes_printable(UNUSED void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "a\nb\x1b[31m\x7f", "a?b?[31m?" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "bad \xff\xc3 utf", "bad ?? utf" },
		{ "c1 \xc2\x9b", "c1 ??" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };

		err_set(&e, ERR_INPUT, "%s", cases[i].in);
		assert_string_equal(e.text, cases[i].want);
	}
}

static void cuts_long_text_between_characters(UNUSED void **state)
{
	for (size_t lead = 0; lead < 4; lead++) {
		char text[4 * ERR_TEXT_MAX];
		struct err e = { 0 };

		memset(text, 'x', lead);
		for (size_t i = lead; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 4);
		err_set(&e, ERR_INPUT, "%s", text);
		assert_true(strlen(e.text) > ERR_TEXT_MAX - 5);
		assert_true(utf8_valid(e.text, strlen(e.text)));
		assert_null(strchr(e.text, '?'));
		err_wrap(&e, "outer");
		assert_true(str_starts(e.text, "outer: "));
		assert_true(strlen(e.text) < ERR_TEXT_MAX);
		err_set_errno(&e, EIO, "%s", text);
		assert_true(strlen(e.text) < ERR_TEXT_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_outward),
		cmocka_unit_test(names_classes),
		cmocka_unit_test(accepts_null),
		cmocka_unit_test(makes_printable),
		cmocka_unit_test(cuts_long_text_between_characters),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
