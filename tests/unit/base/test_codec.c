/*
 * Base64, hex, hashes, UTF-8 and escaping: known answers, then everything a strict reader must
 * refuse.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/codec.h"
#include "base/utf8.h"

static void base64_vectors(UNUSED void **state)
{
	static const struct {
		struct slice raw;
		const char *plain, *url;
	} cases[] = {
		{ SLICE(""), "", "" },
		{ SLICE("f"), "Zg==", "Zg" },
		{ SLICE("fo"), "Zm8=", "Zm8" },
		{ SLICE("foo"), "Zm9v", "Zm9v" },
		{ SLICE("foob"), "Zm9vYg==", "Zm9vYg" },
		{ SLICE("foobar"), "Zm9vYmFy", "Zm9vYmFy" },
		{ SLICE("\xfb\xff\xbe"), "+/++", "-_--" },
		{ SLICE("\0\0"), "AAA=", "AAA" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf plain CLEAN_BUF = BUF_INIT(100), url CLEAN_BUF = BUF_INIT(100);
		struct buf back CLEAN_BUF = BUF_INIT(100), back_url CLEAN_BUF = BUF_INIT(100);
		struct err e = { 0 };
		struct slice raw = cases[i].raw;
		assert_int_equal(base64_encode(&plain, raw.ptr, raw.len), 0);
		assert_int_equal(base64url_encode(&url, raw.ptr, raw.len), 0);
		assert_string_equal(buf_cstr(&plain), cases[i].plain);
		assert_string_equal(buf_cstr(&url), cases[i].url);
		assert_int_equal(base64_decode(&back, plain.data, plain.len, &e), 0);
		assert_int_equal(base64url_decode(&back_url, url.data, url.len, &e), 0);
		assert_int_equal(back.len, raw.len);
		assert_int_equal(back_url.len, raw.len);
		assert_memory_equal(buf_cstr(&back), raw.ptr, raw.len);
		assert_memory_equal(buf_cstr(&back_url), raw.ptr, raw.len);
	}
}

static void base64_refuses(UNUSED void **state)
{
	static const struct {
		const char *text;
		bool url;
	} cases[] = {
		{ "Zg", false },
		{ "Zg=", false },
		{ "Z===", false },
		{ "====", false },
		{ "Zg==Zg==", false },
		{ "Zm 9", false },
		{ "Zm9v\n", false },
		{ "Zh==", false }, /* stray bits */
		{ "Zm9=", false },
		{ "-_--", false },
		{ "Zg==", true },
		{ "Z", true },
		{ "Zh", true },
		{ "+/++", true },
		{ "Zm9\xc3", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out CLEAN_BUF = BUF_INIT(100);
		struct err e = { 0 };
		const char *text = cases[i].text;
		int rc = cases[i].url ? base64url_decode(&out, text, strlen(text), &e)
				      : base64_decode(&out, text, strlen(text), &e);
		assert_int_equal(rc, -1);
		assert_int_equal(e.class, ERR_INPUT);
		assert_int_equal(out.len, 0);
	}
}

static void base64_round_trips(UNUSED void **state)
{
	unsigned char raw[300];

	random_bytes(raw, sizeof(raw));
	for (size_t n = 0; n <= sizeof(raw); n++) {
		struct buf text CLEAN_BUF = BUF_INIT(1000), back CLEAN_BUF = BUF_INIT(n);
		struct buf small CLEAN_BUF = BUF_INIT(n ? n - 1 : 0);
		struct err e = { 0 };
		assert_int_equal(base64_encode(&text, raw, n), 0);
		assert_int_equal(base64_decode(&back, text.data, text.len, &e), 0);
		assert_memory_equal(buf_cstr(&back), raw, n);
		if (n == 0)
			continue;
		assert_int_equal(base64_decode(&small, text.data, text.len, &e), -1);
		assert_int_equal(e.class, ERR_LIMIT);
	}
}

