/* What a process can still open, make and connect to after landlock_restrict. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "sandbox/landlock.h"

static char root[] = "/tmp/test-landlock.XXXXXX";
static char inside[64], outside[64];

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(root))
		return -1;
	snprintf(inside, sizeof(inside), "%s/in", root);
	snprintf(outside, sizeof(outside), "%s/out", root);
	if (mkdir(inside, 0700) < 0 || mkdir(outside, 0700) < 0)
		return -1;
	/* without Landlock nothing here would be proved */
	return landlock_abi() > 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	rmdir(inside);
	rmdir(outside);
	return rmdir(root);
}

static int restricted_child(bool deny_net, int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct landlock_path paths[] = { { inside, true }, { "/dev/urandom", false },
			{ "/nowhere/at/all", false } };
		struct err e = { 0 };

		if (landlock_restrict(paths, 3, deny_net, &e) != 1)
			_exit(99);
		_exit(fn());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

#define PATH(dir, name) \
	char path[128]; \
	snprintf(path, sizeof(path), "%s/%s", dir, name)

static bool opens(const char *path, int flags)
{
	CLEAN_FD int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd >= 0;
}

static int files(void)
{
	PATH(inside, "a");
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1 || ftruncate(fd, 0) < 0)
		return 1;
	if (unlink(path) < 0 || mkdir(path, 0700) < 0 || rmdir(path) < 0 ||
		symlink("/etc/passwd", path) < 0)
		return 2;
	if (opens(path, O_RDONLY) || errno != EACCES) /* through the link: outside */
		return 3;
	if (unlink(path) < 0 || mkfifo(path, 0600) == 0)
		return 4;
	if (!opens("/dev/urandom", O_RDONLY) || opens("/dev/urandom", O_WRONLY))
		return 5;
	if (opens("/etc/passwd", O_RDONLY) || opens("/", O_RDONLY | O_DIRECTORY))
		return 6;
	if (opens("/proc/self/status", O_RDONLY))
		return 7;
	return 0;
}

static int make_outside(void)
{
	PATH(outside, "b");
	return opens(path, O_CREAT | O_WRONLY) || mkdir(path, 0700) == 0;
}

static int execute(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return errno == EACCES ? 0 : 1;
}

/* Nothing listens on port 1: refused means that the kernel let us try. */
static int connect_error(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(1), .sin_addr = { htonl(INADDR_LOOPBACK) }
	};
	int s = socket(AF_INET, SOCK_STREAM, 0);

	return connect(s, (struct sockaddr *)&a, sizeof(a)) == 0 ? 0 : errno;
}

static int signal_parent(void)
{
	return kill(getppid(), 0) < 0 && errno == EPERM ? 0 : 1;
}

static void test_files(void **state)
{
	(void)state;
	assert_int_equal(restricted_child(true, files), 0);
	assert_int_equal(restricted_child(true, make_outside), 0);
	assert_int_equal(restricted_child(true, execute), 0);
}

static void test_network(void **state)
{
	(void)state;
	assert_int_equal(WEXITSTATUS(restricted_child(false, connect_error)), ECONNREFUSED);
	if (landlock_abi() >= 4)
		assert_int_equal(WEXITSTATUS(restricted_child(true, connect_error)), EACCES);
}

static void test_signals(void **state)
{
	(void)state;
	if (landlock_abi() >= 6)
		assert_int_equal(restricted_child(true, signal_parent), 0);
}

static void test_missing_writable_path(void **state)
{
	struct landlock_path bad = { "/nowhere/at/all", true };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(landlock_restrict(&bad, 1, true, &e), -1);
	assert_non_null(strstr(e.text, "/nowhere/at/all"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_missing_writable_path),
	};

	return cmocka_run_group_tests_name("landlock", tests, setup, teardown);
}
