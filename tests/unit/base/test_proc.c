/* Child processes: descriptors, groups, deadlines, and failures before and after exec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/proc.h"

#define ARGV(...) ((char *const[]){ __VA_ARGS__, NULL })
#define SH(script) ARGV((char *)"/bin/sh", (char *)"-c", (char *)(script))

static struct loop *loop;

static int setup(void **state UNUSED)
{
	struct err e = { 0 };

	loop = loop_new(&e);
	return loop ? 0 : -1;
}

static int teardown(void **state UNUSED)
{
	loop_free(loop);
	return 0;
}

static struct mono within(int64_t us)
{
	return mono_add(mono_now(), us);
}

/* Runs a shell script and returns its status; output in out (stdout) and err_out. */
static int run_sh(const char *script, const struct proc_spec *spec, const char *input,
	struct buf *out, struct buf *err_out)
{
	struct proc_spec whole = *spec;
	struct err e = { 0 };
	int status = -1;

	whole.argv = SH(script);
	int rc = proc_run(loop, &whole, input, input ? strlen(input) : 0, within(20 * USEC_PER_SEC),
		out, err_out, &status, &e);
	assert_string_equal(e.text, "");
	assert_int_equal(rc, 0);
	return status;
}

static void output_and_status_are_captured(void **state UNUSED)
{
	struct buf out CLEAN_BUF = BUF_INIT(4096), err CLEAN_BUF = BUF_INIT(4096);
	struct proc_spec spec = { 0 };
	char text[PROC_STATUS_TEXT];

	int status = run_sh("cat; echo bad >&2; exit 3", &spec, "given", &out, &err);
	assert_string_equal(buf_cstr(&out), "given");
	assert_string_equal(buf_cstr(&err), "bad\n");
	assert_string_equal(proc_status_text(status, text), "exit status 3");
	status = run_sh("kill -9 $$", &spec, NULL, NULL, NULL);
	assert_string_equal(proc_status_text(status, text), "killed by signal 9 (Killed)");
}

static void large_input_and_output_pass(void **state UNUSED)
{
	struct buf out CLEAN_BUF = BUF_INIT(2 << 20);
	struct proc_spec spec = { 0 };
	char *input CLEAN_STR = xmalloc((1 << 20) + 1);

	memset(input, 'x', 1 << 20);
	input[1 << 20] = '\0';
	assert_int_equal(run_sh("cat", &spec, input, &out, NULL), 0);
	assert_int_equal(out.len, 1 << 20);
	assert_true(buf_ok(&out));
}

static void output_past_the_maximum_is_dropped(void **state UNUSED)
{
	struct buf out CLEAN_BUF = BUF_INIT(1000);
	struct proc_spec spec = { 0 };

	assert_int_equal(
		run_sh("head -c 300000 /dev/zero | tr '\\0' a", &spec, NULL, &out, NULL), 0);
	assert_int_equal(out.len, 1000);
	assert_false(buf_ok(&out));
}

static void unread_input_is_no_trouble(void **state UNUSED)
{
	struct proc_spec spec = { 0 };

	char *input CLEAN_STR = xmalloc((1 << 20) + 1);

	memset(input, 'x', 1 << 20);
	input[1 << 20] = '\0';
	assert_int_equal(run_sh("exit 0", &spec, input, NULL, NULL), 0);
}

static void timeout_kills_the_group(void **state UNUSED)
{
	struct buf out CLEAN_BUF = BUF_INIT(64);
	struct proc_spec spec = { .argv = SH("sleep 1000 & echo $!; wait") };
	struct err e = { 0 };
	int status;

	assert_int_equal(
		proc_run(loop, &spec, NULL, 0, within(300000), &out, NULL, &status, &e), -1);
	assert_int_equal(e.class, ERR_TIMEOUT);
	assert_string_equal(e.text, "/bin/sh: timed out");
	/* the grandchild got SIGKILL too; an adopted zombie may be left for init to reap */
	int64_t pid;
	assert_true(buf_ok(&out) && out.len > 1);
	out.data[out.len - 1] = '\0';
	assert_true(parse_i64(out.data, 2, INT32_MAX, &pid));
	char path[64], stat_text[256];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	struct mono give_up = within(5 * USEC_PER_SEC);
	bool gone = false;
	while (!gone && mono_diff(mono_now(), give_up) < 0) {
		FILE *f = fopen(path, "re");

		gone = !f || !fgets(stat_text, sizeof(stat_text), f) || strstr(stat_text, ") Z ");
		if (f)
			fclose(f);
	}
	assert_true(gone);
}

