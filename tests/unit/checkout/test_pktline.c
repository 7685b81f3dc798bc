/*
 * The upload-pack wire byte by byte, whole and in portions, and answers that no server should
 * send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "checkout/pktline.h"

#define OID "0123456789abcdef0123456789abcdef01234567"
#define OTHER "89abcdef0123456789abcdef0123456789abcdef"

struct heard {
	struct buf pack, progress;
};

static int on_pack(void *data, const char *p, size_t n, struct err *e)
{
	struct heard *h = data;

	return buf_add(&h->pack, p, n) < 0 ? err_set(e, ERR_LIMIT, "full") : 0;
}

static void on_progress(void *data, const char *line)
{
	struct heard *h = data;

	buf_addf(&h->progress, "[%s]", line);
}

struct text {
	const char *p;
	size_t n;
};
#define T(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}

static const struct {
	struct text in;
	const char *pack, *progress; /* NULL pack: an error */
	const char *error;
	size_t shallow;
	enum err_class class;
	bool refused;
} answers[] = {
	{ T("0035shallow " OID "\n00000008NAK\n0009\1PACK0008\2hi\n0006\1x0000"), "PACKx", "[hi]",
		NULL, 1, ERR_NONE, false },
	{ T("0008NAK\n0009\1PACK0000"), "PACK", "", NULL, 0, ERR_NONE, false },
	{ T("0011shallow-info\n0035shallow " OID "\n0001000dpackfile\n0009\1PACK0000"), "PACK", "",
		NULL, 1, ERR_NONE, false },
	{ T("0008NAK\n0009\1PACK00040006\1!00000002"), "PACK!", "", NULL, 0, ERR_NONE, false },
	{ T("0021ERR upload-pack: not our ref\n"), NULL, "", "not our ref", 0, ERR_NOT_FOUND,
		true },
	{ T("000dERR nope\n"), NULL, "", "the server says: nope", 0, ERR_PROTO, true },
	{ T("0008NAK\n000a\3fatal"), NULL, "", "the server says: fatal", 0, ERR_PROTO, true },
	{ T("0008NAK\n000cERR late"), NULL, "", "the server says: late", 0, ERR_PROTO, true },
	{ T(""), NULL, "", "empty", 0, ERR_PROTO, false },
	{ T("0000"), NULL, "", "cut off", 0, ERR_NET, false },
	{ T("0008NAK\n"), NULL, "", "cut off", 0, ERR_NET, false },
	{ T("0008NAK\n0000"), NULL, "", "no pack", 0, ERR_PROTO, false },
	{ T("0008NAK\n0009\1PACK"), NULL, "", "cut off after 4", 0, ERR_NET, false },
	{ T("0008NAK\n0009\1PA"), NULL, "", "cut off after 2", 0, ERR_NET, false },
	{ T("0008NAK\n0009\1PACK00"), NULL, "", "cut off", 0, ERR_NET, false },
	{ T("<html>"), NULL, "", "bad packet length", 0, ERR_PROTO, false },
	{ T("0003"), NULL, "", "bad packet length", 0, ERR_PROTO, false },
	{ T("fff1"), NULL, "", "bad packet length", 0, ERR_PROTO, false },
	{ T("0008what"), NULL, "", "unexpected line", 0, ERR_PROTO, false },
	{ T("0004"), NULL, "", "unexpected line", 0, ERR_PROTO, false },
	{ T("0013shallow nothex\n"), NULL, "", "shallow without", 0, ERR_PROTO, false },
	{ T("0008NAK\n0006\7x"), NULL, "", "side band", 0, ERR_PROTO, false },
	{ T("0008NAK\n0001"), NULL, "", "special packet", 0, ERR_PROTO, false },
	{ T("0002"), NULL, "", "special packet", 0, ERR_PROTO, false },
	{ T("0008NAK\n0009\1PACK00000006\1x"), NULL, "", "after the end", 0, ERR_PROTO, false },
};

static void check(size_t i, size_t portion)
{
	CLEAN_BUF struct buf pack = BUF_INIT(KIB(64)), progress = BUF_INIT(KIB(64));
	struct heard h = { pack, progress };
	struct answer_sink sink = { on_pack, on_progress, &h };
	CLEANUP(answer_release) struct answer a;
	struct err e = { 0 };
	int rc = 0;

	answer_init(&a, &sink, KIB(64));
	for (size_t at = 0; rc == 0 && at < answers[i].in.n; at += portion) {
		size_t n = answers[i].in.n - at < portion ? answers[i].in.n - at : portion;

		rc = answer_feed(&a, answers[i].in.p + at, n, &e);
	}
	if (rc == 0)
		rc = answer_end(&a, &e);
	if (answers[i].error &&
		(rc == 0 || !strstr(e.text, answers[i].error) || e.class != answers[i].class))
		fail_msg("answer %zu in %zu: %d %s \"%s\"", i, portion, rc, err_class_name(e.class),
			e.text);
	if (!answers[i].error && rc < 0)
		fail_msg("answer %zu in %zu: %s", i, portion, e.text);
	if (answers[i].pack)
		assert_string_equal(buf_cstr(&h.pack), answers[i].pack);
	assert_string_equal(buf_cstr(&h.progress), answers[i].progress);
	assert_int_equal(a.shallow.n, answers[i].shallow);
	assert_int_equal(a.refused, answers[i].refused);
	buf_release(&h.pack);
	buf_release(&h.progress);
}

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		for (size_t portion = 1; portion <= answers[i].in.n + 1; portion++)
			check(i, portion);
}

