/*
 * The gate's protocol, with the real binary as process 1 of a PID namespace of its own (needs root,
 * as the engine's tests do) and the real client on a loop; then raw bytes at it, which must end it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/limits.h"
#include "engine/gate_client.h"

struct world {
	struct loop *loop;
	char root[64], gate[80];
	struct gate_client *client;
	pid_t gate_pid;
	int pipe;
	bool connected, started, answered, closed;
	struct gate_exit_status status;
	struct err failure, close_error;
};

/* ---- world ---- */

static void on_connected(void *data)
{
	((struct world *)data)->connected = true;
}
static void on_started(void *data)
{
	((struct world *)data)->started = true;
}
static void on_failed(void *data, const struct err *e)
{
	struct world *w = data;

	w->failure = *e;
	w->answered = true;
}
static void on_exited(void *data, const struct gate_exit_status *s)
{
	struct world *w = data;

	w->status = *s;
	w->answered = true;
}
static void on_closed(void *data, const struct err *e)
{
	struct world *w = data;

	w->close_error = *e;
	w->closed = true;
}
static const struct gate_events events = { on_connected, on_started, on_failed, on_exited,
	on_closed };

/* In a PID and a mount namespace of its own, as an engine would start it: "kill all" means its own.
 */
static pid_t spawn_gate(struct world *w, const char *mode, const char *arg)
{
	char *const argv[] = { "shithub-gate", (char *)mode, (char *)arg, NULL };
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0) {
		mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL);
		mount("none", "/tmp", "tmpfs", 0, NULL);
		execv(w->gate, argv);
		_exit(99);
	}
	if (pid < 0)
		fail_msg("clone(CLONE_NEWPID): %s (these tests need root)", strerror(errno));
	return pid;
}

static void find_gate(struct world *w)
{
	const char *set = getenv("SHITHUB_TEST_GATE");
	char self[PATH_MAX / 2] = "", built[PATH_MAX];
	CLEAN_BUF struct buf bytes = BUF_INIT(MIB(1));
	struct err e = { 0 };

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	*strrchr(self, '/') = '\0';
	snprintf(built, sizeof(built), set ? "%s" : "%s/../../shithub-gate", set ? set : self);
	if (file_read(built, &bytes, &e) < 0)
		fail_msg("no gate binary: %s", e.text);
	/* a copy: the binary may lie below the /tmp that spawn_gate covers */
	snprintf(w->gate, sizeof(w->gate), "%s/gate", w->root);
	assert_int_equal(file_replace(w->gate, bytes.data, bytes.len, 0755, &e), 0);
}

static int setup(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct err e = { 0 };

	w->pipe = -1;
	snprintf(w->root, sizeof(w->root), "/var/tmp/gateXXXXXX");
	assert_non_null(mkdtemp(w->root));
	find_gate(w);
	w->loop = loop_new(&e);
	assert_non_null(w->loop);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	gate_client_free(w->client);
	if (w->gate_pid) { /* hanging up ends it; if not, this hangs and the suite says so */
		assert_int_equal(waitpid(w->gate_pid, NULL, 0), w->gate_pid);
	}
	close_fdp(&w->pipe);
	loop_free(w->loop);
	assert_int_equal(unlink(w->gate), 0);
	assert_int_equal(rmdir(w->root), 0); /* the socket is gone */
	free(w);
	return 0;
}

static void wait_for(struct world *w, const bool *flag)
{
	struct err e = { 0 };

	if (loop_wait(w->loop, flag, mono_add(mono_now(), 20 * USEC_PER_SEC), &e) < 0)
		fail_msg("%s", e.text);
}

static void begin(struct world *w)
{
	CLEAN_STR char *path = path_join(w->root, GATE_SOCKET_NAME);
	struct err e = { 0 };

	w->client = gate_client_listen(w->loop, w->root, &events, w, &e);
	if (!w->client)
		fail_msg("%s", e.text);
	w->gate_pid = spawn_gate(w, GATE_MODE_SERVE, path);
	wait_for(w, &w->connected);
	assert_int_equal(access(path, F_OK), -1);
}

