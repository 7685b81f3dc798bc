/*
 * Spawning in three parts. Before fork: everything that may allocate, look up or fail politely.
 * Between fork and exec (the child_* functions): async-signal-safe calls only. After: the parent
 * reads one message from a CLOEXEC pipe, which ends empty when exec succeeded.
 *
 * Descriptors: the parent first duplicates every source above the highest number the child will
 * see, so the child's dup2 calls cannot overwrite one another. The error pipe then moves right
 * behind the highest number, and one close_range call takes everything after it.
 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { CHILD_FDS_MAX = 64 };

static const char *const DEFAULT_PATH =
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
static char *const DEFAULT_ENV[] = {
	(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	(char *)"LANG=C.UTF-8",
	NULL,
};

enum child_stage { STAGE_SESSION, STAGE_PARENT, STAGE_FDS, STAGE_CWD, STAGE_EXEC };

/* What the child says when it could not exec. */
struct child_report {
	enum child_stage stage;
	int errnum;
};

/* All the child needs, computed before fork. */
struct child_plan {
	const char *path;
	char *const *argv, *const *envp;
	const char *cwd;
	bool new_session, die_with_parent;
	pid_t parent;
	int high[CHILD_FDS_MAX]; /* index: number in the child; -1: closed there */
	int n;                   /* numbers 0 .. n-1 exist */
	int report;              /* write end of the error pipe */
	rlim_t fd_limit;
};

/* between fork and exec */

NORETURN static void child_fail(int report, enum child_stage stage)
{
	struct child_report r = { .stage = stage, .errnum = errno };

	while (write(report, &r, sizeof(r)) < 0 && errno == EINTR)
		;
	_exit(127);
}

static void child_reset_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;

	/* SIGKILL, SIGSTOP and the C library's own two refuse, as they should */
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_close_from(int first, rlim_t limit)
{
	if (syscall(SYS_close_range, first, ~0U, 0) == 0)
		return;
	/* before Linux 5.9 */
	for (rlim_t fd = (rlim_t)first; fd < limit; fd++)
		close((int)fd);
}

static int child_place_fds(const struct child_plan *c, int *report)
{
	for (int to = 0; to < c->n; to++) {
		if (c->high[to] < 0)
			close(to);
		else if (dup2(c->high[to], to) < 0)
			return -1;
	}
	if (*report != c->n) {
		if (dup3(*report, c->n, O_CLOEXEC) < 0)
			return -1;
		*report = c->n;
	}
	child_close_from(c->n + 1, c->fd_limit);
	return 0;
}

static int child_tie_to_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -1;
	/* it may have died before the call above; nobody would ever tell */
	if (getppid() != parent)
		_exit(127);
	return 0;
}

NORETURN static void child_main(const struct child_plan *c)
{
	int report = c->report;

	child_reset_signals();
	if (c->new_session && setsid() < 0)
		child_fail(report, STAGE_SESSION);
	if (c->die_with_parent && child_tie_to_parent(c->parent) < 0)
		child_fail(report, STAGE_PARENT);
	if (child_place_fds(c, &report) < 0)
		child_fail(report, STAGE_FDS);
	if (c->cwd && chdir(c->cwd) < 0)
		child_fail(report, STAGE_CWD);
	execve(c->path, c->argv, c->envp);
	child_fail(report, STAGE_EXEC);
}

/* before fork */

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The program of the spec as a path; the search is the parent's PATH, blank entries are skipped
 * because they would mean the current directory. */
static char *find_program(const struct proc_spec *spec, struct err *e)
{
	const char *name = spec->path ? spec->path : spec->argv[0];
	const char *path = getenv("PATH");

	struct strv dirs CLEANUP(strv_release) = { 0 };

	if (spec->path || strchr(name, '/'))
		return xstrdup(name);
	strv_split(&dirs, str_empty(path) ? DEFAULT_PATH : path, ':');
	strv_each (dir, &dirs) {
		char *candidate CLEAN_STR = xasprintf("%s/%s", dir, name);
		if (dir[0] == '/' && is_program(candidate))
			return TAKE(candidate);
	}
	err_set(e, ERR_NOT_FOUND, "%s: not found in PATH", name);
	return NULL;
}

