/* Command files: what they give, what is refused and with which words, and reading them safely. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fs.h"
#include "runner/context/command_files.h"

/* ---- NAME=value ---- */

static int parse(enum command_file which, struct slice text, struct buf *out, struct strv *notices,
	struct err *e)
{
	CLEANUP(pairs_release) struct pairs found = { 0 };
	/* an exact copy, so that a read beyond it is seen by the sanitizer */
	CLEAN_STR char *copy = xmalloc(text.len + 1);
	char *at = copy + 1;

	if (text.len)
		memcpy(at, text.ptr, text.len);
	if (command_file_pairs(which, at, text.len, &found, notices, e) < 0) {
		assert_int_equal(found.n, 0);
		assert_int_equal(notices->n, 0);
		return -1;
	}
	for (size_t i = 0; i < found.n; i++)
		buf_addf(out, "[%s|%s]", found.v[i].key, found.v[i].value);
	return 0;
}

static const struct {
	const char *text, *expected;
} good[] = {
	{ "", "" },
	{ "\n\r\n\n", "" },
	{ "A=1\nB=2\n", "[A|1][B|2]" },
	{ "A=1", "[A|1]" },
	{ "A=\n", "[A|]" },
	{ "A=b=c\n", "[A|b=c]" },
	{ "A=b<<c\nc=d\n", "[A|b<<c][c|d]" },
	{ "A = b \n", "[A | b ]" },
	{ "A=1\nA=2\n", "[A|2]" },
	{ "a=1\nA=2\n", "[a|1][A|2]" },
	{ "A=1\r\nB=2\r\n", "[A|1][B|2]" },
	{ "\xef\xbb\xbf"
	  "A=1\n",
		"[A|1]" },
	{ "A<<END\nEND\n", "[A|]" },
	{ "A<<END\n\nEND\n", "[A|]" },
	{ "A<<END\n\n\nEND\n", "[A|\n]" },
	{ "A<<END\none\nEND", "[A|one]" },
	{ "A<<END\none\ntwo\nEND\nB=1\n", "[A|one\ntwo][B|1]" },
	{ "A<<END\n END\nENDE\nEND \nEND\n", "[A| END\nENDE\nEND ]" },
	{ "A<<E=F\nx=y\nE=F\n", "[A|x=y]" },
	{ "A<< E\nx\n E\n", "[A|x]" },
	{ "A<<B<<C\nx\nB<<C\n", "[A|x]" },
	{ "A<<END\r\none\r\ntwo\r\nEND\r\nB=1\r\n", "[A|one\r\ntwo][B|1]" },
	{ "A<<END\none\r\nEND\n", "[A|one\r]" },
	{ "A<<END\r\none\r\nEND", "[A|one]" },
	{ "A<<END\nB=2\nEND\n", "[A|B=2]" },
	{ "A=\xff\xc3\xa4\n", "[A|\xef\xbf\xbd\xc3\xa4]" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
		CLEANUP(strv_release) struct strv notices = { 0 };
		struct err e = { 0 };

		if (parse(COMMAND_FILE_OUTPUT, slice_of(good[i].text), &out, &notices, &e) < 0)
			fail_msg("\"%s\": %s", good[i].text, e.text);
		if (strcmp(buf_cstr(&out), good[i].expected) != 0)
			fail_msg("\"%s\" gave %s", good[i].text, buf_cstr(&out));
		assert_int_equal(notices.n, 0);
	}
}

