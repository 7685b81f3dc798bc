/* The masker against the slow reference (tests/unit/help/mask_reference.h) at every chunking. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/mask/mask.h"
#include "base/mask/forms.h"
#include "tests/unit/help/mask_reference.h"

static void collect(void *data, const char *p, size_t n)
{
	assert_true(n > 0);
	buf_add(data, p, n);
}

static struct mask *mask_of(const struct slice *values, size_t n, size_t dense)
{
	struct mask *m = mask_new();
	struct err e = { 0 };

	mask_set_dense(m, dense);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(mask_add(m, values[i].ptr, values[i].len, NULL, &e), 0);
	return m;
}

static void add_forms(struct mask_forms *forms, const struct slice *values, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mask_forms_add_value(forms, values[i].ptr, values[i].len, MASK_PIECE_MIN);
		mask_forms_add_derived(forms, values[i].ptr, values[i].len, MASK_PIECE_MIN);
		mask_forms_add_hex(forms, values[i].ptr, values[i].len, MASK_PIECE_MIN);
	}
}

/* The text masked at once, which the reference must agree with. */
static void oracle(const struct slice *values, size_t n, struct slice text, struct buf *out)
{
	CLEANUP(mask_forms_release) struct mask_forms forms = { 0 };
	CLEAN_MASK struct mask *m = mask_of(values, n, MASK_DENSE_BYTES);

	add_forms(&forms, values, n);
	mask_feed(m, text.ptr, text.len, collect, out);
	mask_end(m, collect, out);
	if (!reference_check(&forms, text, buf_slice(out))) {
		for (size_t i = 0; i < n; i++)
			print_message("value    \"%.*s\"\n", (int)values[i].len, values[i].ptr);
		print_message("text     \"%.*s\"\n", (int)text.len, text.ptr);
		print_message("gave     \"%s\"\n", buf_cstr(out));
		fail();
	}
}

/* Feeds the text with a cut after byte i when cut(i); the output must be the expected one. */
/* What another stream leaves behind must not matter. */
static void move(struct mask *m)
{
	CLEAN_BUF struct buf rest = BUF_INIT(MIB(4)), other = BUF_INIT(KIB(4));

	mask_save(m, &rest);
	mask_end(m, collect, &other);
	mask_feed(m, "of another stream, and then", 27, collect, &other);
	assert_int_equal(0, mask_restore(m, rest.data, rest.len, NULL));
}

static void check_cuts_moved(
	struct mask *m, struct slice text, uint64_t cuts, struct slice expected, bool moved)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(4));
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (i + 1 < text.len && !(cuts >> (i % 64) & 1))
			continue;
		/* an exact copy, so that a read beyond the chunk is seen by the sanitizer */
		CLEAN_STR char *chunk = xmalloc(i + 1 - from);
		memcpy(chunk, text.ptr + from, i + 1 - from);
		mask_feed(m, chunk, i + 1 - from, collect, &out);
		if (moved)
			move(m);
		from = i + 1;
	}
	mask_end(m, collect, &out);
	assert_int_equal(mask_held(m), 0);
	size_t same = 0;
	while (same < out.len && same < expected.len && out.data[same] == expected.ptr[same])
		same++;
	if (same < out.len || same < expected.len) {
		print_message("text     \"%.*s\"\n", (int)text.len, text.ptr);
		print_message("cuts     %" PRIx64 "\n", cuts);
		print_message("gave     \"…%s\"\n", buf_cstr(&out) + same);
		print_message(
			"expected \"…%.*s\"\n", (int)(expected.len - same), expected.ptr + same);
		fail();
	}
}

static void check_cuts(struct mask *m, struct slice text, uint64_t cuts, struct slice expected)
{
	check_cuts_moved(m, text, cuts, expected, false);
	check_cuts_moved(m, text, cuts, expected, true);
}

