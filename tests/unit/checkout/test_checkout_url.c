/* What a checkout request may say, and what its messages survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/message/frame.h"
#include "checkout/message.h"
#include "sandbox/child_report.h"

#define SHA "0123456789abcdef0123456789abcdef01234567"

static const struct checkout_request good = {
	.url = "https://shithub.example/owner/repo",
	.token = "t",
	.sha = SHA,
	.ref = "refs/heads/trunk",
	.depth = 1,
};

static void expect(const char *what, const struct checkout_request *r, const char *want)
{
	struct err e = { 0 };
	int rc = checkout_request_check(r, &e);

	if (want ? rc == 0 || !strstr(e.text, want) : rc < 0)
		fail_msg("%s: %d \"%s\", expected \"%s\"", what ? what : "(null)", rc, e.text,
			want ? want : "fine");
	if (want)
		assert_true(e.class == ERR_INPUT || e.class == ERR_LIMIT);
}

struct text_case {
	const char *text, *want;
};

static void test_urls(void **state)
{
	static const struct text_case cases[] = {
		{ "https://shithub.example/owner/repo", NULL },
		{ "http://127.0.0.1:8080/o/r.git", NULL },
		{ "https://[::1]:8443/o/r", NULL },
		{ "https://h/o/r@v", NULL },
		{ NULL, "missing" },
		{ "", "missing" },
		{ "file:///etc/passwd", "expected https://" },
		{ "ssh://git@h/o/r", "expected https://" },
		{ "git://h/o/r", "expected https://" },
		{ "HTTPS://h/o/r", "expected https://" },
		{ "ext::sh -c id", "blank" },
		{ "-oProxyCommand=x", "expected https://" },
		{ "https://user:secret@h/o/r", "credentials" },
		{ "https://token@h/o/r", "credentials" },
		{ "https://h", "repository path" },
		{ "https://h/", "repository path" },
		{ "https:///o/r", "host" },
		{ "https://:80/o/r", "host" },
		{ "https://h$x/o/r", "host" },
		{ "https://h/o/r?x=1", "query" },
		{ "https://h/o/r#f", "query" },
		{ "https://h/o\\r", "query" },
		{ "https://h/o/../r", ".." },
		{ "https://h/o/..", ".." },
		{ "https://h/o/..r", NULL },
		{ "https://h/o r", "blank" },
		{ "https://h/o\nr", "control" },
		{ "https://h/o\r\nHost: x", "control" },
		{ "https://h/\303\244/r", "non-ASCII" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct checkout_request r = good;

		r.url = cases[i].text;
		expect(cases[i].text, &r, cases[i].want);
	}
	/* a refusal never repeats what may be a credential */
	struct checkout_request r = good;
	struct err e = { 0 };
	r.url = "https://user:secret@h/o/r";
	assert_int_equal(checkout_request_check(&r, &e), -1);
	assert_null(strstr(e.text, "secret"));
}

