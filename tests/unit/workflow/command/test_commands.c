/* The command stage: what is told, when, and that no cutting of the bytes changes any of it. */
#include <inttypes.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/clock.h"
#include "workflow/command/text.h"
#include "workflow/command/commands.h"
#include "base/mask/mask.h"

/* Everything in its order: bytes as they come out, events as <kind …>. */
struct record {
	struct buf all, bytes;
	struct commands stage;
	bool dropped; /* a line that nobody may see */
};
#define RECORD_INIT                                                   \
	{                                                             \
		.all = BUF_INIT(MIB(16)), .bytes = BUF_INIT(MIB(16)), \
	}

static void record_release(struct record *r)
{
	buf_release(&r->all);
	buf_release(&r->bytes);
}

static void collect(void *data, const char *p, size_t n)
{
	struct record *r = data;

	assert_true(n > 0);
	buf_add(&r->all, p, n);
	buf_add(&r->bytes, p, n);
}

static void add_text(struct buf *b, const char *label, struct slice s)
{
	if (s.len)
		buf_addf(b, " %s=%.*s", label, (int)s.len, s.ptr);
}

static void add_number(struct buf *b, const char *label, int64_t n)
{
	if (n)
		buf_addf(b, " %s=%d", label, (int)n);
}

static void on_command(void *data, const struct command *c)
{
	static const char *const kinds[COMMAND_KINDS] = { "mask", "group", "endgroup", "debug",
		"notice", "warning", "error", "stop", "resume", "echo", "output", "state",
		"deprecated", "refused" };
	struct record *r = data;
	struct buf *b = &r->all;
	struct slice value = c->value;

	assert_non_null(c->name);
	if (c->kind == COMMAND_ADD_MASK && value.len > 4 && !memcmp(value.ptr, "full", 4))
		commands_unmasked(&r->stage, "no room");
	r->dropped |= c->kind == COMMAND_REFUSED &&
		      (slice_eq(value, "add-mask: no room") || strstr(value.ptr, "not shown"));
	buf_addf(b, "<%s", kinds[c->kind]);
	add_text(b, "key", c->key);
	add_text(b, "value", c->value);
	add_text(b, "title", c->place.title);
	add_text(b, "file", c->place.file);
	add_number(b, "line", c->place.line);
	add_number(b, "end", c->place.end_line);
	add_number(b, "col", c->place.column);
	add_number(b, "endcol", c->place.end_column);
	add_number(b, "on", c->on);
	buf_addc(b, '>');
}

/* Cuts after byte i when bit i % 64 is set. */
static void run_cuts(struct slice text, uint64_t cuts, struct record *r)
{
	struct commands *c = &r->stage;
	size_t from = 0;

	commands_init(c, on_command, r);
	for (size_t i = 0; i < text.len; i++) {
		if (i + 1 < text.len && !(cuts >> (i % 64) & 1))
			continue;
		/* an exact copy, so that a read beyond the chunk is seen by the sanitizer */
		CLEAN_STR char *chunk = xmalloc(i + 1 - from);
		memcpy(chunk, text.ptr + from, i + 1 - from);
		commands_feed(c, chunk, i + 1 - from, collect, r);
		assert_true(commands_held(c) <= LIMIT_COMMAND_LINE);
		from = i + 1;
	}
	commands_end(c, collect, r);
	assert_int_equal(commands_held(c), 0);
	commands_release(c);
	if (r->dropped)
		return;
	assert_int_equal(r->bytes.len, text.len);
	assert_memory_equal(buf_cstr(&r->bytes), text.ptr, text.len);
}

static void check(struct slice text, uint64_t cuts, struct slice expected)
{
	CLEANUP(record_release) struct record r = RECORD_INIT;

	run_cuts(text, cuts, &r);
	if (r.all.len != expected.len || memcmp(buf_cstr(&r.all), expected.ptr, expected.len) != 0)
		fail_msg("cuts %" PRIx64 " of\n%.*s\ngave\n%s\nexpected\n%.*s", cuts, (int)text.len,
			text.ptr, buf_cstr(&r.all), (int)expected.len, expected.ptr);
}