static const struct {
	const char *values[4], *text, *expected;
} rows[] = {
	{ { "hunter2" }, "the hunter2!", "the ***!" },
	{ { "hunter2" }, "hunter2", "***" },
	{ { "hunter2" }, "hunter", "hunter" },
	/* a secret whose prefix is its own suffix, at the end of the stream */
	{ { "abab" }, "x abab", "x ***" },
	{ { "abab" }, "ababab", "***" },
	{ { "secret-s" }, "a secret-s", "a ***" },
	{ { "hunter2", "2xyz" }, "hunter2", "***" },
	{ { "hunter2", "2xyz" }, "hunter2xyz", "***" },
	{ { "hunter2", "2xyz" }, "hunter2xy", "***xy" },
	/* touching matches are one run */
	{ { "ab" }, "abab-ab", "***-***" },
	{ { "aab", "bcc" }, "aabcc aabbcc", "*** ***" },
	{ { "abcd", "bc" }, "abce", "a***e" },
	{ { "abcde", "bc", "cdx" }, "abcdx", "a***" },
	{ { "a" }, "banana", "b***n***n***" },
	{ { "*" }, "a*b", "a***b" },
	{ { "one\ntwo three" }, "one\ntwo three", "***" },
	{ { "line one\nline two" }, "line one\r\nline two", "***" },
	{ { "line one\r\nline two" }, "line one\nline two", "***" },
	{ { "  line one  \n\tline two\n" }, "(line one) (line two)", "(***) (***)" },
	{ { "{\n\"key\": 1\n}" }, "{ } \"key\": 1", "{ } ***" },
	{ { "top-secret" }, "dG9wLXNlY3JldA==", "***==" },
	{ { "p@ss w/rd&1" }, "p%40ss%20w%2Frd%261 p%40ss%20w%2frd%261", "*** ***" },
	{ { "p@ss w/rd&1" }, "p%40ss+w%2Frd%261", "***" },
	{ { "it's(a)!" }, "it's(a)! it%27s%28a%29%21 it's(a)!", "*** *** ***" },
	{ { "say \"hi\"\\\n" }, "say \\\"hi\\\"\\\\\n", "***\n" },
	{ { "caf\xc3\xa9/<x>" }, "caf\\u00e9/<x> caf\xc3\xa9\\/<x> caf\xc3\xa9/\\u003cx\\u003e",
		"*** *** ***" },
	{ { "smile\xf0\x9f\x98\x80" }, "smile\\ud83d\\ude00", "***" },
	{ { "a<b>&'c'\"" }, "a&lt;b&gt;&amp;&apos;c&apos;&quot;", "***" },
	{ { "a<b>&'c'\"" }, "a&lt;b&gt;&amp;&#39;c&#39;&#34;", "***" },
	{ { "don't tell" }, "'don'\\''t tell'", "'***'" },
	{ { "\n", " ", "", "x y" }, "a b\n x y", "a b\n ***" },
	{ { "ab\xff\xfe\x80z" }, "\xff ab\xff\xfe\x80z", "\xff ***" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct slice values[4], text = slice_of(rows[i].text);
		size_t n = 0;

		for (; n < 4 && rows[i].values[n]; n++)
			values[n] = slice_of(rows[i].values[n]);
		for (size_t dense = 0; dense <= MASK_DENSE_BYTES; dense += MASK_DENSE_BYTES) {
			CLEAN_MASK struct mask *m = mask_of(values, n, dense);

			check_cuts(m, text, 0, slice_of(rows[i].expected));
			check_cuts(m, text, UINT64_MAX, slice_of(rows[i].expected));
			for (unsigned at = 0; at < 64 && at < text.len; at++)
				check_cuts(m, text, UINT64_C(1) << at, slice_of(rows[i].expected));
		}
	}
}

/* A small generator of its own: the cases are the same in every run. */
struct dice {
	uint64_t state;
};

static uint32_t roll(struct dice *d, uint32_t sides)
{
	d->state = d->state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(d->state >> 33) % sides;
}

static void random_text(struct dice *d, const char *alphabet, char *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = alphabet[roll(d, (uint32_t)strlen(alphabet))];
}

