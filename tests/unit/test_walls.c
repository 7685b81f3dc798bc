/* The walls as data: what each state depends on, and that nothing starts behind a refused one. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fs.h"
#include "sandbox/walls.h"

static const struct wall_fact *find(const struct walls *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (str_eq(w->v[i].name, name))
			return &w->v[i];
	fail_msg("no wall %s", name);
	return NULL;
}

static struct runner_config config_of(int64_t uid)
{
	struct runner_config c = { 0 };

	c.engine.uid = c.engine.gid = uid;
	return c;
}

static void test_seccomp(void **state)
{
	struct runner_config c = config_of(65534);
	struct walls w;
	struct err e = { 0 };
	char path[] = "/tmp/test-walls-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "{}", 2, &e), 0);
	close(fd);
	walls_look(&c, &w);
	assert_int_equal(find(&w, "seccomp")->state, WALL_STANDS);
	walls_release(&w);

	c.engine.seccomp_profile = path;
	walls_look(&c, &w);
	assert_int_equal(find(&w, "seccomp")->state, WALL_REFUSED);
	assert_non_null(strstr(find(&w, "seccomp")->detail, "\"defaultAction\" is missing"));
	assert_int_equal(walls_announce(&c, &e), -1);
	walls_release(&w);

	c.engine.seccomp_unverified = true;
	walls_look(&c, &w);
	assert_int_equal(find(&w, "seccomp")->state, WALL_MISSING);
	assert_non_null(strstr(find(&w, "seccomp")->detail, "NOT verified"));
	walls_release(&w);

	c.engine.seccomp_profile = (char *)"/nonexistent/profile";
	walls_look(&c, &w);
	assert_int_equal(find(&w, "seccomp")->state, WALL_REFUSED);
	walls_release(&w);
	unlink(path);
}

/* In a child that keeps none of its capabilities: may it have steps of that user? */
static int without_caps(int64_t uid)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		struct runner_config c = config_of(uid);
		struct walls w;
		cap_t none = cap_init();

		if (cap_set_proc(none) < 0)
			_exit(99);
		walls_look(&c, &w);
		_exit((int)find(&w, "capabilities")->state * 10 + (int)find(&w, "user")->state);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_capabilities(void **state)
{
	(void)state;
	assert_int_equal(without_caps(4711), WALL_REFUSED * 10 + WALL_STANDS);
	assert_int_equal(without_caps((int64_t)geteuid()), WALL_LOWER * 10 + WALL_LOWER);
}

static void test_kernel(void **state)
{
	struct runner_config c = config_of(65534);
	struct walls w;

	(void)state;
	walls_look(&c, &w);
	assert_int_equal(w.n, 5);
	assert_non_null(find(&w, "landlock"));
	assert_string_not_equal(find(&w, "cgroup")->detail, "");
	walls_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests_name("walls", tests, NULL, NULL);
}