static void only_named_descriptors_arrive(void **state UNUSED)
{
	struct buf out CLEAN_BUF = BUF_INIT(4096);
	struct err e = { 0 };
	int stray[40], pipefd[2];

	/* inheritable on purpose: low numbers and beyond */
	for (size_t i = 0; i < ARRAY_LEN(stray); i++)
		stray[i] = open("/dev/null", O_RDONLY);
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	struct proc_fd fds[] = { { .from = pipefd[1], .to = 7 }, { .from = pipefd[1], .to = 5 } };
	struct proc_spec spec = { .fds = fds, .n_fds = 2 };
	assert_int_equal(run_sh("ls /proc/self/fd | tr '\\n' ' '; echo seven >&7; echo five >&5",
				 &spec, NULL, &out, NULL),
		0);
	/* 3 is ls's own directory handle */
	assert_string_equal(buf_cstr(&out), "0 1 2 3 5 7 ");
	char got[32] = "";
	assert_int_equal(read(pipefd[0], got, sizeof(got) - 1), 11);
	assert_string_equal(got, "seven\nfive\n");
	for (size_t i = 0; i < ARRAY_LEN(stray); i++)
		close(stray[i]);
	close(pipefd[0]);
	close(pipefd[1]);
	assert_int_equal(e.class, ERR_NONE);
}

