/* A secret is hidden in any mixture of spellings of its characters, and only the secret is. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "base/mask/mask.h"
#include "tests/unit/help/mask_reference.h"

static void collect(void *data, const char *p, size_t n)
{
	buf_add(data, p, n);
}

static struct mask *mask_of(const char *value)
{
	struct mask *m = mask_new();
	struct err e = { 0 };

	assert_int_equal(mask_add(m, value, strlen(value), NULL, &e), 0);
	return m;
}

static void check_text(struct mask *m, const char *text, const char *expected)
{
	for (size_t step = 1; step <= strlen(text); step += step < 4 ? 1 : strlen(text)) {
		CLEAN_BUF struct buf out = BUF_INIT(MIB(1));

		for (size_t at = 0, n; at < strlen(text); at += n) {
			n = step < strlen(text) - at ? step : strlen(text) - at;
			mask_feed(m, text + at, n, collect, &out);
		}
		mask_end(m, collect, &out);
		if (strcmp(buf_cstr(&out), expected) != 0)
			fail_msg("%s\ngave     %s\nexpected %s", text, buf_cstr(&out), expected);
	}
}

/* As tools print them; each text is masked whole, or as given. */
static const struct {
	const char *value, *texts[12];
} printed[] = {
	{ "p@ss/wo rd+1&<x>=\"",
		{ "p%40ss%2Fwo%20rd%2B1%26%3Cx%3E%3D%22", "p%40ss%2fwo+rd%2b1%26%3cx%3e%3d%22",
			"p@ss/wo%20rd+1&%3Cx%3E=%22",
			"p%2540ss%252Fwo%2520rd%252B1%2526%253Cx%253E%253D%2522",
			"p@ss/wo rd\\u002B1\\u0026\\u003Cx\\u003E=\\u0022",
			"p@ss\\/wo rd+1&<x>=\\\"", "p@ss/wo rd+1&amp;&lt;x&gt;=&quot;",
			"p&#64;ss&#x2F;wo&#32;rd&plus;1&AMP;&#60;x&#x3e;&equals;&#34;",
			"p&commat;ss/wo rd+1&amp;amp;&amp;lt;x&amp;gt;=&amp;#34;",
			"p\\x40ss\\x2fwo\\x20rd\\x2b1\\x26\\x3cx\\x3e\\x3d\\x22",
			"p@ss/wo\\ rd+1\\&\\<x\\>=\\\"", "p\\100ss\\57wo\\040rd+1&<x>=\"\"" } },
	{ "pa$$w`rd'back\\slash!x",
		{ "pa\\$\\$w\\`rd\\'back\\\\slash\\!x", "pa$$w`rd'\\''back\\slash!x",
			"pa$$w`rd'\"'\"'back\\slash!x", "pa$$w`rd''back\\slash!x",
			"pa$$w`rd'back\\\\slash!x", "pa\\\\$\\\\$w`rd'back\\\\\\\\slash!x",
			"7061242477607264276261636b5c736c6173682178",
			"70:61:24:24:77:60:72:64:27:62:61:63:6B:5C:73:6C:61:73:68:21:78",
			"cGEkJHdgcmQnYmFja1xzbGFzaCF4", "cGEkJHdgcmQnYmFja1xz\033[0mbGFzaCF4" } },
	{ "caf\xc3\xa9 \xf0\x9f\x98\x80 na\xc3\xafve",
		{ "caf\\u00e9 \\ud83d\\ude00 na\\u00EFve", "caf%C3%A9+%f0%9F%98%80+na%c3%AFve",
			"caf%E9%20%uD83D%uDE00%20na%EFve",
			"caf\\303\\251 \\360\\237\\230\\200 na\\303\\257ve",
			"caf&eacute; &#128512; na&iuml;ve", "caf&#xe9; &#x1F600; na&#239;ve",
			"caf\\xe9 \\U0001f600 na\\xefve", "caf\\u{e9} \\u{1F600} na\\x{ef}ve" } },
	{ "line one\nline-two",
		{ "line one\r\nline-two", "line one\\nline-two", "line%20one%0Aline-two",
			"line one&#10;line-two", "line one\\012line-two", "line+one%0aline-two" } },
	{ "abc+/def-secret>>>???", /* base64 of base64's own characters */
		{ "YWJjKy9kZWYtc2VjcmV0Pj4-Pz8_", "YWJjKy9kZWYtc2VjcmV0Pj4+Pz8/",
			"YWJjKy9kZWYtc2VjcmV0Pj4%2BPz8%2F",
			"YWJjKy9kZWYtc2VjcmV0Pj4\\u002bPz8\\/" } },
};