static const uint64_t cut_patterns[] = { 0, UINT64_MAX, 0x5555555555555555, 0x9249249249249249,
	0x8421084210842108, 0x0123456789abcdef, 1, 0x8000000000000000 };

static const struct {
	const char *text, *expected;
} rows[] = {
	/* text passes */
	{ "", "" },
	{ "hello\nworld\n", "hello\nworld\n" },
	{ "no end", "no end" },
	{ "\n\n  \n\t", "\n\n  \n\t" },
	{ "a ::error::x\n", "a ::error::x\n" },
	{ ":error::x\n", ":error::x\n" },
	{ "::\n::::\n:: ::\n::x::y\n", "::\n::::\n:: ::\n::x::y\n" },
	{ "::1 is localhost\n", "::1 is localhost\n" },
	{ "::error\n::error x\n::errors::x\n::err::x\n",
		"::error\n::error x\n::errors::x\n::err::x\n" },
	{ "::error:x::y\n", "::error:x::y\n" },
	{ "::matcher::m.json\n", "::matcher::m.json\n" },
	{ "std::string::npos\n  ::std::move\n", "std::string::npos\n  ::std::move\n" },
	/* masks: before their line, after everything before it */
	{ "a\n::add-mask::hunter2\nb\n", "a\n<mask value=hunter2>::add-mask::hunter2\nb\n" },
	{ "::add-mask::a%0Ab\n", "<mask value=a\nb><mask value=a%0Ab>::add-mask::a%0Ab\n" },
	{ "::add-mask::50%\n", "<mask value=50%>::add-mask::50%\n" },
	{ "::add-mask:: \n",
		"<refused value=add-mask: the value is blank, nothing is masked>::add-mask:: \n" },
	{ "::add-mask::%0A\n", "<refused value=add-mask: the value is blank, nothing is "
			       "masked>::add-mask::%0A\n" },
	{ "::add-mask::end", "<mask value=end>::add-mask::end" },
	{ "::add-mask::a::b\n", "<mask value=a::b>::add-mask::a::b\n" },
	/* what cannot be masked is not shown either */
	{ "a\n::add-mask::full1\nb\n",
		"a\n<mask value=full1><refused value=add-mask: no room>b\n" },
	{ "::add-mask::full1\r\nb", "<mask value=full1><refused value=add-mask: no room>\nb" },
	{ "::add-mask::full%0A1",
		"<mask value=full\n1><mask value=full%0A1><refused value=add-mask: no room>" },
	{ "::add-mask::full1\n::add-mask::full2\n::add-mask::x\n",
		"<mask value=full1><refused value=add-mask: no room>"
		"<mask value=full2><refused value=add-mask: no room>"
		"<mask value=x>::add-mask::x\n" },
	/* line ends */
	{ "::debug::x\r\ny\n", "<debug value=x>::debug::x\r\ny\n" },
	{ "50%\r::debug::x\r::debug::y\n",
		"50%\r<debug value=x>::debug::x\r<debug value=y>::debug::y\n" },
	{ "\r\r\n::debug::x", "\r\r\n<debug value=x>::debug::x" },
	/* blanks and case */
	{ " \t ::DeBuG::x\n", "<debug value=x> \t ::DeBuG::x\n" },
	{ "::group:: my title \n::endgroup::\n",
		"<group value= my title >::group:: my title \n<endgroup>::endgroup::\n" },
	{ "::group ::x\n", "<group value=x>::group ::x\n" },
	{ "::group\t::x\n", "::group\t::x\n" },
	/* escapes */
	{ "::debug::%25%0D%0A%3A%2C%0a%2\n",
		"<debug value=%\r\n%3A%2C%0a%2>::debug::%25%0D%0A%3A%2C%0a%2\n" },
	{ "::debug::%250A\n", "<debug value=%0A>::debug::%250A\n" },
	/* annotations */
	{ "::notice::n\n::warning::w\n::error::e\n",
		"<notice value=n>::notice::n\n<warning value=w>::warning::w\n"
		"<error value=e>::error::e\n" },
	{ "::error file=a.c,line=3,col=7,endColumn=9,title=Bad%3A it%2C is::msg\n",
		"<error value=msg title=Bad: it, is file=a.c line=3 col=7 endcol=9>"
		"::error file=a.c,line=3,col=7,endColumn=9,title=Bad%3A it%2C is::msg\n" },
	{ "::error FILE=a , Line=3, EndLine=4,col=1,,=x,junk::m\n",
		"<error value=m file=a line=3 end=4>"
		"::error FILE=a , Line=3, EndLine=4,col=1,,=x,junk::m\n" },
	{ "::error line=x,col=2::m\n", "<error value=m>::error line=x,col=2::m\n" },
	{ "::error line=5,endLine=3::m\n", "<error value=m line=5>::error line=5,endLine=3::m\n" },
	{ "::error endLine=3,endColumn=2::m\n",
		"<error value=m line=3 end=3 col=2 endcol=2>::error endLine=3,endColumn=2::m\n" },
	{ "::error line=-1,file=::m\n", "<error value=m>::error line=-1,file=::m\n" },
	{ "::error line=1,line=2::m\n", "<error value=m line=2>::error line=1,line=2::m\n" },
	{ "::error title=a=b::m\n", "<error value=m title=a=b>::error title=a=b::m\n" },
	/* stop and resume */
	{ "::stop-commands::tok\n::error::x\n::tokk::\n::TOK::\n::debug::y\n",
		"<stop value=tok>::stop-commands::tok\n::error::x\n::tokk::\n"
		"<resume value=tok>::TOK::\n<debug value=y>::debug::y\n" },
	{ "::stop-commands::a b\n  ::a b::rest\n::debug::y\n",
		"<stop value=a b>::stop-commands::a b\n<resume value=a b>  ::a b::rest\n"
		"<debug value=y>::debug::y\n" },
	{ "::stop-commands::t\nx ::t::\n::debug::y\n",
		"<stop value=t>::stop-commands::t\nx ::t::\n::debug::y\n" },
	{ "::stop-commands::t\n::stop-commands::u\n::u::\n::t::\n::u::\n",
		"<stop value=t>::stop-commands::t\n::stop-commands::u\n::u::\n"
		"<resume value=t>::t::\n::u::\n" },
	{ "::stop-commands::\n::debug::y\n",
		"<refused value=stop-commands: the token is empty or names a command; "
		"command processing continues>::stop-commands::\n<debug value=y>::debug::y\n" },
	{ "::stop-commands::Add-Mask\n",
		"<refused value=stop-commands: the token is empty or names a command; "
		"command processing continues>::stop-commands::Add-Mask\n" },
	{ "::stop-commands::pause-logging\n",
		"<refused value=stop-commands: the token is empty or names a command; "
		"command processing continues>::stop-commands::pause-logging\n" },
	/* echo */
	{ "::echo::on\n::echo::OFF \n", "<echo on=1>::echo::on\n<echo>::echo::OFF \n" },
	{ "::echo::maybe\n", "<refused value=echo: expected \"on\" or \"off\">::echo::maybe\n" },
	/* old forms */
	{ "::set-output name=a::1\n::set-output name=b::2%0A3\n",
		"<deprecated value=set-output: deprecated: write NAME=value to "
		"$SHITHUB_OUTPUT><output key=a value=1>::set-output name=a::1\n"
		"<output key=b value=2\n3>::set-output name=b::2%0A3\n" },
	{ "::save-state name=k::v\n",
		"<deprecated value=save-state: deprecated: write NAME=value to "
		"$SHITHUB_STATE><state key=k value=v>::save-state name=k::v\n" },
	{ "::set-output name=\xff::\xc3\xa4\xc3\n",
		"<deprecated value=set-output: deprecated: write NAME=value to "
		"$SHITHUB_OUTPUT><output key=\xef\xbf\xbd value=\xc3\xa4\xef\xbf\xbd>"
		"::set-output name=\xff::\xc3\xa4\xc3\n" },
	{ "::set-output::v\n",
		"<deprecated value=set-output: deprecated: write NAME=value to "
		"$SHITHUB_OUTPUT><refused value=set-output: the property \"name\" is missing>"
		"::set-output::v\n" },
	{ "::set-env name=A::b\n",
		"<refused value=set-env: disabled, nothing is set; write NAME=value to the file "
		"$SHITHUB_ENV>::set-env name=A::b\n" },
	{ "::add-path::/x\n",
		"<refused value=add-path: disabled, nothing is added; write the folder to the "
		"file $SHITHUB_PATH>::add-path::/x\n" },
	{ "::add-matcher::m.json\n",
		"<refused value=add-matcher: not supported, no line becomes an annotation; print "
		"::error file=NAME,line=N::TEXT>::add-matcher::m.json\n" },
	{ "::remove-matcher owner=x::\n",
		"<refused value=remove-matcher: not supported, there are no "
		"matchers>::remove-matcher owner=x::\n" },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t k = 0; k < ARRAY_LEN(cut_patterns); k++)
			check(slice_of(rows[i].text), cut_patterns[k], slice_of(rows[i].expected));
}