static void run(struct world *w, const struct gate_request *r, const char *command)
{
	CLEANUP(strv_release) struct strv argv = { 0 }, env = { 0 };
	struct gate_request whole = *r;
	struct err e = { 0 };
	int fds[2];

	strv_split(&argv, command, ' ');
	strv_add(&env, "PATH=/usr/bin:/bin");
	strv_add(&env, "VAR=a b");
	whole.argv = &argv;
	whole.env = &env;
	whole.cwd = r->cwd ? r->cwd : "/";
	close_fdp(&w->pipe);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	w->pipe = fds[0];
	w->answered = w->started = false;
	w->failure = (struct err){ 0 };
	if (gate_client_run(w->client, &whole, fds[1], &e) < 0)
		fail_msg("%s", e.text);
}

static void expect_output(struct world *w, const char *want)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(64));
	struct err e = { 0 };

	assert_int_equal(fd_read_all(w->pipe, &out, &e), 0);
	assert_string_equal(buf_cstr(&out), want);
}

/* ---- conversation ---- */

#define SCRIPT(text) \
	.script_path = GATE_SCRIPT_ROOT "/f/run.sh", .script = text, .script_len = sizeof(text) - 1

static void test_run(void **state)
{
	struct world *w = *state;
	struct gate_request r = {
		SCRIPT("echo \"$VAR\" >&2; pwd; echo $$ $PPID; stat -c %a $0; exit 5"),
		.cwd = "/usr"
	};

	begin(w);
	run(w, &r, "sh " GATE_SCRIPT_ROOT "/f/run.sh");
	wait_for(w, &w->answered);
	assert_true(w->started);
	assert_int_equal(w->status.status, 5 << 8);
	expect_output(w, "a b\n/usr\n2 1\n700\n");
	run(w, &r, "sh " GATE_SCRIPT_ROOT "/f/run.sh"); /* the script of the run before is gone */
	wait_for(w, &w->answered);
	assert_int_equal(w->status.status, 5 << 8);
	struct gate_request plain = { 0 };
	run(w, &plain, "kill -9 0");
	wait_for(w, &w->answered);
	assert_int_equal(w->status.status, SIGKILL);
}

static void test_failed(void **state)
{
	struct world *w = *state;
	struct gate_request block = { SCRIPT(
		"mkdir -p " GATE_SCRIPT_ROOT "/g; : > " GATE_SCRIPT_ROOT "/g/run.sh") };
	struct gate_request r = {
		.script_path = GATE_SCRIPT_ROOT "/g/run.sh", .script = "x", .script_len = 1
	};

	begin(w);
	run(w, &block, "sh " GATE_SCRIPT_ROOT "/f/run.sh");
	wait_for(w, &w->answered);
	run(w, &r, "sh x");
	wait_for(w,
		&w->answered); /* somebody made the folder first: nothing is followed or reused */
	assert_false(w->started);
	assert_int_equal(w->failure.errnum, EEXIST);
	struct gate_request fine = { 0 };
	run(w, &fine, "true");
	wait_for(w, &w->answered);
	assert_int_equal(w->status.status, 0);
}

static void test_signal(void **state)
{
	struct world *w = *state;
	struct gate_request r = { SCRIPT("trap 'echo got; exit 3' TERM; echo ready; "
					 "while :; do sleep 0.01; done") };
	char ready[6];

	begin(w);
	run(w, &r, "sh " GATE_SCRIPT_ROOT "/f/run.sh");
	assert_int_equal(read(w->pipe, ready, sizeof(ready)), 6);
	gate_client_signal(w->client, SIGTERM);
	wait_for(w, &w->answered);
	assert_int_equal(w->status.status, 3 << 8);
}