/* Up to 4 values of min..max bytes over the alphabet. */
static size_t random_values(struct dice *d, const char *alphabet, size_t min, size_t max,
	char (*room)[64], struct slice *values)
{
	size_t n = 1 + roll(d, 4);

	for (size_t i = 0; i < n; i++) {
		size_t len = min + roll(d, (uint32_t)(max - min + 1));

		random_text(d, alphabet, room[i], len);
		if (i > 0 && roll(d, 3) == 0) /* share a piece with the one before */
			memcpy(room[i], room[i - 1] + values[i - 1].len / 2,
				len < values[i - 1].len / 2 ? len : values[i - 1].len / 2);
		values[i] = (struct slice){ room[i], len };
	}
	return n;
}

/* Every chunking of short texts over a tiny alphabet. */
static void test_all_chunkings(void **state)
{
	struct dice d = { 1 };

	(void)state;
	for (int round = 0; round < 400; round++) {
		char room[4][64], text[12];
		struct slice values[4];
		size_t n = random_values(&d, "ab", 1, 6, room, values);
		struct slice t = { text, 6 + roll(&d, 4) };

		random_text(&d, "ab", text, t.len);
		CLEAN_BUF struct buf expected = BUF_INIT(MIB(1));
		oracle(values, n, t, &expected);
		CLEAN_MASK struct mask *m = mask_of(values, n, round % 2 ? 0 : MASK_DENSE_BYTES);
		for (uint64_t cuts = 0; cuts < UINT64_C(1) << (t.len - 1); cuts++)
			check_cuts(m, t, cuts, buf_slice(&expected));
	}
}

/* Text in which pieces of the values and of their forms occur, cut, doubled and overlapping. */
static size_t busy_text(struct dice *d, const char *alphabet, const struct slice *values, size_t n,
	char *text, size_t max)
{
	CLEANUP(mask_forms_release) struct mask_forms forms = { 0 };
	size_t len = 0;

	add_forms(&forms, values, n);
	while (len + 200 < max) {
		const struct mask_form *f = &forms.v[roll(d, (uint32_t)forms.n)];
		size_t from = roll(d, 3) ? 0 : roll(d, (uint32_t)f->len);
		size_t piece = roll(d, 3) ? f->len - from : roll(d, (uint32_t)(f->len - from + 1));

		piece = piece < 100 ? piece : 100;
		memcpy(text + len, f->bytes + from, piece);
		len += piece;
		size_t filler = roll(d, 3) ? 0 : roll(d, 60);
		random_text(d, alphabet, text + len, filler);
		len += filler;
	}
	return len;
}

static void test_random(void **state)
{
	static const struct {
		const char *alphabet;
		size_t min, max;
	} kinds[] = {
		{ "ab", 1, 5 },
		{ "ab", 4, 12 },
		{ "abc\n", 5, 20 },
		{ "abcdefghijklmnop \"\\<&\r\n", 8, 40 },
		{ "ab\\'\"n%2+ ", 4, 12 },
		{ "0123456789abcdef", 20, 63 },
	};
	static const size_t dense[] = { 0, 2048, MASK_DENSE_BYTES };
	struct dice d = { 2 };
	char text[1200] = "";

	(void)state;
	for (int round = 0; round < 600; round++) {
		size_t kind = (size_t)round % ARRAY_LEN(kinds);
		char room[4][64];
		struct slice values[4];
		size_t n = random_values(
			&d, kinds[kind].alphabet, kinds[kind].min, kinds[kind].max, room, values);
		struct slice t = { text, busy_text(&d, kinds[kind].alphabet, values, n, text,
						 roll(&d, 2) ? sizeof(text) : 260) };
		CLEAN_BUF struct buf expected = BUF_INIT(MIB(1));

		oracle(values, n, t, &expected);
		CLEAN_MASK struct mask *m =
			mask_of(values, n, dense[(size_t)round % ARRAY_LEN(dense)]);
		check_cuts(m, t, 0, buf_slice(&expected));
		check_cuts(m, t, UINT64_MAX, buf_slice(&expected));
		for (int i = 0; i < 4; i++) {
			uint64_t sparse = (uint64_t)roll(&d, 1u << 31) << 32 | roll(&d, 1u << 31);

			check_cuts(m, t, sparse & sparse << 7 & sparse >> 5, buf_slice(&expected));
			check_cuts(m, t, sparse, buf_slice(&expected));
		}
	}
}

