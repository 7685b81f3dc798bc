/* `mask`: stdin to stdout, values from a file separated by NUL, large input, usage errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>
#include <fcntl.h>

#include "base/exits.h"
#include "base/fs.h"
#include "base/limits.h"
#include "runner/verbs/mask.h"

struct fixture {
	char dir[64], values[80], in[80], out[80];
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/test-verb-mask-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->values, sizeof(f->values), "%s/values", f->dir);
	snprintf(f->in, sizeof(f->in), "%s/in", f->dir);
	snprintf(f->out, sizeof(f->out), "%s/out", f->dir);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->values);
	unlink(f->in);
	unlink(f->out);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* Replaces a standard stream; gives back a copy of the old one. */
static int redirect(int fd, const char *path, int flags)
{
	int saved = dup(fd), to = open(path, flags | O_CLOEXEC, 0600);

	assert_true(saved >= 0 && to >= 0);
	assert_int_equal(dup2(to, fd), fd);
	close(to);
	return saved;
}

static void restore(int fd, int saved)
{
	dup2(saved, fd);
	close(saved);
}

static int run(
	struct fixture *f, const char *flag, struct slice values, struct slice in, struct buf *out)
{
	char *argv[] = { "mask", (char *)flag, f->values, NULL };
	struct err e = { 0 };

	assert_int_equal(file_replace(f->values, values.ptr, values.len, 0600, &e), 0);
	assert_int_equal(file_replace(f->in, in.ptr, in.len, 0600, &e), 0);
	fflush(NULL);
	int old_in = redirect(STDIN_FILENO, f->in, O_RDONLY);
	int old_out = redirect(STDOUT_FILENO, f->out, O_WRONLY | O_CREAT | O_TRUNC);
	int old_err = redirect(STDERR_FILENO, "/dev/null", O_WRONLY);
	int rc = verb_mask(3, argv);
	fflush(NULL);
	restore(STDERR_FILENO, old_err);
	restore(STDOUT_FILENO, old_out);
	restore(STDIN_FILENO, old_in);
	assert_int_equal(file_read(f->out, out, &e), 0);
	return rc;
}

static void test_filter(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));

	assert_int_equal(run(*state, "--values-file", SLICE("hunter2\0two\nlines here\0x"),
				 SLICE("a hunter2, (lines here) x hunter"), &out),
		EXIT_OK);
	assert_string_equal(buf_cstr(&out), "a ***, (***) *** hunter");
}

static void test_large(void **state)
{
	CLEAN_BUF struct buf in = BUF_INIT(MIB(16)), expected = BUF_INIT(MIB(16)),
			     out = BUF_INIT(MIB(16));

	for (int i = 0; i < 200000; i++) {
		buf_addf(&in, "%d plain text and a token-%d\n", i, i % 7);
		buf_addf(&expected, "%d plain text and a %s\n", i,
			i % 7 == 3 ? "***"
				   : (const char *[]){ "token-0", "token-1", "token-2", "",
					     "token-4", "token-5", "token-6" }[i % 7]);
	}
	assert_int_equal(
		run(*state, "--values-file", SLICE("token-3"), buf_slice(&in), &out), EXIT_OK);
	assert_int_equal(out.len, expected.len);
	assert_memory_equal(out.data, expected.data, out.len);
}

static void test_usage(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT(MIB(1));
	CLEAN_STR char *large = xcalloc(LIMIT_MASK_VALUE + 1, 1);

	memset(large, 'x', LIMIT_MASK_VALUE + 1);
	assert_int_equal(run(*state, "--values", SLICE("v"), SLICE("v"), &out), EXIT_USAGE);
	assert_int_equal(out.len, 0);
	assert_int_equal(run(*state, "--values-file", (struct slice){ large, LIMIT_MASK_VALUE + 1 },
				 SLICE("v"), &out),
		EXIT_USAGE);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_filter, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_usage, setup, teardown),
	};

	return cmocka_run_group_tests_name("verb_mask", tests, NULL, NULL);
}