/* What the engine sends to process 1 is passed on. */
static void test_engine_signal(void **state)
{
	struct world *w = *state;
	struct gate_request r = { SCRIPT(
		"trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done") };
	char ready[6];

	begin(w);
	run(w, &r, "sh " GATE_SCRIPT_ROOT "/f/run.sh");
	assert_int_equal(read(w->pipe, ready, sizeof(ready)), 6);
	assert_int_equal(kill(w->gate_pid, SIGTERM), 0);
	wait_for(w, &w->answered);
	assert_int_equal(w->status.status, 4 << 8);
}

static void test_hang_up_ends_all(void **state)
{
	struct world *w = *state;
	struct gate_request r = { SCRIPT(
		"trap '' TERM HUP; echo ready; while :; do sleep 1; done") };
	char ready[6];

	begin(w);
	run(w, &r, "sh " GATE_SCRIPT_ROOT "/f/run.sh");
	assert_int_equal(read(w->pipe, ready, sizeof(ready)), 6);
	gate_client_free(TAKE(w->client));
	expect_output(w, ""); /* end of file: nobody in the namespace lives */
}

static void test_run_while_running(void **state)
{
	struct world *w = *state;
	struct gate_request r = { 0 };

	begin(w);
	run(w, &r, "sleep 60");
	wait_for(w, &w->started);
	run(w, &r, "true");
	wait_for(w, &w->closed);
	assert_false(w->answered);
}

static void test_hold(void **state)
{
	struct world *w = *state;
	pid_t pid = spawn_gate(w, GATE_MODE_HOLD, NULL);
	int status;

	/* the engine's SIGTERM may come before it waits; it is blocked from the first instruction
	 * or ignored as process 1, so it is sent until it is heard */
	while (waitpid(pid, &status, WNOHANG) == 0)
		kill(pid, SIGTERM);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- bytes that are no conversation ---- */

struct raw {
	const char *name;
	size_t n;
	const char *bytes;
	int fds;
};
#define RUN_BODY "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0true\0/\0\0"

static const struct raw raws[] = {
	{ "unknown type", 9, "\7\0\0\0\1\0\0\0x", 0 },
	{ "empty message", 8, "\1\0\0\0\0\0\0\0", 0 },
	{ "too long", 8, "\1\0\0\0\1\0\100\0", 0 },
	{ "RUN without descriptor", 8 + 24, "\1\0\0\0\30\0\0\0" RUN_BODY, 0 },
	{ "RUN with two descriptors", 8 + 24, "\1\0\0\0\30\0\0\0" RUN_BODY, 2 },
	{ "RUN with a byte too many", 8 + 25, "\1\0\0\0\31\0\0\0" RUN_BODY "x", 1 },
	{ "SIGNAL with a descriptor", 12, "\2\0\0\0\4\0\0\0\17\0\0\0", 1 },
	{ "SIGNAL 0", 12, "\2\0\0\0\4\0\0\0\0\0\0\0", 0 },
	{ "SIGNAL 65", 12, "\2\0\0\0\4\0\0\0\101\0\0\0", 0 },
	{ "an answer", 8, "\22\0\0\0\0\0\0\0", 0 },
};

static void send_raw(int conn, const struct raw *c)
{
	int fds[2] = { 0, 0 };

	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec io = { (void *)(uintptr_t)c->bytes, c->n };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };

	if (c->fds) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE((size_t)c->fds * sizeof(int));
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN((size_t)c->fds * sizeof(int));
		memcpy(CMSG_DATA(h), fds, (size_t)c->fds * sizeof(int));
	}
	assert_int_equal(sendmsg(conn, &m, 0), (ssize_t)c->n);
}

static void test_raw(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
		struct sockaddr_un a = { .sun_family = AF_UNIX };
		CLEAN_FD int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), conn = -1;
		int status;

		snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", w->root);
		struct timeval patience = { .tv_sec = 20 };
		assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
		assert_int_equal(listen(listener, 1), 0);
		assert_int_equal(
			setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
			0);
		pid_t pid = spawn_gate(w, GATE_MODE_SERVE, a.sun_path);
		conn = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		unlink(a.sun_path);
		send_raw(conn, &raws[i]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != GATE_EXIT_PROTO)
			fail_msg("%s: status %x", raws[i].name, (unsigned)status);
	}
}