static const struct {
	struct slice text;
	enum err_class class;
	const char *error;
} bad[] = {
	{ SLICE("A=1\n\nnonsense\n"), ERR_INPUT,
		"SHITHUB_STATE line 3: expected NAME=value or NAME<<DELIMITER" },
	{ SLICE(" \n"), ERR_INPUT, "SHITHUB_STATE line 1: expected NAME=value or NAME<<DELIMITER" },
	{ SLICE("A=1\n=x\n"), ERR_INPUT, "SHITHUB_STATE line 2: the name is empty" },
	{ SLICE("<<END\nx\nEND\n"), ERR_INPUT, "SHITHUB_STATE line 1: the name is empty" },
	{ SLICE("A<<\nx\n"), ERR_INPUT, "SHITHUB_STATE line 1: the delimiter after << is empty" },
	{ SLICE("A<<\r\nx\n"), ERR_INPUT, "SHITHUB_STATE line 1: the delimiter after << is empty" },
	{ SLICE("A=1\nB<<END\nx\ny\n"), ERR_INPUT,
		"SHITHUB_STATE line 2: the end delimiter \"END\" of this value is missing" },
	{ SLICE("B<<END"), ERR_INPUT,
		"SHITHUB_STATE line 1: the end delimiter \"END\" of this value is missing" },
	{ SLICE("A<<\033[\nx\n"), ERR_INPUT,
		"SHITHUB_STATE line 1: the end delimiter \"?[\" of this value is missing" },
	{ SLICE("A=x\0y\n"), ERR_INPUT,
		"SHITHUB_STATE line 1: name and value must not hold NUL bytes" },
	{ SLICE("\nA<<E\nx\0\nE\n"), ERR_INPUT,
		"SHITHUB_STATE line 2: name and value must not hold NUL bytes" },
	{ SLICE("A\0=x\n"), ERR_INPUT,
		"SHITHUB_STATE line 1: name and value must not hold NUL bytes" },
};

static void expect_error(
	struct slice text, enum command_file which, enum err_class class, const char *error)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(4));
	CLEANUP(strv_release) struct strv notices = { 0 };
	struct err e = { 0 };

	assert_int_equal(parse(which, text, &out, &notices, &e), -1);
	assert_string_equal(e.text, error);
	assert_int_equal(e.class, class);
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		expect_error(bad[i].text, COMMAND_FILE_STATE, bad[i].class, bad[i].error);
}

static void fill(struct buf *b, const char *text, char c, size_t n, const char *after)
{
	buf_clear(b);
	buf_adds(b, text);
	for (size_t i = 0; i < n; i++)
		buf_addc(b, c);
	buf_adds(b, after);
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf text = BUF_INIT(MIB(4)), out = BUF_INIT(MIB(4));
	CLEANUP(strv_release) struct strv notices = { 0 };
	struct err e = { 0 };

	(void)state;
	fill(&text, "", 'n', 255, "=v\n");
	assert_int_equal(parse(COMMAND_FILE_ENV, buf_slice(&text), &out, &notices, &e), 0);
	fill(&text, "A=1\n", 'n', 256, "=v\n");
	expect_error(buf_slice(&text), COMMAND_FILE_ENV, ERR_LIMIT,
		"SHITHUB_ENV line 2: the name is longer than 255 bytes");
	fill(&text, "A<<", 'd', 256, "\n");
	expect_error(buf_slice(&text), COMMAND_FILE_ENV, ERR_INPUT,
		"SHITHUB_ENV line 1: the end delimiter of this value is missing");
	fill(&text, "A=", 'v', LIMIT_COMMAND_FILE - 2, "");
	assert_int_equal(parse(COMMAND_FILE_OUTPUT, buf_slice(&text), &out, &notices, &e), 0);
	expect_error(buf_slice(&text), COMMAND_FILE_ENV, ERR_LIMIT,
		"SHITHUB_ENV line 1: longer than 128 KiB, no program can be started with it");
	buf_addc(&text, 'v');
	expect_error(buf_slice(&text), COMMAND_FILE_OUTPUT, ERR_LIMIT,
		"SHITHUB_OUTPUT: larger than 1048576 bytes");
	fill(&text, "\nA=", 'v', KIB(128) - 3, "\n");
	assert_int_equal(parse(COMMAND_FILE_ENV, buf_slice(&text), &out, &notices, &e), 0);
	fill(&text, "\nA=", 'v', KIB(128) - 2, "\n");
	expect_error(buf_slice(&text), COMMAND_FILE_ENV, ERR_LIMIT,
		"SHITHUB_ENV line 2: longer than 128 KiB, no program can be started with it");
	buf_clear(&text);
	for (int i = 0; i < LIMIT_ENV_COUNT; i++)
		buf_addf(&text, "n%d=\n", i);
	assert_int_equal(parse(COMMAND_FILE_ENV, buf_slice(&text), &out, &notices, &e), 0);
	buf_adds(&text, "n0=\n");
	expect_error(buf_slice(&text), COMMAND_FILE_ENV, ERR_LIMIT,
		"SHITHUB_ENV line 4097: more than 4096 entries");
}