/* Sixteen digits at once or one by one: the same texts are refused, for the same place. */
static void base64_says_where(UNUSED void **state)
{
	static const char bad[] = { '=', '-', '_', '@', '[', '`', '{', ':', ',', '.', '\0', '\x80',
		'\xff' };
	char text[96];

	for (size_t at = 0; at < sizeof(text) - 2; at++) {
		for (size_t i = 0; i < sizeof(bad); i++) {
			struct buf out CLEAN_BUF = BUF_INIT(sizeof(text));
			CLEAN_STR char *expected =
				xasprintf("base64: character %zu is not of its alphabet", at + 1);
			struct err e = { 0 };

			memset(text, 'z', sizeof(text));
			text[at] = bad[i];
			assert_int_equal(base64_decode(&out, text, sizeof(text), &e), -1);
			assert_string_equal(e.text, expected);
		}
	}
}

static void hex_is_exact(UNUSED void **state)
{
	unsigned char raw[3] = { 1, 2, 3 };
	char text[7];

	hex_encode("\x00\xab\xff", 3, text);
	assert_string_equal(text, "00abff");
	assert_int_equal(hex_decode("00aBfF", raw, 3), 0);
	assert_memory_equal(raw, "\x00\xab\xff", 3);
	assert_int_equal(hex_decode("00abf", raw, 3), -1);
	assert_int_equal(hex_decode("00abff0", raw, 3), -1);
	assert_int_equal(hex_decode("00abfg", raw, 3), -1);
	assert_memory_equal(raw, "\x00\xab\xff", 3);
	assert_true(is_hex_oid("0123456789abcdef0123456789abcdef01234567"));
	assert_false(is_hex_oid("0123456789ABCDEF0123456789abcdef01234567"));
	assert_false(is_hex_oid("0123456789abcdef0123456789abcdef0123456"));
	assert_false(is_hex_oid("0123456789abcdef0123456789abcdef012345678"));
	assert_false(is_hex_oid(""));
	assert_false(is_hex_oid(NULL));
}