/* Lines from pieces that nearly or really are commands, at random cuts. */
static void test_random(void **state)
{
	static const char *const pieces[] = { "::", ":", "\n", "\n", "\n", "\r", " ", "\t", "error",
		"add-mask", "group", "endgroup::", "set-output", "stop-commands::", "tok",
		"::tok::", "name=", "k", ",", "=", "%0A", "%", "line=3", "x", "\xc3\xa4",
		"::debug::", "\n::notice title=t::", "\n::stop-commands::tok\n", "\n::tok::\n",
		"echo::on" };
	uint64_t seed = 88172645463325252U;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
		CLEANUP(record_release) struct record r = RECORD_INIT;

		for (int i = 0; i < 60; i++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			buf_adds(&text, pieces[seed % ARRAY_LEN(pieces)]);
		}
		run_cuts(buf_slice(&text), 0, &r);
		check(buf_slice(&text), UINT64_MAX, buf_slice(&r.all));
		check(buf_slice(&text), seed, buf_slice(&r.all));
	}
}

/* How soon bytes go on. */
static void test_held(void **state)
{
	static const struct {
		const char *text;
		size_t held;
	} cases[] = {
		{ "no newline yet", 0 },
		{ "a\n", 0 },
		{ "a\n  ", 2 },
		{ "a\n  x", 0 },
		{ "prompt> ", 0 },
		{ ":", 1 },
		{ ": ", 0 },
		{ "::", 2 },
		{ "::e", 3 },
		{ "::ex", 0 },
		{ "::error", 7 },
		{ "::error:", 8 },
		{ "::error: ", 0 },
		{ "::errors", 0 },
		{ "::error x", 9 },
		{ "::error::x", 10 },
		{ "::error::x\n", 0 },
		{ "::error::x\r", 0 },
		{ "::stop-commands::t\n::error::x", 0 },
		{ "::stop-commands::t\n::t", 3 },
		{ "::stop-commands::t\n::t::rest", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(record_release) struct record r = RECORD_INIT;
		struct commands c;

		commands_init(&c, on_command, &r);
		commands_feed(&c, cases[i].text, strlen(cases[i].text), collect, &r);
		if (commands_held(&c) != cases[i].held ||
			r.bytes.len + cases[i].held != strlen(cases[i].text))
			fail_msg("\"%s\": %zu bytes held", cases[i].text, commands_held(&c));
		commands_release(&c);
	}
}

static void fill(struct buf *b, const char *head, size_t line_len)
{
	buf_adds(b, head);
	while (b->len < line_len)
		buf_addc(b, 'x');
}

static void expect_long(size_t len, const char *head, uint64_t cuts, const char *told)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1)), expected = BUF_INIT(MIB(1));

	fill(&text, head, len);
	bool shown = !strstr(told, "not shown");
	buf_adds(&expected, told);
	if (str_eq(told, "<debug value="))
		buf_addf(&expected, "%s>", text.data + strlen("::debug::"));
	buf_addf(&text, "%s", "\n::endgroup::\n");
	if (shown)
		buf_add(&expected, text.data, len + 1);
	buf_adds(&expected, "<endgroup>::endgroup::\n");
	check(buf_slice(&text), cuts, buf_slice(&expected));
}