static void test_as_printed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(printed); i++) {
		CLEAN_MASK struct mask *m = mask_of(printed[i].value);

		for (size_t j = 0; j < 12 && printed[i].texts[j]; j++) {
			CLEAN_STR char *text = xasprintf("<%s>\n", printed[i].texts[j]);

			check_text(m, text, "<***>\n");
		}
	}
}

static const struct {
	const char *value, *text, *expected;
} rows[] = {
	/* around the secret */
	{ "secret-1", "\033[31msecret-1\033[0m", "\033[31m***\033[0m" },
	{ "secret-1", "sec\033[1;31mret\033(B\033[m-1.", "***." },
	{ "secret-1", "'secret-1' \"secret-1\" \\\"secret-1\\\"", "'***' \"***\" \\\"***\\\"" },
	{ "\"secret-1\"", "secret-1 \"secret-1\"", "*** ***" },
	{ "'secret-1'", "secret-1", "***" },
	{ "secret-1\n", "secret-1\nnext", "***\nnext" },
	{ "secret-1\r\n", "secret-1\r\nnext", "***\r\nnext" },
	{ "\nsecret-1", "first\nsecret-1", "first\n***" },
	{ "secret-1\nsecret-2\n", "secret-1\r\nsecret-2\r\nnext", "***\r\nnext" },
	/* not the secret */
	{ "secret-1", "secret 1, secret%2", "secret 1, secret%2" },
	{ "a b c d", "a%20b%20c%2", "a%20b%20c%2" },
	{ "raw%35val-ue", "raw%35val-ue raw%2535val-ue raw5val-ue", "*** *** raw5val-ue" },
	{ "abc", "a%62c a'b'c YWJj abc", "a%62c a'b'c YWJj ***" }, /* short: as it is */
	{ "secret-1", "sec\nret-1", "sec\nret-1" },
	{ "secret-1", "sec\033[31;31;31;31;31;31;31;31;31;31;31;31;31mret-1",
		"sec\033[31;31;31;31;31;31;31;31;31;31;31;31;31mret-1" },
	{ "ab&lt;cd", "ab&lt;cd ab&amp;lt;cd ab<cd", "*** *** ab<cd" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CLEAN_MASK struct mask *m = mask_of(rows[i].value);

		check_text(m, rows[i].text, rows[i].expected);
	}
}

/* A small generator of its own: the cases are the same in every run. */
static uint32_t roll(uint32_t sides)
{
	static uint64_t state = 7;

	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(state >> 33) % sides;
}

/* One character of ASCII in one of its spellings, perhaps with something of no meaning behind. */
static void spell(struct buf *out, char c)
{
	static const char *const formats[] = { "%c", "%%%02X", "%%%02x", "\\u%04x", "\\u%04X",
		"\\x%02x", "\\%03o", "&#%d;", "&#x%X;", "%%25%02X", "%%u%04x", "\\u{%x}" };
	static const char *const nothing[] = { "\\", "'", "\"", "\033[0m", "\033[1;32m", "\\\"" };
	char text[32];
	const char *format = formats[roll(3) ? 0 : roll(ARRAY_LEN(formats))];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), format, c);
#pragma GCC diagnostic pop
	buf_adds(out, text);
	if (roll(6) == 0)
		buf_adds(out, nothing[roll(ARRAY_LEN(nothing))]);
}

static void test_any_mixture(void **state)
{
	static const char secret[] = "Tr0ub4dor & \"three\" <words>, 50% off_/";
	CLEAN_MASK struct mask *m = mask_of(secret);

	(void)state;
	for (int round = 0; round < 3000; round++) {
		CLEAN_BUF struct buf text = BUF_INIT(KIB(16));

		buf_addc(&text, '[');
		for (size_t i = 0; i + 1 < strlen(secret); i++)
			spell(&text, secret[i]);
		buf_adds(&text, "/]\n");
		check_text(m, buf_cstr(&text), "[***]\n");
	}
}