/* A value of which `head` digits end a line that is this long behind a byte that is not plain. */
static void check_wrapped(size_t line, size_t head, const char *end)
{
	struct slice value = slice_of("a secret whose base64 is longer than one line is at most");
	CLEAN_BUF struct buf coded = BUF_INIT(KIB(1)), text = BUF_INIT(KIB(4)),
			     out = BUF_INIT(KIB(4));

	base64_encode(&coded, value.ptr, value.len);
	for (int n = 0; n < 40; n++)
		buf_adds(&text, "plain ");
	buf_adds(&text, "\"");
	for (size_t n = head; n < line; n++)
		buf_addc(&text, 'Q');
	buf_add(&text, coded.data, head);
	buf_adds(&text, end);
	buf_add(&text, coded.data + head, coded.len - head);
	buf_adds(&text, "\n");
	oracle(&value, 1, buf_slice(&text), &out);
}

/* Around the length from which on a line counts as wrapped. */
static void test_wrapped_heads(void **state)
{
	static const char *const ends[] = { "\n", "\r\n", "\\r\n", "\"\n", "=\n" };

	(void)state;
	for (size_t line = 28; line < 40; line++) {
		for (size_t head = 1; head < 12; head++) {
			for (size_t i = 0; i < ARRAY_LEN(ends); i++)
				check_wrapped(line, head, ends[i]);
		}
	}
}

/* Whatever stands around the value in encoded data, at most its edge characters remain. */
static void test_base64_anywhere(void **state)
{
	static const char secret[] = "correct horse >>> battery ??? staple \xff\xfe";
	struct slice value = slice_of(secret);
	CLEAN_MASK struct mask *m = mask_of(&value, 1, MASK_DENSE_BYTES);

	(void)state;
	for (size_t before = 0; before < 6; before++) {
		for (size_t after = 0; after < 6; after++) {
			CLEAN_BUF struct buf raw = BUF_INIT(KIB(4)), text = BUF_INIT(KIB(4)),
					     out = BUF_INIT(KIB(4));

			buf_add(&raw, "zyxwvu", before);
			buf_add(&raw, secret, value.len);
			buf_add(&raw, "zyxwvu", after);
			base64_encode(&text, raw.data, raw.len);
			buf_addc(&text, '\n');
			base64url_encode(&text, raw.data, raw.len);
			mask_feed(m, text.data, text.len, collect, &out);
			mask_end(m, collect, &out);
			/* of each: the neighbours' characters, two mixed ones, padding */
			size_t most = 2 * ((before + after) * 4 / 3 + 2 + 2 + 2 + 3) + 1;
			if (!strstr(out.data, MASK_TEXT) || out.len > most)
				fail_msg("%zu, %zu: %s", before, after, out.data);
		}
	}
}

static void test_base64_lines(void **state)
{
	struct slice value = SLICE("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj"
				   "AgEAAoIBAQC7VJTUt9Us8cKjMzEfYyjiWA4R4abc\n-----END KEY-----\n");
	CLEAN_MASK struct mask *m = mask_of(&value, 1, MASK_DENSE_BYTES);
	CLEAN_BUF struct buf flat = BUF_INIT(KIB(4)), cut = BUF_INIT(KIB(4)),
			     out = BUF_INIT(KIB(4));

	(void)state;
	base64_encode(&flat, value.ptr, value.len);
	for (size_t at = 0; at < flat.len; at += 76) {
		buf_add(&cut, flat.data + at, flat.len - at < 76 ? flat.len - at : 76);
		buf_addc(&cut, '\n');
	}
	mask_feed(m, cut.data, cut.len, collect, &out);
	mask_end(m, collect, &out);
	assert_string_equal(out.data, "***o=\n");
}

