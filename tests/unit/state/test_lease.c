/* Leases: one holder whoever asks, inherited by children, names that are not leases ignored. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fs.h"
#include "state/lease.h"
#include "tests/unit/help/temp_dir.h"

static char top[] = "/tmp/lease-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return temp_dir_make(top);
}

static int drop_folder(void **state)
{
	(void)state;
	return temp_dir_drop(top);
}

static char *folder(void)
{
	struct err e = { 0 };
	char *path = lease_folder(top, &e);

	assert_non_null(path);
	return path;
}

static void one_holder(void **state)
{
	CLEAN_STR char *dir = folder(), *name = lease_name(7, 42);
	struct lease first = LEASE_INIT, second = LEASE_INIT;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_string_equal(name, "7-42");
	assert_int_equal(lease_take(dir, name, &first, &e), 0);
	assert_int_equal(fstat(first.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(lease_take(dir, name, &second, &e), -1);
	assert_true(err_is(&e, ERR_CONFLICT));
	err_clear(&e);
	lease_end(&first);
	assert_int_equal(lease_take(dir, name, &second, &e), 0);
	lease_end(&second);
	lease_end(&second); /* nothing is done twice */
}

static void record_is_replaced(void **state)
{
	CLEAN_STR char *dir = folder();
	CLEAN_BUF struct buf text = BUF_INIT(4096);
	struct lease l = LEASE_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(lease_take(dir, "1-2", &l, &e), 0);
	assert_int_equal(lease_note(&l, LEASE_CLEANING, "some-long-instance-name", &e), 0);
	assert_int_equal(lease_note(&l, LEASE_CLAIMED, "x", &e), 0);
	assert_int_equal(file_read(l.path, &text, &e), 0);
	assert_non_null(strstr(buf_cstr(&text), "\"state\":\"claimed\",\"instance\":\"x\""));
	assert_null(strstr(buf_cstr(&text), "long"));
	lease_end(&l);
}

/* The holder is gone, a child that has the descriptor keeps the lock until it ends as well. */
static void a_child_keeps_it(void **state)
{
	CLEAN_STR char *dir = folder();
	struct lease l = LEASE_INIT, other = LEASE_INIT;
	struct err e = { 0 };
	int gate[2], status;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(gate), 0);
	assert_int_equal(lease_take(dir, "3-4", &l, &e), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(gate[1]);
		_exit(read(gate[0], &c, 1) == 0 ? 0 : 1);
	}
	close(gate[0]);
	lease_drop(&l);
	assert_int_equal(lease_take(dir, "3-4", &other, &e), -1);
	assert_true(err_is(&e, ERR_CONFLICT));
	err_clear(&e);
	close(gate[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(lease_take(dir, "3-4", &other, &e), 0);
	lease_end(&other);
}

/* A check neither makes a file nor takes the lock, not even for a moment. */
static void a_look_takes_nothing(void **state)
{
	const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	CLEAN_STR char *dir = folder(), *path = path_join(dir, "5-6");
	struct lease l = LEASE_INIT;
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_false(lease_is_held(dir, "5-6", 0));
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(lease_take(dir, "5-6", &l, &e), 0);
	assert_true(lease_is_held(dir, "5-6", 0));
	lease_drop(&l);
	assert_true(lease_is_held(dir, "5-6", 0)); /* empty: somebody may be about to lock it */
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	assert_false(lease_is_held(dir, "5-6", 0));
	assert_int_equal(lease_take(dir, "5-6", &l, &e), 0);
	assert_int_equal(lease_note(&l, LEASE_RUNNING, "x", &e), 0);
	lease_drop(&l);
	assert_false(lease_is_held(dir, "5-6", 0));
	assert_true(lease_is_held(dir, "5-6", 60));
	assert_int_equal(lease_take(dir, "5-6", &l, &e), 0);
	lease_end(&l);
}

static void names(void **state)
{
	static const char *const bad[] = { "", "-", "1-", "-1", "0-1", "1-0", "01-1", "1-1x",
		"1--1", "+1-1", "1-1-1", "1-9223372036854775808", "1-99999999999999999999", "1- 1",
		".1-1", "lock" };
	int64_t run = 0, job = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(lease_parse_name(bad[i], &run, &job));
	assert_true(lease_parse_name("12-345", &run, &job));
	assert_int_equal(run, 12);
	assert_int_equal(job, 345);
	/* every id that a claim can have: what cannot be parsed is swept as an orphan */
	CLEAN_STR char *longest = lease_name(INT64_MAX, INT64_C(1234567890123456789));
	assert_true(lease_parse_name(longest, &run, &job));
	assert_int_equal(run, INT64_MAX);
	assert_int_equal(job, INT64_C(1234567890123456789));
}

static void listing(void **state)
{
	CLEAN_STR char *dir = folder(), *odd = path_join(dir, "notes.txt");
	CLEANUP(strv_release) struct strv all = { 0 };
	struct lease a = LEASE_INIT, b = LEASE_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_replace(odd, "x", 1, 0600, &e), 0);
	assert_int_equal(lease_take(dir, "9-2", &a, &e), 0);
	assert_int_equal(lease_take(dir, "9-1", &b, &e), 0);
	lease_drop(&b); /* a crash: file without holder */
	assert_int_equal(lease_list(dir, &all, &e), 0);
	assert_int_equal(all.n, 2);
	assert_string_equal(all.v[0], "9-1");
	assert_string_equal(all.v[1], "9-2");
	lease_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_holder),
		cmocka_unit_test(record_is_replaced),
		cmocka_unit_test(a_child_keeps_it),
		cmocka_unit_test(a_look_takes_nothing),
		cmocka_unit_test(names),
		cmocka_unit_test(listing),
	};

	return cmocka_run_group_tests_name("lease", tests, make_folder, drop_folder);
}