static void descriptors_may_swap_numbers(void **state UNUSED)
{
	struct buf out CLEAN_BUF = BUF_INIT(4096);
	int a[2], b[2];
	char got[8] = "";

	assert_int_equal(pipe2(a, O_CLOEXEC), 0);
	assert_int_equal(pipe2(b, O_CLOEXEC), 0);
	struct proc_fd fds[] = { { .from = a[1], .to = b[1] }, { .from = b[1], .to = a[1] } };
	struct proc_spec spec = { .fds = fds, .n_fds = 2 };
	char *script CLEAN_STR = xasprintf("echo to-a >&%d; echo to-b >&%d", b[1], a[1]);
	assert_int_equal(run_sh(script, &spec, NULL, &out, NULL), 0);
	assert_int_equal(read(a[0], got, 5), 5);
	assert_string_equal(got, "to-a\n");
	assert_int_equal(read(b[0], got, 5), 5);
	assert_string_equal(got, "to-b\n");
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void standard_streams_default_to_null(void **state UNUSED)
{
	struct buf out CLEAN_BUF = BUF_INIT(4096);
	struct proc_spec spec = { 0 };

	run_sh("readlink /proc/self/fd/0", &spec, NULL, &out, NULL);
	assert_string_equal(buf_cstr(&out), "/dev/null\n");
}

static void environment_and_directory(void **state UNUSED)
{
	struct buf out CLEAN_BUF = BUF_INIT(4096);
	struct proc_spec spec = { .cwd = "/" };

	assert_int_equal(setenv("LEAK", "1", 1), 0);
	run_sh("pwd; /usr/bin/env | grep -c LEAK; echo $LANG", &spec, NULL, &out, NULL);
	assert_string_equal(buf_cstr(&out), "/\n0\nC.UTF-8\n");
	buf_clear(&out);
	spec.envp = ARGV((char *)"A=b c");
	run_sh("echo \"$A\"", &spec, NULL, &out, NULL);
	assert_string_equal(buf_cstr(&out), "b c\n");
}

static void signals_start_clean(void **state UNUSED)
{
	struct buf out CLEAN_BUF = BUF_INIT(4096);
	struct proc_spec spec = { 0 };
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &before);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	/* signals 1 to 28: libc keeps 32 and 33 to itself, so they stay as they were inherited */
	run_sh("awk '/^Sig(Blk|Ign)/ { printf \"%s\", $1 substr($2, 10) }' /proc/self/status | tr "
	       "-d 0",
		&spec, NULL, &out, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	signal(SIGHUP, SIG_DFL);
	assert_string_equal(buf_cstr(&out), "SigBlk:SigIgn:");
}

struct failure {
	const char *name;
	struct proc_spec spec;
	enum err_class class;
	const char *text;
};

static void spawn_failures_are_told(void **state UNUSED)
{
	const struct failure table[] = {
		{ "exec", { .argv = ARGV((char *)"/nope") }, ERR_NOT_FOUND,
			"execute /nope: No such file or directory" },
		{ "path", { .argv = ARGV((char *)"no-such-program") }, ERR_NOT_FOUND,
			"no-such-program: not found in PATH" },
		{ "mode", { .argv = ARGV((char *)"/etc/passwd") }, ERR_IO,
			"execute /etc/passwd: Permission denied" },
		{ "cwd", { .argv = SH("true"), .cwd = "/nope" }, ERR_NOT_FOUND,
			"/bin/sh: change to /nope: No such file or directory" },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct proc p = PROC_INIT;
		struct err e = { 0 };

		assert_int_equal(proc_spawn(&p, &table[i].spec, &e), -1);
		assert_string_equal(e.text, table[i].text);
		assert_int_equal(e.class, table[i].class);
		assert_int_equal(p.pid, 0);
		/* nothing is left behind to wait for */
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
	}
}

static void program_is_found_in_path(void **state UNUSED)
{
	struct proc p = PROC_INIT;
	struct proc_spec spec = { .argv = ARGV((char *)"true") };
	struct err e = { 0 };

	assert_int_equal(proc_spawn(&p, &spec, &e), 0);
	assert_true(p.pidfd >= 0);
	proc_destroy(&p);
	assert_int_equal(p.pidfd, -1);
	proc_destroy(&p);
}

struct ended {
	struct proc p;
	struct loop_source *watch;
	int status, reused;
	bool done;
};

/* Reaps first, as callers do, and takes the freed number for something else. */
static void on_ended(
	struct loop_source *s UNUSED, int fd UNUSED, uint32_t events UNUSED, void *data)
{
	struct ended *x = data;

	assert_int_equal(proc_reap(&x->p, &x->status), 1);
	x->reused = open("/dev/null", O_RDONLY | O_CLOEXEC);
	loop_source_unref(&x->watch);
	x->done = true;
}

static void watch_tells_the_end(void **state UNUSED)
{
	struct ended x = { .p = PROC_INIT, .reused = -1 };
	struct proc_spec spec = { .argv = ARGV((char *)"/bin/sleep", (char *)"1000") };
	struct err e = { 0 };
	int status;

	assert_int_equal(proc_spawn(&x.p, &spec, &e), 0);
	x.watch = proc_watch(loop, &x.p, on_ended, &x);
	assert_int_equal(proc_reap(&x.p, &status), 0);
	proc_signal(&x.p, SIGTERM);
	assert_int_equal(loop_wait(loop, &x.done, within(20 * USEC_PER_SEC), &e), 0);
	assert_true(WIFSIGNALED(x.status) && WTERMSIG(x.status) == SIGTERM);
	proc_signal(&x.p, SIGTERM);
	close(x.reused);
}

/* A middle process spawns a child tied to itself and dies; the pipe the child holds then ends. */
static void child_dies_with_its_parent(void **state UNUSED)
{
	int pipefd[2], status;
	char c;

	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	pid_t middle = fork();
	if (middle == 0) {
		struct proc p = PROC_INIT;
		struct proc_fd fds[] = { { .from = pipefd[1], .to = 1 } };
		struct proc_spec spec = { .argv = ARGV((char *)"/bin/sleep", (char *)"1000"),
			.fds = fds,
			.n_fds = 1,
			.new_session = true,
			.die_with_parent = true };

		_exit(proc_spawn(&p, &spec, NULL) == 0 ? 0 : 1);
	}
	close(pipefd[1]);
	assert_int_equal(waitpid(middle, &status, 0), middle);
	assert_int_equal(status, 0);
	assert_int_equal(read(pipefd[0], &c, 1), 0);
	close(pipefd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status_are_captured),
		cmocka_unit_test(large_input_and_output_pass),
		cmocka_unit_test(output_past_the_maximum_is_dropped),
		cmocka_unit_test(unread_input_is_no_trouble),
		cmocka_unit_test(timeout_kills_the_group),
		cmocka_unit_test(only_named_descriptors_arrive),
		cmocka_unit_test(descriptors_may_swap_numbers),
		cmocka_unit_test(standard_streams_default_to_null),
		cmocka_unit_test(environment_and_directory),
		cmocka_unit_test(signals_start_clean),
		cmocka_unit_test(spawn_failures_are_told),
		cmocka_unit_test(program_is_found_in_path),
		cmocka_unit_test(watch_tells_the_end),
		cmocka_unit_test(child_dies_with_its_parent),
	};

	return cmocka_run_group_tests_name("proc", tests, setup, teardown);
}
