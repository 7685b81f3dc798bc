/* The control socket: requests, limits, who waits and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/proc.h"
#include "runner/control/control.h"
#include "runner/control/listener.h"

struct fixture {
	char dir[300];
	struct loop *loop;
	struct control *control;
	int drains, cancels;
	bool draining, busy, refuse;
};

static void on_status(void *data, struct json_writer *w)
{
	const struct fixture *f = data;

	json_begin_object(w);
	json_kv_int(w, "drains", f->drains);
	json_end_object(w);
}

static int on_drain(void *data, bool cancel, struct err *e)
{
	struct fixture *f = data;

	if (f->refuse)
		return err_set(e, ERR_CONFLICT, "not now");
	f->drains++;
	f->cancels += cancel;
	f->draining = true;
	return 0;
}

static int on_undrain(void *data, struct err *e)
{
	struct fixture *f = data;

	(void)e;
	f->draining = false;
	return 0;
}

static bool on_drained(void *data, bool *ret_undone)
{
	const struct fixture *f = data;

	*ret_undone = !f->draining;
	return f->draining && !f->busy;
}

/* In a folder whose path is longer than a socket's may be. */
static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	const struct control_handler handler = { .status = on_status,
		.drain = on_drain,
		.undrain = on_undrain,
		.drained = on_drained,
		.data = f };
	struct err e = { 0 };

	snprintf(f->dir, sizeof(f->dir), "/tmp/test-control-%0150d-XXXXXX", 0);
	if (!mkdtemp(f->dir))
		return -1;
	f->loop = loop_new(&e);
	f->control = f->loop ? control_new(f->loop, f->dir, &handler, &e) : NULL;
	*state = f;
	if (f->control)
		return 0;
	fprintf(stderr, "%s\n", e.text);
	return -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	loop_free(f->loop);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

/* ---- parsing ---- */

static void parses_and_refuses(void **state)
{
	static const struct {
		const char *line;
		int verb; /* -1: refused */
		const char *why;
	} cases[] = {
		{ "{\"verb\":\"status\"}", CONTROL_STATUS, NULL },
		{ "{\"verb\":\"drain\",\"wait\":true}", CONTROL_DRAIN, NULL },
		{ "{\"verb\":\"undrain\",\"wait\":false}", CONTROL_UNDRAIN, NULL },
		{ "{\"verb\":\"undrain\",\"wait\":true}", -1, "belong to the verb drain" },
		{ "{\"verb\":\"stop\"}", -1, "expected status, drain or undrain" },
		{ "{\"verb\":1}", -1, "verb" },
		{ "{}", -1, "verb" },
		{ "[]", -1, "" },
		{ "{\"verb\":\"status\",\"more\":1}", -1, "more" },
		{ "{\"verb\":\"drain\",\"cancel\":null}", -1, "cancel" },
		{ "{\"verb\":\"drain\",\"verb\":\"drain\"}", -1, "duplicate" },
		{ "[[[[[[[[]]]]]]]]", -1, "" },
		{ "", -1, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct control_request r = { 0 };
		struct err e = { 0 };
		int rc = control_parse(cases[i].line, strlen(cases[i].line), &r, &e);

		assert_int_equal(rc, cases[i].verb < 0 ? -1 : 0);
		if (rc == 0)
			assert_int_equal(r.verb, cases[i].verb);
		else if (!strstr(e.text, cases[i].why))
			fail_msg("%s: %s", cases[i].line, e.text);
	}
}

/* ---- over the socket ---- */

/* The child asks, the test serves: 0, or the class of the client's error. */
static pid_t ask(struct fixture *f, const struct control_request *r)
{
	pid_t pid = fork();

	if (pid == 0) {
		CLEAN_JSON struct json_doc *answer = NULL;
		struct err e = { 0 };

		_exit(control_call(f->dir, r, &answer, &e) < 0 ? (int)e.class : 0);
	}
	assert_true(pid > 0);
	return pid;
}

static void nothing(struct loop_source *src, void *data)
{
	(void)src, (void)data;
}

/* Serves until the child has ended, at most ten seconds; its exit code. */
static int serve_until(struct fixture *f, pid_t pid, void (*each)(struct fixture *f))
{
	struct loop_source *tick = loop_timer(f->loop, MONO_NEVER, nothing, NULL);
	struct err e = { 0 };
	bool never = false;
	int status = 0;

	for (int i = 0; i < 1000; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			loop_source_unref(&tick);
			return WEXITSTATUS(status);
		}
		if (each)
			each(f);
		assert_int_equal(
			loop_wait(f->loop, &never, mono_add(mono_now(), 10 * USEC_PER_MSEC), &e),
			-1);
	}
	fail_msg("no answer");
	return -1;
}

