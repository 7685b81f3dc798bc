/* The state directory: one owner, a stable identity, job folders made fresh and swept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "state/state_dir.h"
#include "tests/unit/help/temp_dir.h"

static char folder[] = "/tmp/state-dir-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return temp_dir_make(folder);
}

static int drop_folder(void **state)
{
	(void)state;
	return temp_dir_drop(folder);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void one_owner_and_a_stable_id(void **state)
{
	CLEAN_STR char *path = path_join(folder, "state");
	struct state_dir first = STATE_DIR_INIT, second = STATE_DIR_INIT, again = STATE_DIR_INIT,
			 job = STATE_DIR_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(state_dir_own(&first, path, &e), 0);
	assert_int_equal(mode_of(path), 0711);
	assert_int_equal(strlen(first.instance_id), 36);
	assert_int_equal(state_dir_own(&second, path, &e), -1);
	assert_true(err_is(&e, ERR_CONFLICT));
	assert_int_equal(state_dir_join(&job, path, &e), 0);
	assert_string_equal(job.instance_id, first.instance_id);
	CLEAN_STR char *id = xstrdup(first.instance_id);
	state_dir_release(&first);
	state_dir_release(&second);
	state_dir_release(&job);
	assert_int_equal(state_dir_own(&again, path, &e), 0);
	assert_string_equal(again.instance_id, id);
	state_dir_release(&again);
}

static void refuses_a_broken_id(void **state)
{
	CLEAN_STR char *path = path_join(folder, "broken");
	CLEAN_STR char *id = path_join(path, "instance_id");
	struct state_dir s = STATE_DIR_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(file_replace(id, "x", 1, 0600, &e), 0);
	assert_int_equal(state_dir_own(&s, path, &e), -1);
	assert_non_null(strstr(e.text, "expected a UUID"));
	state_dir_release(&s);
}

/* What somebody else may write to is no evidence of anything. */
static void refuses_a_folder_of_others(void **state)
{
	CLEAN_STR char *open = path_join(folder, "open"), *foreign = path_join(folder, "foreign");
	struct state_dir s = STATE_DIR_INIT;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(mkdir(open, 0700), 0);
	assert_int_equal(chmod(open, 0770), 0);
	assert_int_equal(state_dir_own(&s, open, &e), -1);
	assert_true(err_is(&e, ERR_CONFLICT));
	assert_non_null(strstr(e.text, "mode 0770"));
	state_dir_release(&s);
	if (geteuid() != 0)
		return;
	err_clear(&e);
	assert_int_equal(mkdir(foreign, 0700), 0);
	assert_int_equal(chown(foreign, 65534, 65534), 0);
	assert_int_equal(state_dir_own(&s, foreign, &e), -1);
	assert_non_null(strstr(e.text, "belongs to uid 65534"));
	state_dir_release(&s);
}

static void job_folders_come_and_go(void **state)
{
	CLEAN_STR char *path = path_join(folder, "jobs-state");
	struct state_dir s = STATE_DIR_INIT;
	struct err e = { 0 };
	CLEAN_STR char *dir = NULL, *dir2 = NULL, *dir3 = NULL;
	uint64_t removed = 0;

	(void)state;
	assert_int_equal(state_dir_own(&s, path, &e), 0);
	assert_int_equal(state_dir_job_make(&s, 42, &dir, &e), 0);
	CLEAN_STR char *ctl = path_join(dir, "ctl"), *file = path_join(dir, "left");
	assert_int_equal(mode_of(dir), 0700);
	assert_int_equal(mode_of(ctl), 0711);
	assert_int_equal(file_replace(file, "x", 1, 0600, &e), 0);
	assert_int_equal(state_dir_job_make(&s, 42, &dir2, &e), 0);
	assert_int_not_equal(access(file, F_OK), 0);
	assert_int_equal(state_dir_job_remove(&s, 42, &e), 0);
	assert_int_not_equal(access(dir, F_OK), 0);
	assert_int_equal(state_dir_job_remove(&s, 42, &e), 0);
	assert_int_equal(state_dir_job_make(&s, 43, &dir3, &e), 0);
	assert_int_equal(state_dir_sweep(&s, &removed, &e), 0);
	assert_int_equal(removed, 1);
	assert_int_not_equal(access(dir3, F_OK), 0);
	state_dir_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_owner_and_a_stable_id),
		cmocka_unit_test(refuses_a_broken_id),
		cmocka_unit_test(refuses_a_folder_of_others),
		cmocka_unit_test(job_folders_come_and_go),
	};

	return cmocka_run_group_tests_name("state_dir", tests, make_folder, drop_folder);
}
