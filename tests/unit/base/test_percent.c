/* Percent-encoding both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/codec.h"

static void encodes(void **state UNUSED)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(1));

	percent_encode(&out, "topic/a b&c=#d?e+f%g\"<>'\xc3\xa4");
	assert_string_equal("topic/a%20b%26c%3D%23d%3Fe%2Bf%25g%22%3C%3E%27%C3%A4", buf_cstr(&out));
}

static void adds_fields(void **state UNUSED)
{
	CLEAN_BUF struct buf url = BUF_INIT(KIB(1));

	buf_adds(&url, "/a");
	percent_field(&url, "x", NULL);
	percent_field(&url, "y", "1 2");
	percent_field(&url, "z", "");
	assert_string_equal("/a?y=1%202&z=", buf_cstr(&url));
}

static void decodes(void **state UNUSED)
{
	static const struct {
		const char *in;
		bool plus;
		const char *out; /* NULL: refused */
	} cases[] = {
		{ "", false, "" }, { "a%20b+c%2B%c3%A4", false, "a b+c+\xc3\xa4" },
		{ "a%20b+c%2B%c3%A4", true, "a b c+\xc3\xa4" }, { "%", false, NULL },
		{ "%4", false, NULL }, { "%4g", false, NULL }, { "%00", false, NULL },
		{ "%c3", false, NULL }, { "a%ff", false, NULL },
		{ "123456789", false, NULL }, /* longer than there is room */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = BUF_INIT(8);
		bool ok = percent_decode(cases[i].in, strlen(cases[i].in), cases[i].plus, &out);

		if (ok != (cases[i].out != NULL))
			fail_msg("\"%s\"", cases[i].in);
		if (ok)
			assert_string_equal(cases[i].out, buf_cstr(&out));
		buf_release(&out);
	}
	/* the text need not end with a NUL: nothing behind it is read */
	CLEAN_BUF struct buf out = BUF_INIT(8);
	assert_false(percent_decode("%41", 2, false, &out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes),
		cmocka_unit_test(adds_fields),
		cmocka_unit_test(decodes),
	};

	return cmocka_run_group_tests_name("percent", tests, NULL, NULL);
}