static void test_refused_names(void **state)
{
	static const char text[] = "NODE_OPTIONS=--require=x\nnode_options=x\nGITHUB_SHA=x\n"
				   "RUNNER_OS<<E\nx\nE\nSHITHUB_FOO=x\nCI=false\nBASH_ENV=/x\n"
				   "LD_PRELOAD=/x\ngithub_x=1\nMY_GITHUB_X=1\nPATH=/bin\n";
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4)), others = BUF_INIT(KIB(4));
	CLEANUP(strv_release) struct strv notices = { 0 }, none = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse(COMMAND_FILE_ENV, slice_of(text), &out, &notices, &e), 0);
	assert_string_equal(buf_cstr(&out), "[CI|false][BASH_ENV|/x][LD_PRELOAD|/x][github_x|1]"
					    "[MY_GITHUB_X|1][PATH|/bin]");
	assert_int_equal(notices.n, 5);
	assert_string_equal(notices.v[0],
		"SHITHUB_ENV line 1: \"NODE_OPTIONS\" cannot be set by a step and is ignored");
	assert_string_equal(notices.v[3],
		"SHITHUB_ENV line 4: \"RUNNER_OS\" cannot be set by a step and is ignored");
	assert_string_equal(notices.v[4],
		"SHITHUB_ENV line 7: \"SHITHUB_FOO\" cannot be set by a step and is ignored");
	assert_int_equal(parse(COMMAND_FILE_OUTPUT, slice_of(text), &others, &none, &e), 0);
	assert_int_equal(none.n, 0);
	assert_non_null(strstr(others.data, "[NODE_OPTIONS|--require=x]"));
}

/* What earlier steps set stays, also when a file is wrong. */
static void test_merges(void **state)
{
	CLEANUP(pairs_release) struct pairs all = { 0 };
	CLEANUP(strv_release) struct strv notices = { 0 };
	struct err e = { 0 };

	(void)state;
	pairs_set(&all, "A", "old");
	pairs_set(&all, "B", "old");
	assert_int_equal(
		command_file_pairs(COMMAND_FILE_ENV, "A=1\nbad\n", 8, &all, &notices, &e), -1);
	assert_string_equal(pairs_get(&all, "A"), "old");
	assert_int_equal(
		command_file_pairs(COMMAND_FILE_ENV, "A=1\nC=2\n", 8, &all, &notices, &e), 0);
	assert_int_equal(all.n, 3);
	assert_string_equal(pairs_get(&all, "A"), "1");
	assert_string_equal(pairs_get(&all, "B"), "old");
	assert_string_equal(pairs_get(&all, "C"), "2");
}

/* ---- paths ---- */

static void expect_list(const struct strv *list, const char *expected)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(64));

	strv_each (item, list)
		buf_addf(&text, "%s:", item);
	assert_string_equal(buf_cstr(&text), expected);
}

static void test_paths(void **state)
{
	CLEANUP(strv_release) struct strv first = { 0 }, second = { 0 }, bad_ones = { 0 };
	CLEAN_BUF struct buf text = BUF_INIT(MIB(1));
	struct err e = { 0 };

	(void)state;
	assert_int_equal(command_file_paths(NULL, 0, &first, &e), 0);
	expect_list(&first, "");
	assert_int_equal(command_file_paths("/a\n\n/b b\r\n/c\n/a", 15, &first, &e), 0);
	expect_list(&first, "/a:/c:/b b:");
	assert_int_equal(command_file_paths("/d\n/c\n", 6, &second, &e), 0);
	command_paths_prepend(&first, &second);
	expect_list(&first, "/c:/d:/a:/b b:");
	assert_int_equal(command_file_paths("/x\n/a\0b\n", 8, &bad_ones, &e), -1);
	assert_string_equal(e.text, "SHITHUB_PATH line 2: a path must not hold NUL bytes");
	fill(&text, "/", 'p', 4095, "\n");
	assert_int_equal(command_file_paths(text.data, text.len, &bad_ones, &e), -1);
	assert_string_equal(e.text, "SHITHUB_PATH line 1: the path is longer than 4095 bytes");
	assert_int_equal(bad_ones.n, 0);
}

/* ---- summary ---- */

