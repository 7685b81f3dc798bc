/* Where an engine's socket is searched for, and what is said of one that refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "engine/socket.h"

static void environment(const char *docker, const char *container, const char *runtime)
{
	static const char *const names[] = { "DOCKER_HOST", "CONTAINER_HOST", "XDG_RUNTIME_DIR" };
	const char *values[] = { docker, container, runtime };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (values[i])
			assert_int_equal(setenv(names[i], values[i], 1), 0);
		else
			assert_int_equal(unsetenv(names[i]), 0);
	}
}

static void test_places(void **state UNUSED)
{
	static const struct {
		enum engine_kind kind;
		const char *docker, *container, *runtime, *places;
	} cases[] = {
		{ ENGINE_DOCKER, NULL, NULL, "/run/user/7", "/var/run/docker.sock" },
		{ ENGINE_DOCKER, "unix:///d", "unix:///c", NULL, "/d /var/run/docker.sock" },
		{ ENGINE_PODMAN, NULL, NULL, NULL, "/run/podman/podman.sock" },
		{ ENGINE_PODMAN, "unix:///d", "unix:///c", "/run/user/7",
			"/c /d /run/podman/podman.sock /run/user/7/podman/podman.sock" },
		{ ENGINE_AUTO, "unix:///d", "unix:///c", "/x",
			"/d /c /var/run/docker.sock /run/podman/podman.sock "
			"/x/podman/podman.sock" },
		{ ENGINE_AUTO, "", "", "", "/var/run/docker.sock /run/podman/podman.sock" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(strv_release) struct strv places = { 0 };
		CLEAN_BUF struct buf all = BUF_INIT(4096);
		struct err e = { 0 };

		environment(cases[i].docker, cases[i].container, cases[i].runtime);
		assert_int_equal(engine_socket_places(cases[i].kind, &places, &e), 0);
		strv_each (place, &places)
			buf_addf(&all, "%s%s", all.len ? " " : "", place);
		assert_string_equal(buf_cstr(&all), cases[i].places);
	}
}

static void test_variables_that_name_no_socket(void **state UNUSED)
{
	static const char *const values[] = { "tcp://10.0.0.1:2375", "ssh://host", "/var/run/x",
		"unix://relative", "unix://" };

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		CLEANUP(strv_release) struct strv places = { 0 };
		struct err e = { 0 };

		environment(values[i], NULL, NULL);
		assert_int_equal(engine_socket_places(ENGINE_AUTO, &places, &e), -1);
		assert_int_equal(e.class, ERR_INPUT);
		assert_non_null(strstr(e.text, "DOCKER_HOST="));
		assert_non_null(strstr(e.text, "expected unix:///PATH"));
	}
	environment(NULL, NULL, NULL);
}

static void refused(const char *path, enum engine_kind kind, const char *why, const char *remedy)
{
	struct err e = { 0 };
	uid_t owner = 77;

	assert_int_equal(engine_socket_probe(path, kind, &owner, &e), -1);
	assert_int_equal(e.class, ERR_NET);
	assert_non_null(strstr(e.text, path));
	assert_non_null(strstr(e.text, why));
	assert_non_null(strstr(e.text, remedy));
	assert_null(strchr(e.text, '\n'));
	assert_int_equal(owner, 77);
}

static void test_probe(void **state UNUSED)
{
	char dir[] = "/tmp/test-socket-XXXXXX", path[64];
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct err e = { 0 };
	uid_t owner = 77;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	refused(path, ENGINE_AUTO, "No such file", "systemctl start docker");
	refused(path, ENGINE_PODMAN, "No such file", "podman.socket");
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	refused(path, ENGINE_AUTO, "non-socket", "set engine.socket");
	assert_int_equal(unlink(path), 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	refused(path, ENGINE_DOCKER, "refused", "systemctl start docker");
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(engine_socket_probe(path, ENGINE_AUTO, &owner, &e), 0);
	assert_int_equal(owner, getuid());
	close(fd);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void test_too_long(void **state UNUSED)
{
	char path[200];

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	refused(path, ENGINE_AUTO, "too long", "set engine.socket");
}

static void test_none(void **state UNUSED)
{
	CLEANUP(strv_release) struct strv places = { 0 };
	struct err e = { 0 };

	strv_add(&places, "/a");
	strv_add(&places, "/b");
	assert_int_equal(engine_socket_none(&places, ENGINE_AUTO, &e), -1);
	assert_non_null(strstr(e.text, "(tried /a, /b)"));
	assert_non_null(strstr(e.text, "systemctl start docker; or set engine.socket"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_variables_that_name_no_socket),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests_name("engine_socket", tests, NULL, NULL);
}
