/*
 * From a request to a running child: script file, argument arrays, fork, exec. Everything that
 * may fail politely happens before the fork; the child can only write one line and exit.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/gate/gate.h"

/* ---- script file ---- */

/* The folder part of a script path that gate_script_path_ok accepted. */
static void script_folder(const char *path, char out[256])
{
	size_t n = gate_text(out, 256, 0, path);

	while (out[--n] != '/')
		;
	out[n] = '\0';
}

static int write_all(int fd, const unsigned char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno != EINTR)
			return -1;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

int gate_script_write(const struct gate_run *r)
{
	char folder[256];
	int fd, rc;

	if (!*r->script_path)
		return 0;
	script_folder(r->script_path, folder);
	if (mkdir(GATE_SCRIPT_ROOT, 0700) < 0 && errno != EEXIST)
		return -1;
	if (mkdir(folder, 0700) < 0)
		return -1;
	fd = open(r->script_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0700);
	if (fd < 0)
		return -1;
	rc = write_all(fd, r->script, r->script_len);
	/* not left open: executing a file somebody holds for writing is ETXTBSY */
	if (close(fd) < 0)
		rc = -1;
	return rc;
}

void gate_script_remove(const char *path)
{
	char folder[256];

	if (!*path)
		return;
	script_folder(path, folder);
	unlink(path);
	rmdir(folder);
}

/* ---- arrays ---- */

static int same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return n == strcspn(b, "=") && !memcmp(a, b, n);
}

static int is_set(char *const *env, size_t n, const char *entry)
{
	for (size_t i = 0; i < n; i++) {
		if (same_name(env[i], entry))
			return 1;
	}
	return 0;
}

char **gate_arrays(const struct gate_run *r, char **own_env, char ***ret_envp)
{
	size_t n_own = 0, n = 0;
	const char *s = r->argv;
	char **argv, **envp;

	while (own_env[n_own])
		n_own++;
	argv = calloc(r->argc + 1 + r->envc + n_own + 1, sizeof(*argv));
	if (!argv)
		return NULL;
	for (uint32_t i = 0; i < r->argc; i++, s = gate_text_next(s))
		argv[i] = (char *)s;
	envp = argv + r->argc + 1;
	s = r->env;
	for (uint32_t i = 0; i < r->envc; i++, s = gate_text_next(s))
		envp[n++] = (char *)s;
	for (size_t i = 0; i < n_own; i++) {
		if (!is_set(envp, r->envc, own_env[i]))
			envp[n++] = own_env[i];
	}
	*ret_envp = envp;
	return argv;
}

/* ---- child ---- */

/* One line on the step's own output: "shithub-gate: bash: No such file or directory". */
static void child_fail(const char *what, const char *name, int errnum)
{
	char line[512];
	size_t n = gate_text(line, sizeof(line) - 1, 0, "shithub-gate: ");

	n = gate_text(line, sizeof(line) - 128, n, what);
	n = gate_text(line, sizeof(line) - 128, n, name);
	n = gate_text(line, sizeof(line) - 1, n, ": ");
	n = gate_text(line, sizeof(line) - 1, n, strerror(errnum));
	n = gate_text(line, sizeof(line), n, "\n");
	IGNORE_RESULT(write(1, line, n), "the exit code says it too");
	_exit(errnum == ENOENT || errnum == ENOTDIR ? GATE_EXIT_ABSENT : GATE_EXIT_CANNOT);
}

static void child_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL); /* fails for KILL, STOP and libc's own: fine */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_descriptors(int output)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* output first: everything after it can be reported. Messages carry descriptors above 2. */
	if (output >= 0)
		dup2(output, 1);
	dup2(1, 2);
	if (null < 0 || dup2(null, 0) < 0)
		child_fail("", "/dev/null", errno);
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
		return;
#endif
	/* all of ours are close-on-exec already; this is for what the engine may have left open */
	for (int fd = 3; fd < 256; fd++)
		close(fd);
}

static const char *path_of(char *const *envp)
{
	for (; *envp; envp++) {
		if (!strncmp(*envp, "PATH=", 5))
			return *envp + 5;
	}
	return "/usr/local/bin:/usr/bin:/bin";
}

/* The search of execvp over the step's own PATH: what is not executable is remembered, not final.
 */
static int exec_in_path(const struct gate_command *c, const char *path)
{
	char file[4096];
	int worst = ENOENT;

	while (*path) {
		size_t len = strcspn(path, ":"), n = 0;

		if (len + strlen(c->argv[0]) + 2 < sizeof(file)) {
			memcpy(file, path, len);
			file[n = len] = '\0';
			n = gate_text(file, sizeof(file), n, len ? "/" : "./");
			gate_text(file, sizeof(file), n, c->argv[0]);
			execve(file, c->argv, c->envp);
			if (errno == EACCES)
				worst = EACCES;
			else if (errno != ENOENT && errno != ENOTDIR)
				return errno;
			else if (access(file, F_OK) == 0)
				child_fail("interpreter of ", file, ENOENT);
		}
		path += len + (path[len] == ':');
	}
	return worst;
}

/* argv[0] without a slash may be several names with | between them: the first that the PATH has. */
static int exec_first(const struct gate_command *c, const char *path)
{
	char *names = c->argv[0], name[256];
	int errnum = ENOENT;
	size_t n;

	for (const char *p = names; *p; p += n + (p[n] == '|')) {
		n = strcspn(p, "|");
		if (n >= sizeof(name))
			continue;
		memcpy(name, p, n);
		name[n] = '\0';
		c->argv[0] = name;
		errnum = exec_in_path(c, path);
	}
	c->argv[0] = names;
	return errnum;
}

static void child_main(const struct gate_command *c)
{
	int errnum;

	setsid();
	umask(022);
	child_descriptors(c->output);
	if (chdir(c->cwd) < 0)
		child_fail("working directory ", c->cwd, errno);
	child_signals();
	if (strchr(c->argv[0], '/')) {
		execve(c->argv[0], c->argv, c->envp);
		errnum = errno;
		if (errnum == ENOENT && access(c->argv[0], F_OK) == 0)
			child_fail("interpreter of ", c->argv[0], errnum);
	} else {
		errnum = exec_first(c, path_of(c->envp));
	}
	child_fail("", c->argv[0], errnum);
}

pid_t gate_spawn(const struct gate_command *c)
{
	pid_t pid = fork();

	if (pid == 0)
		child_main(c);
	return pid;
}
