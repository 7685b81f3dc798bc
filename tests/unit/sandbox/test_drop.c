/* Every case drops in a child; root exercises the change of user, everybody else what is left. */
#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "sandbox/drop.h"

enum { NOBODY = 65534 };

static bool has_cap(int cap, cap_flag_t flag)
{
	cap_t now = cap_get_proc();

	cap_flag_value_t v = CAP_CLEAR;

	cap_get_flag(now, cap, flag, &v);
	cap_free(now);
	return v == CAP_SET;
}

static bool any_cap(void)
{
	for (int cap = 0; cap_get_bound(cap) >= 0; cap++)
		if (has_cap(cap, CAP_PERMITTED) || has_cap(cap, CAP_EFFECTIVE) ||
			has_cap(cap, CAP_INHERITABLE) || cap_get_ambient(cap) == 1)
			return true;
	return false;
}

static int run(int (*fn)(const struct drop_spec *), const struct drop_spec *spec)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(spec));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int drop_everything(const struct drop_spec *spec)
{
	struct err e = { 0 };

	if (drop_privileges(spec, &e) < 0)
		return 1;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 2;
	if (getuid() != spec->uid || geteuid() != spec->uid || getgid() != spec->gid)
		return 3;
	if (any_cap())
		return 4;
	if (spec->uid != 0 && (setuid(0) == 0 || setgid(0) == 0))
		return 5;
	return 0;
}

static int drop_groups(const struct drop_spec *spec)
{
	struct err e = { 0 };
	gid_t groups[] = { 7, 8 }, got[8];

	if (setgroups(2, groups) < 0)
		return 10;
	if (drop_privileges(spec, &e) < 0)
		return 1;
	return getgroups(8, got) == (spec->keep_groups ? 2 : 0) ? 0 : 2;
}

static int drop_all_but_two(const struct drop_spec *spec)
{
	struct err e = { 0 };

	if (drop_privileges(spec, &e) < 0)
		return 1;
	for (int cap = 0; cap_get_bound(cap) >= 0; cap++) {
		bool want = cap == CAP_CHOWN || cap == CAP_FOWNER;

		if (has_cap(cap, CAP_EFFECTIVE) != want || has_cap(cap, CAP_PERMITTED) != want ||
			cap_get_bound(cap) != want)
			return 2;
	}
	return setuid(0) == 0 ? 3 : 0;
}

static int drop_and_pass_on(const struct drop_spec *spec)
{
	static const int on[] = { CAP_FOWNER };
	struct err e = { 0 };

	if (drop_privileges(spec, &e) < 0 || drop_pass_on(on, 1, &e) < 0)
		return 1;
	for (int cap = 0; cap_get_bound(cap) >= 0; cap++)
		if ((cap_get_ambient(cap) == 1) != (cap == CAP_FOWNER) ||
			has_cap(cap, CAP_INHERITABLE) != (cap == CAP_FOWNER))
			return 2;
	return 0;
}

static int drop_expecting_failure(const struct drop_spec *spec)
{
	struct err e = { 0 };

	return drop_privileges(spec, &e) < 0 && strstr(e.text, "drop privileges") ? 0 : 1;
}

/* As the wrapped user: it may only become what it is. */
static int as_nobody(const struct drop_spec *spec)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return 11;
	return spec->uid == NOBODY ? drop_everything(spec) : drop_expecting_failure(spec);
}

static void test_own_user(void **state)
{
	struct drop_spec spec = { .uid = getuid(), .gid = getgid() };

	(void)state;
	assert_int_equal(run(drop_everything, &spec), 0);
}

static void test_other_user(void **state)
{
	struct drop_spec spec = { .uid = NOBODY, .gid = NOBODY };

	(void)state;
	if (getuid() != 0) {
		assert_int_equal(run(drop_expecting_failure, &spec), 0);
		return;
	}
	assert_int_equal(run(drop_everything, &spec), 0);
	assert_int_equal(run(drop_groups, &spec), 0);
	spec.keep_groups = true;
	assert_int_equal(run(drop_groups, &spec), 0);
}

static void test_ordinary_user(void **state)
{
	struct drop_spec self = { .uid = NOBODY, .gid = NOBODY },
			 other = { .uid = 1, .gid = NOBODY };

	(void)state;
	if (getuid() != 0)
		return; /* test_own_user and test_other_user were this case */
	assert_int_equal(run(as_nobody, &self), 0);
	assert_int_equal(run(as_nobody, &other), 0);
}

static void test_kept_capabilities(void **state)
{
	static const int kept[] = { CAP_CHOWN, CAP_FOWNER };
	struct drop_spec spec = {
		.uid = NOBODY, .gid = NOBODY, .keep_caps = kept, .n_keep_caps = 2
	};

	(void)state;
	assert_int_equal(run(getuid() == 0 ? drop_all_but_two : drop_expecting_failure, &spec), 0);
	assert_int_equal(run(getuid() == 0 ? drop_and_pass_on : drop_expecting_failure, &spec), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_user),
		cmocka_unit_test(test_other_user),
		cmocka_unit_test(test_ordinary_user),
		cmocka_unit_test(test_kept_capabilities),
	};

	return cmocka_run_group_tests_name("drop", tests, NULL, NULL);
}