static void test_not_process_1(void **state)
{
	struct world *w = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		close(2);
		execl(w->gate, "shithub-gate", GATE_MODE_SERVE, "/nope", (char *)NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), GATE_EXIT_USAGE); /* "all processes" would be ours */
	pid = spawn_gate(w, GATE_MODE_SERVE, "/nope/s");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), GATE_EXIT_CONNECT);
}

/* ---- pure ---- */

static void test_encode_decode(void **state UNUSED)
{
	CLEANUP(strv_release) struct strv argv = { 0 }, env = { 0 };
	struct buf out = BUF_INIT(GATE_MESSAGE_MAX + 64);
	struct gate_request r = { .argv = &argv,
		.env = &env,
		.cwd = "/w",
		.script_path = GATE_SCRIPT_ROOT "/a/b.py",
		.script = "\0x",
		.script_len = 2 };
	struct gate_run back = { 0 };
	struct err e = { 0 };

	strv_add(&argv, "python3");
	strv_add(&argv, "");
	strv_add(&env, "A=1");
	strv_add(&env, "B=");
	assert_int_equal(gate_request_encode(&r, &out, &e), 0);
	const unsigned char *body = (unsigned char *)out.data + GATE_HEADER_LEN;
	size_t n = out.len - GATE_HEADER_LEN;
	assert_int_equal(gate_run_decode(body, n, &back), 0);
	assert_int_equal(back.argc, 2);
	assert_string_equal(gate_text_next(back.argv), "");
	assert_string_equal(gate_text_next(back.env), "B=");
	assert_string_equal(back.cwd, "/w");
	assert_string_equal(back.script_path, r.script_path);
	assert_memory_equal(back.script, "\0x", 2);
	for (size_t cut = 0; cut < n; cut++) /* no prefix is a message */
		assert_int_equal(gate_run_decode(body, cut, &back), -1);
	buf_release(&out);
}

static void test_encode_refuses(void **state UNUSED)
{
	static const char *const paths[] = { "/tmp/x", GATE_SCRIPT_ROOT "/a",
		GATE_SCRIPT_ROOT "/a/", GATE_SCRIPT_ROOT "//b", GATE_SCRIPT_ROOT "/../b",
		GATE_SCRIPT_ROOT "/a/../b", GATE_SCRIPT_ROOT "/a/..", "tmp/_shithub/a/b" };
	CLEANUP(strv_release) struct strv argv = { 0 }, env = { 0 };
	struct buf out = BUF_INIT(GATE_MESSAGE_MAX + 64);
	struct err e = { 0 };
	CLEAN_STR char *big = xcalloc(1, GATE_MESSAGE_MAX);
	struct gate_request r = { .argv = &argv, .env = &env, .cwd = "/" };

	assert_int_equal(gate_request_encode(&r, &out, &e), -1); /* no command */
	strv_add(&argv, "x");
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		r.script_path = paths[i];
		assert_int_equal(gate_request_encode(&r, &out, &e), -1);
	}
	r.script_path = GATE_SCRIPT_ROOT "/a/b";
	r.script = big;
	r.script_len = GATE_MESSAGE_MAX - 20;
	err_clear(&e);
	assert_int_equal(gate_request_encode(&r, &out, &e), -1);
	assert_int_equal(e.class, ERR_LIMIT);
	assert_int_equal(out.len, 0);
	buf_release(&out);
}

int main(void)
{
#define WITH_WORLD(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode_decode),
		cmocka_unit_test(test_encode_refuses),
		WITH_WORLD(test_run),
		WITH_WORLD(test_failed),
		WITH_WORLD(test_signal),
		WITH_WORLD(test_engine_signal),
		WITH_WORLD(test_hang_up_ends_all),
		WITH_WORLD(test_run_while_running),
		WITH_WORLD(test_hold),
		WITH_WORLD(test_raw),
		WITH_WORLD(test_not_process_1),
	};

	return cmocka_run_group_tests_name("engine_gate", tests, NULL, NULL);
}