static void test_summary(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_COMMAND_FILE), text = BUF_INIT(MIB(2));

	(void)state;
	assert_true(command_file_summary("# a\xff\0\n", 6, &out));
	assert_string_equal(out.data, "# a\xef\xbf\xbd\xef\xbf\xbd\n");
	buf_clear(&out);
	fill(&text, "", 's', LIMIT_COMMAND_FILE, "");
	assert_true(command_file_summary(text.data, text.len, &out));
	assert_int_equal(out.len, LIMIT_COMMAND_FILE);
	buf_clear(&out);
	fill(&text, "", 's', LIMIT_COMMAND_FILE - 1, "\xc3\xa4");
	assert_false(command_file_summary(text.data, text.len, &out));
	assert_int_equal(out.len, LIMIT_COMMAND_FILE - 1);
	assert_true(buf_ok(&out));
}

/* ---- reading ---- */

struct folder {
	char path[64];
	int fd;
};

static void folder_open(struct folder *f)
{
	struct err e = { 0 };

	snprintf(f->path, sizeof(f->path), "/tmp/command-files-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = dir_open(f->path, &e);
	assert_true(f->fd >= 0);
}

static void folder_close(struct folder *f)
{
	CLEAN_FD int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err e = { 0 };
	uint64_t left = 0;

	close_fdp(&f->fd);
	assert_int_equal(tree_remove(parent, f->path + strlen("/tmp/"), &left, &e), 0);
}

static void put_file(const struct folder *f, const char *name, const char *text)
{
	CLEAN_STR char *path = path_join(f->path, name);
	struct err e = { 0 };

	assert_int_equal(file_replace(path, text, strlen(text), 0644, &e), 0);
}

static void expect_read_error(const struct folder *f, const char *name, const char *error)
{
	CLEAN_BUF struct buf b = BUF_INIT(KIB(64));
	struct err e = { 0 };

	assert_int_equal(command_file_read(f->fd, name, 100, &b, &e), -1);
	assert_string_equal(e.text, error);
	assert_int_equal(e.class, ERR_INPUT);
	assert_int_equal(b.len, 0);
}

static void put_socket(const struct folder *f, const char *name)
{
	CLEAN_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", f->path, name);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

static void test_read(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT(KIB(64)), tight = BUF_INIT(3);
	struct err e = { 0 };
	struct folder f = { .fd = -1 };

	(void)state;
	folder_open(&f);
	put_file(&f, "env", "A=1\n");
	assert_int_equal(command_file_read(f.fd, "env", 4, &b, &e), 0);
	assert_string_equal(buf_cstr(&b), "A=1\n");
	buf_clear(&b);
	assert_int_equal(command_file_read(f.fd, "env", 2, &b, &e), 0);
	assert_string_equal(buf_cstr(&b), "A=1"); /* cap + 1 */
	buf_clear(&b);
	assert_int_equal(command_file_read(f.fd, "absent", 2, &b, &e), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(command_file_read(f.fd, "env", 3, &tight, &e), -1);
	assert_int_equal(e.class, ERR_LIMIT);

	assert_int_equal(symlinkat("env", f.fd, "link"), 0);
	assert_int_equal(symlinkat("/etc/passwd", f.fd, "passwd"), 0);
	assert_int_equal(mkdirat(f.fd, "dir", 0755), 0);
	assert_int_equal(mkfifoat(f.fd, "pipe", 0644), 0);
	put_socket(&f, "socket");
	expect_read_error(&f, "link", "open link: symbolic links are not followed here");
	expect_read_error(&f, "passwd", "open passwd: symbolic links are not followed here");
	expect_read_error(&f, "dir", "dir: is not a regular file");
	expect_read_error(&f, "pipe", "pipe: is not a regular file");
	expect_read_error(&f, "socket", "socket: is not a regular file");
	expect_read_error(&f, "../env", "open ../env: leads out of its directory");
	folder_close(&f);
}

static void test_variables(void **state)
{
	(void)state;
	assert_string_equal(command_file_variable(COMMAND_FILE_ENV), "ENV");
	assert_string_equal(command_file_variable(COMMAND_FILE_STEP_SUMMARY), "STEP_SUMMARY");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_refused_names),
		cmocka_unit_test(test_merges),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_variables),
	};

	return cmocka_run_group_tests_name("command_files", tests, NULL, NULL);
}