static void test_long_lines(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cut_patterns); k++) {
		uint64_t cuts = cut_patterns[k];

		expect_long(LIMIT_COMMAND_LINE, "::debug::", cuts, "<debug value=");
		expect_long(LIMIT_COMMAND_LINE + 1, "::debug::", cuts,
			"<refused value=debug: the line is longer than 65 KiB and taken as text>");
		expect_long(2 * LIMIT_COMMAND_LINE, "::add-mask::", cuts,
			"<refused value=add-mask: the line is longer than 65 KiB, it is not shown "
			"and nothing is masked>");
		expect_long(2 * LIMIT_COMMAND_LINE, "::debug ", cuts, "");
		expect_long(LIMIT_COMMAND_LINE + 1, "::", cuts, "");
		expect_long(2 * LIMIT_COMMAND_LINE, "", cuts, "");
	}
}

/* Blanks alone are not held for ever either. */
static void test_long_blanks(void **state)
{
	const size_t n = LIMIT_COMMAND_LINE + 100;
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));

	(void)state;
	while (text.len < n)
		buf_addc(&text, ' ');
	buf_adds(&text, "::debug::x");
	for (size_t k = 0; k < ARRAY_LEN(cut_patterns); k++)
		check(buf_slice(&text), cut_patterns[k], buf_slice(&text));
}

