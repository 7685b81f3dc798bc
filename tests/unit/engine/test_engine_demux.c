/* The attach framing: any split gives the same bytes; what is no frame is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buf.h"
#include "engine/demux.h"

static void collect(void *data, enum demux_stream stream, const char *p, size_t n)
{
	buf_addf(data, "%d:%.*s|", (int)stream, (int)n, p);
}

static void join(void *data, enum demux_stream stream UNUSED, const char *p, size_t n)
{
	buf_add(data, p, n);
}

static const char two[] = "\1\0\0\0\0\0\0\3one\2\0\0\0\0\0\0\3two\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1.";

static void test_whole(void **state UNUSED)
{
	struct buf out = { .max = 100 };
	struct demux d;
	struct err e = { 0 };

	demux_init(&d, collect, &out);
	assert_int_equal(demux_feed(&d, two, sizeof(two) - 1, &e), 0);
	assert_int_equal(demux_end(&d, &e), 0);
	assert_string_equal(buf_cstr(&out), "1:one|2:two|1:.|");
	buf_release(&out);
}

static void test_every_split(void **state UNUSED)
{
	for (size_t step = 1; step < sizeof(two); step++) {
		struct buf out = { .max = 100 };
		struct demux d;
		struct err e = { 0 };

		demux_init(&d, join, &out);
		for (size_t at = 0; at < sizeof(two) - 1; at += step) {
			size_t left = sizeof(two) - 1 - at;

			assert_int_equal(
				demux_feed(&d, two + at, left < step ? left : step, &e), 0);
		}
		assert_int_equal(demux_end(&d, &e), 0);
		assert_string_equal(buf_cstr(&out), "onetwo.");
		buf_release(&out);
	}
}

static void test_bad(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		size_t n;
		int feed;
		enum err_class class; /* of the feed, or of the end */
	} cases[] = {
		{ "\4\0\0\0\0\0\0\1x", 9, -1, ERR_PROTO },
		{ "\0\0\0\0\0\0\0\1x", 9, -1, ERR_PROTO },
		{ "\1\1\0\0\0\0\0\1x", 9, -1, ERR_PROTO },
		{ "HTTP/1.1", 8, -1, ERR_PROTO },
		{ "\1\0\0", 3, 0, ERR_PROTO },
		{ "\1\0\0\0\0\0\0\5ab", 10, 0, ERR_PROTO },
		{ "\3\0\0\0\0\0\0\4oops", 12, 0, ERR_ENGINE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = { .max = 100 };
		struct demux d;
		struct err e = { 0 };

		demux_init(&d, join, &out);
		assert_int_equal(demux_feed(&d, cases[i].bytes, cases[i].n, &e), cases[i].feed);
		if (cases[i].feed == 0)
			assert_int_equal(demux_end(&d, &e), -1);
		assert_int_equal(e.class, cases[i].class);
		buf_release(&out);
	}
}

static void test_engine_words(void **state UNUSED)
{
	struct buf out = { .max = 100 };
	struct demux d;
	struct err e = { 0 };
	char big[1000];

	memset(big, 'x', sizeof(big));
	demux_init(&d, join, &out);
	assert_int_equal(demux_feed(&d, "\3\0\0\0\0\0\3\350", 8, &e), 0);
	assert_int_equal(demux_feed(&d, big, sizeof(big), &e), 0); /* cut, not overrun */
	assert_int_equal(demux_end(&d, &e), -1);
	assert_int_equal(out.len, 0);
	assert_true(strlen(e.text) < 300);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_engine_words),
	};

	return cmocka_run_group_tests_name("engine_demux", tests, NULL, NULL);
}
