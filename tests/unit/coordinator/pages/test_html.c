/*
 * No text of an author becomes markup, and none hides in a page: what the writer makes of each
 * character, in each of the places in which a value may stand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/pages/html.h"

#define ESC(text) "<span class=\"esc\">" text "</span>"

static void test_text(void **state UNUSED)
{
	static const struct {
		const char *in, *text, *attribute;
	} cases[] = {
		{ "plain, \xc3\xa4 \xe2\x82\xac \xf0\x9f\x99\x82", NULL, NULL },
		{ "<b>&\"'</b>", "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;", NULL },
		{ "a\tb\nc", NULL, NULL },
		{ "\x1b[31m\r", ESC("\\x1b") "[31m" ESC("\\x0d"), "\\x1b[31m\\x0d" },
		{ "\x7f", ESC("\\x7f"), "\\x7f" }, { "\xc2\x9b", ESC("\\u009b"), "\\u009b" },
		{ "a\xe2\x80\xae"
		  "b",
			"a" ESC("\\u202e") "b",
			"a\\u202e"
			"b" },
		{ "\xd8\x9c\xe2\x81\xa6\xef\xbb\xbf", ESC("\\u061c") ESC("\\u2066") ESC("\\ufeff"),
			"\\u061c\\u2066\\ufeff" },
		{ "\xf3\xa0\x81\x81", ESC("\\ue0041"), "\\ue0041" },
		{ "\xff<\xc3", ESC("\\xff") "&lt;" ESC("\\xc3"), "\\xff&lt;\\xc3" },
		{ "\xc0\xbc", ESC("\\xc0") ESC("\\xbc"), "\\xc0\\xbc" }, /* an overlong < */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_HTML struct html text, attribute;
		const char *want = cases[i].text ? cases[i].text : cases[i].in;

		html_init(&text, KIB(4));
		html_init(&attribute, KIB(4));
		html_text(&text, cases[i].in);
		html_attribute(&attribute, cases[i].in);
		assert_string_equal(want, buf_cstr(&text.out));
		assert_string_equal(
			cases[i].attribute ? cases[i].attribute : want, buf_cstr(&attribute.out));
	}
}

static void test_every_byte(void **state UNUSED)
{
	char all[256];
	CLEAN_HTML struct html h;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	html_init(&h, KIB(16));
	html_text_n(&h, all, sizeof(all));
	assert_true(utf8_valid(h.out.data, h.out.len));
	assert_null(memchr(h.out.data, 0, h.out.len));
	assert_non_null(strstr(h.out.data, ESC("\\x00")));
}

static void test_urls(void **state UNUSED)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "/demo/x?branch=a%2Fb&event=push#L1-2",
			"/demo/x?branch=a%2Fb&amp;event=push#L1-2" },
		{ "https://example.org/a", "https://example.org/a" },
		{ "http://example.org", "http://example.org" },
		{ "?step=2", "?step=2" },
		{ "#L1-1", "#L1-1" },
		{ "javascript:alert(1)", "#" },
		{ "JavaScript:alert(1)", "#" },
		{ " javascript:alert(1)", "#" },
		{ "\tjavascript:alert(1)", "#" },
		{ "data:text/html,x", "#" },
		{ "vbscript:x", "#" },
		{ "//evil.example", "#" },
		{ "/\\evil.example", "#" },
		{ "relative", "#" },
		{ "", "#" },
		{ NULL, "#" },
		{ "/a\"onclick=\"b", "/a&quot;onclick=&quot;b" },
		{ "/a b\n\xe2\x80\xae", "/a%20b%0A%E2%80%AE" },
		{ "https://h/\\x", "https://h/%5Cx" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_HTML struct html h;

		html_init(&h, KIB(4));
		html_url(&h, cases[i].in);
		assert_string_equal(cases[i].out, buf_cstr(&h.out));
	}
}

static void test_times_and_sizes(void **state UNUSED)
{
	CLEAN_HTML struct html h;

	html_init(&h, KIB(4));
	h.now = (struct wall){ INT64_C(1769860800) * USEC_PER_SEC };
	html_time(&h, (struct wall){ h.now.us - 61 * USEC_PER_SEC });
	assert_string_equal("<time datetime=\"2026-01-31T11:58:59.000Z\""
			    " title=\"2026-01-31 11:58:59 UTC\">1 minute ago</time>",
		buf_cstr(&h.out));
	buf_clear(&h.out);
	html_time(&h, (struct wall){ 0 });
	html_span(&h, 0);
	assert_string_equal("", buf_cstr(&h.out));
	html_span(&h, 3661 * USEC_PER_SEC);
	html_span(&h, 1);
	html_bytes(&h, 1);
	html_bytes(&h, 1400000);
	assert_string_equal("1h 01m&lt; 1s1 byte1.4 MB", buf_cstr(&h.out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_times_and_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