static void test_counts_and_caps(void **state)
{
	CLEANUP(record_release) struct record r = RECORD_INIT;
	CLEAN_BUF struct buf text = BUF_INIT(MIB(4));
	struct commands c;
	size_t told = 0;

	(void)state;
	for (int i = 0; i < LIMIT_ENV_COUNT + 1; i++)
		buf_addf(&text, "::set-output name=n%d::v\n::set-env name=a::b\n::error::e\n", i);
	commands_init(&c, on_command, &r);
	commands_feed(&c, text.data, text.len, collect, &r);
	assert_int_equal(c.counts[COMMAND_SET_OUTPUT], LIMIT_ENV_COUNT);
	assert_int_equal(c.counts[COMMAND_ERROR], LIMIT_ENV_COUNT + 1);
	assert_int_equal(c.counts[COMMAND_WARNING], 0);
	assert_int_equal(c.counts[COMMAND_DEPRECATED], 1);
	assert_int_equal(c.counts[COMMAND_REFUSED], LIMIT_ENV_COUNT + 2);
	for (const char *at = r.all.data; (at = strstr(at, "<refused")); at++)
		told++;
	assert_int_equal(told, COMMANDS_REFUSALS_SHOWN);
	commands_release(&c);
}

/* Names and values that those behind could not keep. */
static void test_pairs_refused(void **state)
{
	static const char nul_value[] = "::set-output name=a::x\0y\n",
			  nul_name[] = "::set-output name=a\0b::x\n";
	CLEAN_BUF struct buf long_name = BUF_INIT(KIB(4));
	struct slice texts[3] = { { nul_value, sizeof(nul_value) - 1 },
		{ nul_name, sizeof(nul_name) - 1 } };

	(void)state;
	fill(&long_name,
		"::set-output name=", strlen("::set-output name=") + LIMIT_COMMAND_NAME + 1);
	buf_adds(&long_name, "::v\n");
	texts[2] = buf_slice(&long_name);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEANUP(record_release) struct record r = RECORD_INIT;

		run_cuts(texts[i], 0, &r);
		assert_non_null(strstr(r.all.data, "<refused value=set-output: "));
		assert_null(strstr(r.all.data, "<output"));
	}
}

/* ---- with the masker behind ---- */

struct pipeline {
	struct mask *mask;
	struct buf out;
};

static void pipe_out(void *data, const char *p, size_t n)
{
	buf_add(&((struct pipeline *)data)->out, p, n);
}

static void pipe_emit(void *data, const char *p, size_t n)
{
	mask_feed(((struct pipeline *)data)->mask, p, n, pipe_out, data);
}