static void plan_init(struct child_plan *c, const struct proc_spec *spec, const char *path)
{
	struct rlimit limit = { .rlim_cur = 1024 };

	getrlimit(RLIMIT_NOFILE, &limit);
	*c = (struct child_plan){
		.path = path,
		.argv = spec->argv,
		.envp = spec->envp ? spec->envp : DEFAULT_ENV,
		.cwd = spec->cwd,
		.new_session = spec->new_session,
		.die_with_parent = spec->die_with_parent,
		.parent = getpid(),
		.n = 3,
		.report = -1,
		.fd_limit = limit.rlim_cur,
	};
	for (int i = 0; i < CHILD_FDS_MAX; i++)
		c->high[i] = -1;
	for (size_t i = 0; i < spec->n_fds; i++) {
		int to = spec->fds[i].to;

		if (to < 0 || to >= CHILD_FDS_MAX)
			BUG("descriptor %d of a child", to);
		if (to >= c->n)
			c->n = to + 1;
	}
}

static void plan_release(struct child_plan *c)
{
	for (int i = 0; i < CHILD_FDS_MAX; i++)
		close_fdp(&c->high[i]);
	close_fdp(&c->report);
}

static int plan_fds(struct child_plan *c, const struct proc_spec *spec, struct err *e)
{
	for (size_t i = 0; i < spec->n_fds; i++) {
		int *high = &c->high[spec->fds[i].to];

		close_fdp(high);
		*high = fcntl(spec->fds[i].from, F_DUPFD_CLOEXEC, c->n);
		if (*high < 0)
			return err_set_errno(e, errno, "descriptor %d", spec->fds[i].from);
	}
	for (int to = 0; to < 3; to++) {
		if (c->high[to] >= 0)
			continue;
		int null CLEAN_FD = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null < 0)
			return err_set_errno(e, errno, "/dev/null");
		c->high[to] = fcntl(null, F_DUPFD_CLOEXEC, c->n);
		if (c->high[to] < 0)
			return err_set_errno(e, errno, "/dev/null");
	}
	return 0;
}

/* The error pipe; its write end too lies above the child's numbers. */
static int plan_report(struct child_plan *c, int *ret_read, struct err *e)
{
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_set_errno(e, errno, "pipe");
	c->report = fcntl(pipefd[1], F_DUPFD_CLOEXEC, c->n);
	int errnum = errno;
	close(pipefd[1]);
	if (c->report < 0) {
		close(pipefd[0]);
		return err_set_errno(e, errnum, "pipe");
	}
	*ret_read = pipefd[0];
	return 0;
}

/* With SIGCHLD ignored (which a program may inherit) the kernel reaps children behind our back. */
static void keep_zombies(void)
{
	struct sigaction sa;

	if (sigaction(SIGCHLD, NULL, &sa) == 0 &&
		(sa.sa_handler == SIG_IGN || (sa.sa_flags & SA_NOCLDWAIT))) {
		sa = (struct sigaction){ .sa_handler = SIG_DFL };
		sigaction(SIGCHLD, &sa, NULL);
	}
}

/* Signals stay blocked until the child has reset them, so no handler of ours runs in it. */
static pid_t fork_child(const struct child_plan *plan)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid_t pid = fork();
	if (pid == 0)
		child_main(plan);
	int errnum = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = errnum;
	return pid;
}

static int wait_pid(pid_t pid, int *ret_status, int flags)
{
	pid_t got;

	do
		got = waitpid(pid, ret_status, flags);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		BUG("child %d was reaped elsewhere: %s", (int)pid, strerror(errno));
	return got == pid;
}