/* Ordinary output is not kept waiting: not the end of a line whose last character begins some
 * base64. */
static void test_lines_do_not_wait(void **state)
{
	CLEAN_MASK struct mask *m = mask_of("QYIcgk-secret-\"x\"-value");

	(void)state;
	for (int c = 'A'; c <= 'z'; c++) {
		CLEAN_BUF struct buf out = BUF_INIT(KIB(1));
		char line[64];

		snprintf(line, sizeof(line), "fetching https://host/some/path/of/it %c\n", c);
		mask_feed(m, line, strlen(line), collect, &out);
		assert_int_equal(mask_held(m), 0);
		mask_end(m, collect, &out);
	}
}

static double bytes_per_second(struct mask *m, const char *piece)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1)), out = BUF_INIT(MIB(1));
	clock_t began;

	while (text.len < KIB(128))
		buf_adds(&text, piece);
	began = clock();
	for (size_t at = 0; at + 1024 <= text.len; at += 1024) {
		buf_clear(&out);
		mask_feed(m, text.data + at, 1024, collect, &out);
	}
	mask_end(m, collect, &out);
	return (double)text.len / ((double)(clock() - began + 1) / CLOCKS_PER_SEC);
}

/* Texts that nearly match at every byte, in many ways, with secrets made for them. */
static void test_hostile_output_takes_linear_time(void **state)
{
	static const char *const pieces[] = { "a", "%61", "%2561a", "\\n", "\\\\n", "\"", "a\"",
		"\\", "&amp;", "&", "%25", "a\033[31m", "\033[31m", "\\u0061",
		"a\"\\a'%61&#97;\033[m" };
	struct mask *m = mask_new();
	struct err e = { 0 };
	CLEAN_STR char *value = xcalloc(1, 60002);

	(void)state;
	memset(value, 'a', 60000);
	value[60000] = 'b';
	assert_int_equal(mask_add(m, value, 60001, NULL, &e), 0);
	value[0] = 'n';
	for (size_t i = 1; i < 20000; i++)
		value[i] = roll(2) ? 'n' : '\n';
	value[19999] = 'n';
	assert_int_equal(mask_add(m, value, 20000, NULL, &e), 0);
	assert_int_equal(mask_add(m, "%25%25%25%25%25%25zz\"\"\"\"\"\"\"\"q", 29, NULL, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		double rate = bytes_per_second(m, pieces[i]);

		print_message("%-24s %6.2f MB/s\n", pieces[i][0] == '\033' ? "ESC [31m" : pieces[i],
			rate / 1e6);
		assert_true(rate > 1e5);
	}
	mask_free(m);
}

/* More readings than are followed: everything that one of them could become is hidden. */
static void test_too_many_readings_hide_all(void **state)
{
	CLEAN_BUF struct buf value = BUF_INIT(KIB(8)), text = BUF_INIT(KIB(32)),
			     out = BUF_INIT(KIB(64));
	struct err e = { 0 };
	CLEAN_MASK struct mask *m = mask_new();

	(void)state;
	buf_addc(&value, 'n');
	for (int i = 0; i < 3000; i++)
		buf_addc(&value, roll(2) ? 'n' : '\n');
	buf_addc(&value, 'n');
	assert_int_equal(mask_add(m, value.data, value.len, NULL, &e), 0);
	for (int i = 0; i < 1500; i++)
		buf_adds(&text, "\\n");
	for (size_t i = 0; i < value.len; i++) /* ambiguous at every character, and the secret */
		buf_adds(&text, value.data[i] == '\n' ? "\\n" : "\\n" + 1);
	mask_feed(m, text.data, text.len, collect, &out);
	mask_end(m, collect, &out);
	assert_true(mask_lost(m) > 0);
	assert_true(out.len < 200 && strstr(out.data, MASK_TEXT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_printed),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_any_mixture),
		cmocka_unit_test(test_lines_do_not_wait),
		cmocka_unit_test(test_hostile_output_takes_linear_time),
		cmocka_unit_test(test_too_many_readings_hide_all),
	};

	return cmocka_run_group_tests_name("mask_spelling", tests, NULL, NULL);
}