/* Memory of spans and of held bytes does not grow with a chunk full of matches. */
static void test_many_matches(void **state)
{
	struct slice values[] = { SLICE("ab"), SLICE("bcbcbcbcbcbcbcbcbcbcbcbd") };
	CLEAN_MASK struct mask *m = mask_of(values, 2, MASK_DENSE_BYTES);
	CLEAN_BUF struct buf text = BUF_INIT(MIB(2)), expected = BUF_INIT(MIB(2));

	(void)state;
	for (int i = 0; i < 30000; i++) {
		buf_adds(&text, i % 3 ? "xabcy" : "zbcbcbc");
		buf_adds(&expected, i % 3 ? "x***cy" : "zbcbcbc");
	}
	check_cuts(m, buf_slice(&text), 0, buf_slice(&expected));
	check_cuts(m, buf_slice(&text), UINT64_C(0x8000000000000000), buf_slice(&expected));
	assert_int_equal(mask_count(m), 4 * 20000);
}

/* More covered ranges than are kept at once stand inside a match that is not complete yet. */
static void test_many_spans_inside_a_match(void **state)
{
	CLEAN_BUF struct buf value = BUF_INIT(KIB(8)), half = BUF_INIT(KIB(8));

	(void)state;
	buf_addc(&value, 'q');
	buf_addc(&half, 'q');
	for (int i = 0; i < 1000; i++) {
		buf_adds(&value, "-ab");
		buf_adds(&half, "-" MASK_TEXT);
	}
	buf_addc(&value, 'z');
	struct slice values[] = { SLICE("ab"), buf_slice(&value) };
	struct slice cut = { value.data, value.len - 1 };
	CLEAN_MASK struct mask *m = mask_of(values, 2, MASK_DENSE_BYTES);
	for (uint64_t cuts = 0; cuts < 8; cuts++) {
		check_cuts(m, buf_slice(&value), cuts, SLICE(MASK_TEXT));
		check_cuts(m, cut, cuts, buf_slice(&half));
	}
	check_cuts(m, buf_slice(&value), UINT64_MAX, SLICE(MASK_TEXT));
	check_cuts(m, cut, UINT64_MAX, buf_slice(&half));
}

static void count(void *data, const char *p, size_t n)
{
	(void)p;
	*(size_t *)data += n;
}

/* A stream that always holds something back: memory stays bounded and nothing is lost. */
static void test_long_hold(void **state)
{
	enum { PREFIX = 60000, CHUNK = 100, CHUNKS = 200000 };
	CLEAN_STR char *value = xmalloc(PREFIX + 1);
	char chunk[CHUNK];
	size_t out = 0;

	(void)state;
	memset(value, 'a', PREFIX);
	value[PREFIX] = 'b';
	memset(chunk, 'a', sizeof(chunk));
	struct slice v = { value, PREFIX + 1 };
	CLEAN_MASK struct mask *m = mask_of(&v, 1, MASK_DENSE_BYTES);
	for (int i = 0; i < CHUNKS; i++)
		mask_feed(m, chunk, sizeof(chunk), count, &out);
	assert_int_equal(mask_held(m), PREFIX);
	assert_int_equal(out, (size_t)CHUNK * CHUNKS - PREFIX);
	mask_feed(m, "b", 1, count, &out);
	assert_int_equal(mask_held(m), 0);
	assert_int_equal(out, (size_t)CHUNK * CHUNKS - PREFIX + strlen(MASK_TEXT));
}

/* A local run's reader looks at bytes in hex; everything else is masked there too. */
static void test_hex(void **state)
{
	static const char text[] = "token 746f6b656e 74:6F:6B:65:6E dG9rZW4= tok%65n";
	static const char *const expected[] = { "*** *** *** ***= ***",
		"*** 746f6b656e 74:6F:6B:65:6E ***= ***" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
		CLEAN_MASK struct mask *m = mask_new();
		struct err e = { 0 };

		if (i == 1)
			mask_show_hex(m);
		assert_int_equal(mask_add(m, "token", 5, NULL, &e), 0);
		mask_feed(m, text, sizeof(text) - 1, collect, &out);
		mask_end(m, collect, &out);
		assert_string_equal(buf_cstr(&out), expected[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_all_chunkings),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_wrapped_heads),
		cmocka_unit_test(test_base64_anywhere),
		cmocka_unit_test(test_base64_lines),
		cmocka_unit_test(test_many_matches),
		cmocka_unit_test(test_long_hold),
		cmocka_unit_test(test_many_spans_inside_a_match),
	};

	return cmocka_run_group_tests_name("mask", tests, NULL, NULL);
}