static void test_ids(void **state)
{
	static const struct text_case cases[] = {
		{ "", "40 lower-case hex" },
		{ "HEAD", "40 lower-case hex" },
		{ "0123456789abcdef0123456789abcdef0123456", "40 lower-case hex" },
		{ "0123456789abcdef0123456789abcdef012345678", "40 lower-case hex" },
		{ "0123456789ABCDEF0123456789abcdef01234567", "40 lower-case hex" },
		{ "0123456789abcdef0123456789abcdef0123456g", "40 lower-case hex" },
		{ "--upload-pack=x", "40 lower-case hex" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct checkout_request r = good;

		r.sha = cases[i].text;
		expect(cases[i].text, &r, cases[i].want);
	}
}

static void test_paths_and_refs(void **state)
{
	static const struct text_case paths[] = {
		{ NULL, NULL },
		{ ".", NULL },
		{ "a/b", NULL },
		{ "/etc", "relative path" },
		{ "..", "relative path" },
		{ "a/../../b", "relative path" },
		{ ".git", ".git is not a target" },
		{ "a/.GIT/hooks", ".git is not a target" },
	};
	static const struct text_case refs[] = {
		{ NULL, NULL },
		{ "refs/heads/feature/x", NULL },
		{ "refs/tags/v1.0", NULL },
		{ "refs/pull/1/merge", NULL },
		{ "trunk", NULL },
		{ "", NULL },
		{ "-x", "expected refs/" },
		{ "/x", "expected refs/" },
		{ "refs/heads/../../config", "expected refs/" },
		{ "refs/heads/a b", "expected refs/" },
		{ "refs/heads/x.lock", "expected refs/" },
		{ "refs/heads/a\nb", "control" },
		{ "refs/heads/\xff", "UTF-8" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct checkout_request r = good;

		r.path = paths[i].text;
		expect(paths[i].text, &r, paths[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		struct checkout_request r = good;

		r.ref = refs[i].text;
		expect(refs[i].text, &r, refs[i].want);
	}
}

static void test_the_rest(void **state)
{
	struct checkout_request r = good;

	(void)state;
	r = good;
	r.depth = -1;
	expect("depth", &r, "depth");
	r = good;
	r.token = "with\nnewline";
	expect("token", &r, "token");
	r = good;
	r.ca_file = "ca.pem";
	expect("ca", &r, "CA file");
	r = good;
	r.timeout_us = -1;
	expect("timeout", &r, "timeout");
}

static void test_request_message(void **state)
{
	CLEAN_BUF struct buf text = BUF_INIT(FRAME_SMALL);
	CLEANUP(request_copy_release) struct request_copy back = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(request_encode(&good, true, &text, &e), 0);
	assert_int_equal(request_decode(buf_slice(&text), &back, &e), 0);
	assert_string_equal(back.url, good.url);
	assert_string_equal(back.token, good.token);
	assert_string_equal(back.ref, good.ref);
	assert_null(back.path);
	assert_int_equal(back.depth, 1);
	buf_clear(&text);
	assert_int_equal(request_encode(&good, false, &text, &e), 0);
	assert_null(strstr(text.data, "token"));
	request_copy_release(&back);
	struct checkout_request bare = good;
	bare.ref = "trunk";
	buf_clear(&text);
	assert_int_equal(request_encode(&bare, false, &text, &e), 0);
	assert_int_equal(request_decode(buf_slice(&text), &back, &e), 0);
	assert_string_equal(back.ref, "refs/heads/trunk");
}

static void test_refs_without_id(void **state)
{
	CLEAN_BUF struct buf text = BUF_INIT(FRAME_SMALL);
	CLEANUP(request_copy_release) struct request_copy back = { 0 };
	struct checkout_request r = good;
	struct err e = { 0 };

	(void)state;
	r.sha = NULL;
	r.ref = "v1";
	r.tags = r.keep = r.submodules = true;
	expect("ref alone", &r, NULL);
	assert_int_equal(request_encode(&r, false, &text, &e), 0);
	assert_int_equal(request_decode(buf_slice(&text), &back, &e), 0);
	assert_null(back.sha);
	assert_string_equal(back.ref, "v1"); /* a branch or a tag: the server says */
	assert_true(back.tags && back.keep && back.submodules);
	r.ref = NULL;
	expect("neither", &r, "neither a commit nor a ref");
	r.ref = "";
	expect("neither", &r, "neither a commit nor a ref");
}

static void test_report_messages(void **state)
{
	CLEAN_BUF struct buf text = BUF_INIT(FRAME_SMALL);
	CLEANUP(report_message_release)
	struct report_message line = { 0 }, told = { 0 }, back = { 0 };
	struct checkout_result r = { .pack_bytes = 7, .files = 3, .retryable = true, .sha = SHA };
	struct submodule m = { (char *)"lib", (char *)"libs/lib", (char *)"https://h/o/lib",
		(char *)SHA };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(child_line_encode("a\033[31m\xff z", &text, &e), 0);
	assert_int_equal(report_decode(buf_slice(&text), &line, &e), 0);
	assert_int_equal(line.kind, REPORT_LINE);
	assert_string_equal(line.line, "a?[31m? z");
	buf_clear(&text);
	assert_int_equal(submodule_encode(&m, &text, &e), 0);
	assert_int_equal(report_decode(buf_slice(&text), &told, &e), 0);
	assert_int_equal(told.kind, REPORT_SUBMODULE);
	assert_string_equal(told.submodule.url, m.url);
	buf_clear(&text);
	err_set_errno(&r.error, 28, "write");
	assert_int_equal(result_encode(&r, &text, &e), 0);
	assert_int_equal(report_decode(buf_slice(&text), &back, &e), 0);
	assert_int_equal(back.kind, REPORT_RESULT);
	assert_string_equal(back.result.error.text, r.error.text);
	assert_int_equal(back.result.error.class, ERR_IO);
	assert_int_equal(back.result.error.errnum, 28);
	assert_string_equal(back.result.sha, SHA);
	assert_true(back.result.retryable && !back.result.ok && back.result.pack_bytes == 7 &&
		    back.result.files == 3);
}

static void test_end_message(void **state)
{
	static const struct text_case cases[] = {
		{ "{\"shallow\":[\"" SHA "\"],\"names\":[\"refs/heads/x\"],\"oids\":[\"" SHA "\"]}",
			NULL },
		{ "{\"shallow\":[\"../x\"],\"names\":[],\"oids\":[]}", "not an object id" },
		{ "{\"shallow\":[],\"names\":[],\"oids\":[\"" SHA "\"]}", "differ in number" },
		{ "{\"shallow\":[],\"names\":[]}", "oids" },
		{ "{\"shallow\":[],\"names\":[],\"oids\":[],\"more\":1}", "more" },
		{ "{\"shallow\":[],\"names\":[],\"oids\":[],\"target\":\"" SHA
		  "\",\"ref\":\"refs/tags/v\"}",
			NULL },
		{ "{\"shallow\":[],\"names\":[],\"oids\":[],\"target\":\"v1\"}", "target" },
		{ "[]", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(end_message_release) struct end_message m = { 0 };
		struct err e = { 0 };
		int rc = end_decode(slice_of(cases[i].text), &m, &e);

		if (cases[i].want ? rc == 0 || !strstr(e.text, cases[i].want) : rc < 0)
			fail_msg("%s: %d \"%s\"", cases[i].text, rc, e.text);
	}
}

/* A peer that announces more than the cap breaks the connection, whatever follows. */
static void test_frame_cap(void **state)
{
	CLEANUP(frame_reader_release) struct frame_reader r = { 0 };
	struct slice s;
	struct err e = { 0 };

	(void)state;
	frame_reader_init(&r, 4);
	assert_int_equal(buf_add(&r.in, "\0\0\0\4abc", 7), 0);
	assert_int_equal(frame_peek(&r, &s, &e), 0);
	assert_int_equal(buf_add(&r.in, "d\0\0\0\5", 5), 0);
	assert_int_equal(frame_peek(&r, &s, &e), 1);
	assert_true(slice_eq(s, "abcd"));
	frame_drop(&r);
	assert_int_equal(frame_peek(&r, &s, &e), -1);
	assert_int_equal(e.class, ERR_PROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_paths_and_refs),
		cmocka_unit_test(test_the_rest),
		cmocka_unit_test(test_request_message),
		cmocka_unit_test(test_refs_without_id),
		cmocka_unit_test(test_report_messages),
		cmocka_unit_test(test_end_message),
		cmocka_unit_test(test_frame_cap),
	};

	return cmocka_run_group_tests_name("checkout_url", tests, NULL, NULL);
}