static void sha256_vectors(UNUSED void **state)
{
	unsigned char sum[SHA256_LEN];
	char text[SHA256_HEX_MAX];

	sha256("abc", 3, sum);
	hex_encode(sum, sizeof(sum), text);
	assert_string_equal(
		text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256("", 0, sum);
	hex_encode(sum, sizeof(sum), text);
	assert_string_equal(
		text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void randomness(UNUSED void **state)
{
	char a[UUID_TEXT_MAX], b[UUID_TEXT_MAX];
	unsigned seen = 0;

	uuid_v4(a);
	uuid_v4(b);
	assert_string_not_equal(a, b);
	assert_int_equal(strlen(a), 36);
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	assert_true(a[8] == '-' && a[13] == '-' && a[18] == '-' && a[23] == '-');
	for (int i = 0; i < 2000; i++) {
		uint64_t v = random_below(7);

		assert_true(v < 7);
		seen |= 1u << v;
	}
	assert_int_equal(seen, 0x7f);
	assert_int_equal(random_below(1), 0);
	assert_true(random_below(UINT64_MAX) < UINT64_MAX);
}

static void utf8_is_strict(UNUSED void **state)
{
	static const struct {
		struct slice text;
		bool ok;
	} cases[] = {
		{ SLICE(""), true },
		{ SLICE("plain text, longer than eight"), true },
		{ SLICE("12345678\xff"), false },
		{ SLICE("a\0b"), true },
		{ SLICE("\xc2\x80 \xdf\xbf"), true },
		{ SLICE("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"), true },
		{ SLICE("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"), true },
		{ SLICE("\x80"), false },
		{ SLICE("\xc0\x80"), false },
		{ SLICE("\xc1\xbf"), false },
		{ SLICE("\xe0\x80\x80"), false },
		{ SLICE("\xe0\x9f\xbf"), false },
		{ SLICE("\xed\xa0\x80"), false },
		{ SLICE("\xed\xbf\xbf"), false },
		{ SLICE("\xf0\x8f\xbf\xbf"), false },
		{ SLICE("\xf4\x90\x80\x80"), false },
		{ SLICE("\xf5\x80\x80\x80"), false },
		{ SLICE("\xe2\x82"), false },
		{ SLICE("\xe2\x82g"), false },
		{ SLICE("\xfe\xff"), false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(utf8_valid(cases[i].text.ptr, cases[i].text.len), cases[i].ok);
}

static void utf8_prefixes(UNUSED void **state)
{
	static const struct {
		struct slice text;
		size_t want;
	} cases[] = {
		{ SLICE(""), 0 },
		{ SLICE("abc"), 3 },
		{ SLICE("a\xc3"), 1 },
		{ SLICE("a\xc3\xbc"), 3 },
		{ SLICE("a\xe2\x82"), 1 },
		{ SLICE("a\xe2\x82\xac"), 4 },
		{ SLICE("a\xf0"), 1 },
		{ SLICE("a\xf0\x9f\x98"), 1 },
		{ SLICE("a\xf0\x9f\x98\x80"), 5 },
		{ SLICE("\x80\x80\x80\x80"), 4 },
		{ SLICE("a\xff"), 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			utf8_whole_prefix(cases[i].text.ptr, cases[i].text.len), cases[i].want);
}

static void utf8_cuts(UNUSED void **state)
{
	static const char euro[] = "a\xe2\x82\xac";

	assert_int_equal(0, utf8_cut("", 3));
	assert_int_equal(2, utf8_cut("ab", 3)); /* nothing behind its end is read */
	assert_int_equal(3, utf8_cut("abc", 3));
	assert_int_equal(3, utf8_cut("abcd", 3));
	assert_int_equal(1, utf8_cut(euro, 3));
	assert_int_equal(4, utf8_cut(euro, 4));
}

static void utf8_repairs(UNUSED void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "plain \xe2\x82\xac", "plain \xe2\x82\xac" },
		{ "a\xff\x80"
		  "b",
			"a??b" },
		{ "\xc3(\xe2\x82\xac", "?(\xe2\x82\xac" },
		{ "cut \xe2\x82", "cut " },
		{ "\xed\xa0\x80", "???" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_STR char *text = xstrdup(cases[i].text);

		utf8_repair(text);
		assert_string_equal(text, cases[i].want);
	}
}

static void escapes_names(void **state)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{ "", "" },
		{ "plain-name_1.txt", "plain-name_1.txt" },
		{ "a b\xc3\xa9", "a b\xc3\xa9" },
		{ "line\nbreak\ttab\x1b[31m\x7f", "line\\nbreak\\ttab\\x1b[31m\\x7f" },
		{ "back\\slash", "back\\\\slash" },
		{ "\xff\xc3", "\\xff\\xc3" },
		{ "\xc2\x85|\xe2\x80\xae|\xef\xbb\xbf",
			"\\xc2\\x85|\\xe2\\x80\\xae|\\xef\\xbb\\xbf" },
		{ "\xd8\x9c|\xe1\xa0\x8e|\xf3\xa0\x81\x81",
			"\\xd8\\x9c|\\xe1\\xa0\\x8e|\\xf3\\xa0\\x81\\x81" },
		{ "\xe4\xb8\xad\xf0\x9f\x98\x80", "\xe4\xb8\xad\xf0\x9f\x98\x80" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *got CLEAN_STR = text_escaped(cases[i].in);
		assert_string_equal(got, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64_refuses),
		cmocka_unit_test(base64_round_trips),
		cmocka_unit_test(base64_says_where),
		cmocka_unit_test(hex_is_exact),
		cmocka_unit_test(sha256_vectors),
		cmocka_unit_test(randomness),
		cmocka_unit_test(utf8_is_strict),
		cmocka_unit_test(utf8_prefixes),
		cmocka_unit_test(utf8_cuts),
		cmocka_unit_test(utf8_repairs),
		cmocka_unit_test(escapes_names),
	};

	return cmocka_run_group_tests_name("codec", tests, NULL, NULL);
}