static void pipe_command(void *data, const struct command *c)
{
	struct err e = { 0 };

	if (c->kind == COMMAND_ADD_MASK)
		assert_int_equal(mask_add(((struct pipeline *)data)->mask, c->value.ptr,
					 c->value.len, NULL, &e),
			0);
}

static void test_mask_in_time(void **state)
{
	static const char text[] = "before\n::add-mask::hunter2\nhunter2 it is\n"
				   "::add-mask::a b%0Ac d\n"
				   "::add-mask::first line%0Asecond line\nsecond line\n";
	static const char expected[] = "before\n::add-mask::***\n*** it is\n"
				       "::add-mask::***\n::add-mask::***\n***\n";

	(void)state;
	for (size_t step = 1; step < sizeof(text); step++) {
		struct pipeline p = { mask_new(), BUF_INIT(KIB(64)) };
		struct commands c;

		commands_init(&c, pipe_command, &p);
		for (size_t at = 0; at < strlen(text); at += step)
			commands_feed(&c, text + at,
				step < strlen(text) - at ? step : strlen(text) - at, pipe_emit, &p);
		commands_end(&c, pipe_emit, &p);
		mask_end(p.mask, pipe_out, &p);
		assert_string_equal(buf_cstr(&p.out), expected);
		commands_release(&c);
		mask_free(p.mask);
		buf_release(&p.out);
	}
}

/* A stage serves one stream after another. */
static void test_end_resets(void **state)
{
	CLEANUP(record_release) struct record r = RECORD_INIT;
	struct commands c;

	(void)state;
	commands_init(&c, on_command, &r);
	commands_feed(&c, "::stop-commands::t\n  ::t", 24, collect, &r);
	commands_end(&c, collect, &r);
	commands_feed(&c, "::debug::x", 10, collect, &r);
	commands_end(&c, collect, &r);
	assert_string_equal(
		r.all.data, "<stop value=t>::stop-commands::t\n  ::t<debug value=x>::debug::x");
	commands_release(&c);
}

static void test_clean(void **state)
{
	static const struct {
		const char *text;
		size_t max;
		const char *expected;
		bool whole;
	} cases[] = {
		{ "plain", 5, "plain", true },
		{ "plain", 4, "plai", false },
		{ "\xc3\xa4\xc3\xa4", 3, "\xc3\xa4", false },
		{ "a\xff", 4, "a\xef\xbf\xbd", true },
		{ "a\xff", 3, "a", false },
		{ "\xf0\x9f\x98", 9, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", true },
		{ "\xed\xa0\x80!", 10, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!", true },
		{ "", 0, "", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF struct buf out = BUF_INIT(cases[i].max);

		assert_int_equal(command_text_clean(slice_of(cases[i].text), &out), cases[i].whole);
		assert_string_equal(buf_cstr(&out), cases[i].expected);
		assert_true(buf_ok(&out));
	}
}

static void count(void *data, const char *p, size_t n)
{
	(void)p;
	*(size_t *)data += n;
}

/* Printed, not judged: machines differ. */
static void test_speed(void **state)
{
	enum { CHUNK = 64 * 1024, LINE = 64, CHUNKS = 400 };
	CLEAN_STR char *chunk = xmalloc(CHUNK);
	struct commands c;
	size_t out = 0;

	(void)state;
	for (size_t i = 0; i < CHUNK; i++)
		chunk[i] = i % LINE == LINE - 1 ? '\n' : (char)('a' + i % 23);
	commands_init(&c, on_command, NULL);
	struct mono start = mono_now();
	for (int i = 0; i < CHUNKS; i++)
		commands_feed(&c, chunk, CHUNK, count, &out);
	int64_t us = mono_diff(mono_now(), start);
	assert_int_equal(out, (size_t)CHUNK * CHUNKS);
	print_message("63-byte lines: %.2f GB/s\n", (double)out / (double)(us ? us : 1) / 1000);
	commands_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_blanks),
		cmocka_unit_test(test_counts_and_caps),
		cmocka_unit_test(test_pairs_refused),
		cmocka_unit_test(test_mask_in_time),
		cmocka_unit_test(test_end_resets),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