static int report_error(
	const struct child_report *r, const struct proc_spec *spec, const char *path, struct err *e)
{
	switch (r->stage) {
	case STAGE_EXEC:
		return err_set_errno(e, r->errnum, "execute %s", path);
	case STAGE_CWD:
		return err_set_errno(e, r->errnum, "%s: change to %s", path, spec->cwd);
	case STAGE_FDS:
		return err_set_errno(e, r->errnum, "%s: descriptors", path);
	case STAGE_SESSION:
		return err_set_errno(e, r->errnum, "%s: new session", path);
	case STAGE_PARENT:
		return err_set_errno(e, r->errnum, "%s: parent death signal", path);
	}
	BUG("stage %d", (int)r->stage);
}

/* 0 when exec closed the pipe, -1 with the child's own words otherwise. */
static int read_report(int fd, const struct proc_spec *spec, const char *path, struct err *e)
{
	struct child_report r;
	ssize_t got;

	do
		got = read(fd, &r, sizeof(r));
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return 0;
	if (got != sizeof(r))
		return err_set_errno(e, got < 0 ? errno : EIO, "%s: start report", path);
	return report_error(&r, spec, path, e);
}

int proc_spawn(struct proc *p, const struct proc_spec *spec, struct err *e)
{
	struct child_plan plan CLEANUP(plan_release);
	char *path CLEAN_STR = NULL;
	int report CLEAN_FD = -1;
	int status;

	if (p->pid != 0)
		BUG("proc_spawn over child %d", (int)p->pid);
	plan_init(&plan, spec, NULL);
	path = find_program(spec, e);
	if (!path)
		return -1;
	plan.path = path;
	if (plan_fds(&plan, spec, e) < 0 || plan_report(&plan, &report, e) < 0)
		return err_wrap(e, "%s", path);
	keep_zombies();
	pid_t pid = fork_child(&plan);
	if (pid < 0)
		return err_set_errno(e, errno, "%s: fork", path);
	plan_release(&plan);
	if (read_report(report, spec, path, e) < 0) {
		wait_pid(pid, &status, 0);
		return -1;
	}
	/* ours and not yet reaped, so the number cannot have been reused */
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		err_set_errno(e, errno, "%s: pidfd", path);
		kill(pid, SIGKILL);
		wait_pid(pid, &status, 0);
		return -1;
	}
	*p = (struct proc){ .pid = pid, .pidfd = pidfd };
	return 0;
}

/* the running child */

void proc_signal(const struct proc *p, int sig)
{
	if (p->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, p->pidfd, sig, NULL, 0);
}

int proc_reap(struct proc *p, int *ret_status)
{
	int status = 0;

	if (p->pid == 0)
		BUG("proc_reap without a child");
	if (!wait_pid(p->pid, &status, WNOHANG))
		return 0;
	*ret_status = status;
	close_fdp(&p->pidfd);
	p->pid = 0;
	return 1;
}

void proc_destroy(struct proc *p)
{
	int status;

	if (p->pid == 0)
		return;
	proc_signal(p, SIGKILL);
	wait_pid(p->pid, &status, 0);
	close_fdp(&p->pidfd);
	p->pid = 0;
}

struct loop_source *proc_watch(struct loop *l, struct proc *p, loop_io_fn fn, void *data)
{
	return loop_pidfd(l, p->pidfd, fn, data);
}

const char *proc_status_text(int status, char out[PROC_STATUS_TEXT])
{
	if (WIFEXITED(status))
		snprintf(out, PROC_STATUS_TEXT, "exit status %d", WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		snprintf(out, PROC_STATUS_TEXT, "killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		snprintf(out, PROC_STATUS_TEXT, "wait status %#x", (unsigned)status);
	return out;
}

/* ---- threads ---- */

int thread_start(
	pthread_t *ret, void *(*fn)(void *data), void *data, const char *what, struct err *e)
{
	sigset_t all, was;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	int rc = pthread_create(ret, NULL, fn, data);
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	return rc == 0 ? 0 : err_set_errno(e, rc, "%s", what);
}