static void answers_status_and_drain(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[400];

	snprintf(path, sizeof(path), "%s/control.sock", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(
		serve_until(f, ask(f, &(struct control_request){ CONTROL_STATUS }), NULL), 0);
	assert_int_equal(
		serve_until(
			f, ask(f, &(struct control_request){ CONTROL_DRAIN, true, false }), NULL),
		0);
	assert_int_equal(f->drains, 1);
	assert_int_equal(f->cancels, 1);
	f->refuse = true;
	assert_int_equal(serve_until(f, ask(f, &(struct control_request){ CONTROL_DRAIN }), NULL),
		ERR_CONFLICT);
}

static void ends_the_job(struct fixture *f)
{
	if (f->drains == 1 && f->busy) {
		f->busy = false;
		control_answer_waiters(f->control);
	}
}

static void undoes(struct fixture *f)
{
	if (f->drains == 1) {
		f->draining = false;
		control_answer_waiters(f->control);
	}
}

static void hangs_up(struct fixture *f)
{
	if (f->drains == 1)
		control_free(TAKE(f->control));
}

static void waits_for_the_end_of_jobs(void **state)
{
	struct fixture *f = *state;
	const struct control_request r = { CONTROL_DRAIN, false, true };

	f->busy = true;
	assert_int_equal(serve_until(f, ask(f, &r), ends_the_job), 0);
}

static void hears_that_the_drain_was_undone(void **state)
{
	struct fixture *f = *state;
	const struct control_request r = { CONTROL_DRAIN, false, true };

	f->busy = true;
	assert_int_equal(serve_until(f, ask(f, &r), undoes), ERR_CONFLICT);
}

static void hears_that_the_runner_ended(void **state)
{
	struct fixture *f = *state;
	const struct control_request r = { CONTROL_DRAIN, false, true };

	f->busy = true;
	assert_int_equal(serve_until(f, ask(f, &r), hangs_up), ERR_NET);
	assert_int_equal(serve_until(f, ask(f, &r), NULL), ERR_NOT_FOUND);
}

/* One raw client with these bytes; what came back in out. */
static void raw(struct fixture *f, const char *bytes, size_t n, char *out, size_t size)
{
	struct err e = { 0 };
	bool never = false;
	CLEAN_FD int fd = connect_in(f->dir, "control.sock", &e);
	ssize_t got = -1;

	assert_true(fd >= 0);
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
	for (int i = 0; got < 0 && i < 1000; i++) {
		assert_int_equal(
			loop_wait(f->loop, &never, mono_add(mono_now(), 10 * USEC_PER_MSEC), &e),
			-1);
		got = recv(fd, out, size - 1, MSG_DONTWAIT);
	}
	assert_true(got >= 0);
	out[got] = '\0';
}

static void refuses_long_and_broken_lines(void **state)
{
	struct fixture *f = *state;
	char out[1024];
	char *big = xmalloc(CONTROL_REQUEST_MAX);

	memset(big, ' ', CONTROL_REQUEST_MAX);
	raw(f, big, CONTROL_REQUEST_MAX, out, sizeof(out));
	free(big);
	assert_non_null(strstr(out, "\"ok\":false"));
	assert_non_null(strstr(out, "longer than 4096 bytes"));
	raw(f, "{\"verb\":\n", 9, out, sizeof(out));
	assert_non_null(strstr(out, "\"ok\":false"));
	raw(f, "{\"verb\":\"\xff\"}\n", 13, out, sizeof(out));
	assert_non_null(strstr(out, "\"ok\":false"));
}

/* More than it serves at once wait their turn, and somebody who says nothing does not block. */
static void serves_others_beside_silent_peers(void **state)
{
	struct fixture *f = *state;
	int silent[CONTROL_PEERS + 2];
	struct err e = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
		silent[i] = connect_in(f->dir, "control.sock", &e);
		assert_true(silent[i] >= 0);
	}
	for (size_t i = 0; i < 3; i++) /* room for one */
		close(TAKE_FD(silent[i]));
	assert_int_equal(
		serve_until(f, ask(f, &(struct control_request){ CONTROL_STATUS }), NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		close_fdp(&silent[i]);
}

#define SOCKET_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* Who waits in the queue while there are no descriptors is no reason to spin. */
static void waits_for_descriptors(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, none;
	const bool never = false;
	struct err e = { 0 }, timeout = { 0 };
	char text[4096];
	ssize_t n = -1;
	CLEAN_FD int fd = connect_in(f->dir, "control.sock", &e);

	clock_t begun;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ 3, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	begun = clock();
	assert_int_equal(
		loop_wait(f->loop, &never, mono_add(mono_now(), 500 * USEC_PER_MSEC), &timeout),
		-1);
	begun = clock() - begun;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(begun < CLOCKS_PER_SEC / 4);
	assert_int_equal(send(fd, "{\"verb\":\"status\"}\n", 18, MSG_NOSIGNAL), 18);
	for (int i = 0; i < 300 && n < 0; i++) {
		err_clear(&timeout);
		IGNORE_RESULT(loop_wait(f->loop, &never, mono_add(mono_now(), 50 * USEC_PER_MSEC),
				      &timeout),
			"ends by its deadline");
		n = recv(fd, text, sizeof(text), MSG_DONTWAIT);
	}
	assert_true(n > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_refuses),
		SOCKET_TEST(answers_status_and_drain),
		SOCKET_TEST(waits_for_the_end_of_jobs),
		SOCKET_TEST(hears_that_the_drain_was_undone),
		SOCKET_TEST(hears_that_the_runner_ended),
		SOCKET_TEST(refuses_long_and_broken_lines),
		SOCKET_TEST(serves_others_beside_silent_peers),
		SOCKET_TEST(waits_for_descriptors),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