static void test_pack_cap(void **state)
{
	struct heard h = { BUF_INIT(100), BUF_INIT(100) };
	struct answer_sink sink = { on_pack, NULL, &h };
	CLEANUP(answer_release) struct answer a;
	struct err e = { 0 };

	(void)state;
	answer_init(&a, &sink, 5);
	assert_int_equal(answer_feed(&a, "0008NAK\n0009\1PACK0006\1a", 23, &e), 0);
	assert_int_equal(answer_feed(&a, "0006\1b", 6, &e), -1);
	assert_int_equal(e.class, ERR_LIMIT);
	assert_string_equal(h.pack.data, "PACKa"); /* nothing of the surplus got through */
	buf_release(&h.pack);
}

static void test_long_lines_are_cut(void **state)
{
	struct heard h = { BUF_INIT(100), BUF_INIT(KIB(8)) };
	struct answer_sink sink = { on_pack, on_progress, &h };
	CLEANUP(answer_release) struct answer a;
	CLEAN_STR char *line = xasprintf("0008NAK\nfff0\2%*s", PKT_MAX - 5, "x");
	struct err e = { 0 };

	(void)state;
	answer_init(&a, &sink, 5);
	assert_int_equal(answer_feed(&a, line, strlen(line), &e), 0);
	assert_int_equal(h.progress.len, PKT_TEXT_MAX + 2);
	buf_release(&h.progress);
}

static void test_too_many_lines(void **state)
{
	struct answer_sink sink = { on_pack, NULL, NULL };
	CLEANUP(answer_release) struct answer a;
	struct err e = { 0 };
	int rc = 0;

	(void)state;
	answer_init(&a, &sink, 5);
	for (size_t i = 0; rc == 0 && i <= ANSWER_LINES_MAX; i++)
		rc = answer_feed(&a, "0000", 4, &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.class, ERR_LIMIT);
}

static void test_requests(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	CLEANUP(strv_release) struct strv wants = { 0 };

	(void)state;
	strv_add(&wants, OID);
	strv_add(&wants, OTHER);
	assert_int_equal(request_v0(&out, &wants, 1), 0);
	assert_string_equal(out.data,
		"007awant " OID " side-band-64k ofs-delta shallow no-progress "
		"agent=shithubd-runner/" PROJECT_VERSION "\n0032want " OTHER
		"\n000cdeepen 100000009done\n");
	buf_clear(&out);
	assert_int_equal(request_v2(&out, &wants, 0), 0);
	assert_string_equal(out.data,
		"0011command=fetch001fagent=shithubd-runner/" PROJECT_VERSION
		"0001000dofs-delta000fno-progress0031want " OID "0031want " OTHER "0008done0000");
}

static void test_advert(void **state)
{
	static const struct {
		struct text in;
		size_t refs;
		const char *error;
	} cases[] = {
		{ T("001e# service=git-upload-pack\n00000037" OID " HEAD\0caps\n003a" OTHER
		    " refs/heads/x\n0000"),
			2, NULL },
		{ T("003d" OID " refs/tags/v1^{}\n0039" OID " refs/tags/a\n"), 1, NULL },
		{ T(""), 0, NULL },
		{ T("000dERR nope\n"), 0, "the server says: nope" },
		{ T("0009nope\n"), 0, "unexpected line" },
		{ T("0035x123456789abcdef0123456789abcdef01234567 refs/he\n"), 0,
			"without an object id" },
		{ T("0040" OID), 0, "cut off" },
		{ T("00"), 0, "cut off" },
		{ T("zzzz"), 0, "malformed" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(ref_list_release) struct ref_list refs = { 0 };
		struct err e = { 0 };
		int rc = advert_parse(cases[i].in.p, cases[i].in.n, &refs, &e);

		if (cases[i].error ? rc == 0 || !strstr(e.text, cases[i].error)
				   : rc < 0 || refs.names.n != cases[i].refs)
			fail_msg("advert %zu: %d, %zu refs, \"%s\"", i, rc, refs.names.n, e.text);
		if (i == 0) {
			assert_string_equal(ref_list_find(&refs, "HEAD"), OID);
			assert_string_equal(ref_list_find(&refs, "refs/heads/x"), OTHER);
			assert_null(ref_list_find(&refs, "refs/heads/y"));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_pack_cap),
		cmocka_unit_test(test_long_lines_are_cut),
		cmocka_unit_test(test_too_many_lines),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_advert),
	};

	return cmocka_run_group_tests_name("pktline", tests, NULL, NULL);
}
