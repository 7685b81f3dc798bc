/* The confinement as data: what each state depends on, and that nothing starts after a refused
 * part. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/capability.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fs.h"
#include "sandbox/confinement.h"

static const struct confinement_part *find(const struct confinement *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (str_eq(w->v[i].name, name))
			return &w->v[i];
	fail_msg("no part %s", name);
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
	struct confinement w;
	struct err e = { 0 };
	char path[] = "/tmp/test-confinement-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, "{}", 2, &e), 0);
	close(fd);
	confinement_inspect(&c, &w);
	assert_int_equal(find(&w, "seccomp")->state, CONFINEMENT_STANDS);
	confinement_release(&w);

	c.engine.seccomp_profile = path;
	confinement_inspect(&c, &w);
	assert_int_equal(find(&w, "seccomp")->state, CONFINEMENT_REFUSED);
	assert_non_null(strstr(find(&w, "seccomp")->detail, "\"defaultAction\" is missing"));
	assert_int_equal(confinement_announce(&c, &e), -1);
	confinement_release(&w);

	c.engine.seccomp_profile = (char *)"tests/hosted-role/seccomp.json";
	confinement_inspect(&c, &w);
	assert_int_equal(find(&w, "seccomp")->state, CONFINEMENT_LOWER);
	assert_non_null(strstr(find(&w, "seccomp")->detail, "lets steps make calls that the "));
	assert_non_null(strstr(find(&w, "seccomp")->detail, "ptrace, "));
	assert_int_equal(confinement_announce(&c, &e), 0);
	confinement_release(&w);

	c.engine.seccomp_profile = path;
	c.engine.seccomp_unverified = true;
	confinement_inspect(&c, &w);
	assert_int_equal(find(&w, "seccomp")->state, CONFINEMENT_MISSING);
	assert_non_null(strstr(find(&w, "seccomp")->detail, "NOT verified"));
	confinement_release(&w);

	c.engine.seccomp_profile = (char *)"/nonexistent/profile";
	confinement_inspect(&c, &w);
	assert_int_equal(find(&w, "seccomp")->state, CONFINEMENT_REFUSED);
	confinement_release(&w);
	unlink(path);
}

/* In a child that keeps none of its capabilities: may it have steps of that user? */
static int without_caps(int64_t uid)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		struct runner_config c = config_of(uid);
		struct confinement w;
		cap_t none = cap_init();

		if (cap_set_proc(none) < 0)
			_exit(99);
		confinement_inspect(&c, &w);
		_exit((int)find(&w, "capabilities")->state * 10 + (int)find(&w, "user")->state);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_capabilities(void **state)
{
	(void)state;
	assert_int_equal(without_caps(4711), CONFINEMENT_REFUSED * 10 + CONFINEMENT_STANDS);
	assert_int_equal(
		without_caps((int64_t)geteuid()), CONFINEMENT_LOWER * 10 + CONFINEMENT_LOWER);
}

/* What the kernel counts per user: shared by jobs at the same time unless each slot has a user. */
static void test_what_jobs_share(void **state)
{
	static const struct {
		int64_t capacity, users;
		const char *there, *not_there;
	} cases[] = {
		{ 1, 1, "steps are 65534:65534", "share" },
		{ 4, 1, "share what the kernel counts per user: inotify instances, message queues",
			"a user of its own" },
		{ 4, 4, "each slot has a user of its own from 65534 on", "share" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct runner_config c = config_of(65534);
		struct confinement w;
		const struct confinement_part *user;

		c.runner.capacity = cases[i].capacity;
		c.engine.users = cases[i].users;
		confinement_inspect(&c, &w);
		user = find(&w, "user");
		assert_int_equal(user->state, CONFINEMENT_STANDS);
		assert_non_null(strstr(user->detail, cases[i].there));
		assert_null(strstr(user->detail, cases[i].not_there));
		confinement_release(&w);
	}
}

static void test_kernel(void **state)
{
	struct runner_config c = config_of(65534);
	struct confinement w;

	(void)state;
	confinement_inspect(&c, &w);
	assert_int_equal(w.n, 5);
	assert_non_null(find(&w, "landlock"));
	assert_string_not_equal(find(&w, "cgroup")->detail, "");
	confinement_release(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_what_jobs_share),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests_name("confinement", tests, NULL, NULL);
}
