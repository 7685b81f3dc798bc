/*
 * Child processes: argv only, never a shell. Everything is prepared before fork, only
 * async-signal-safe calls run between fork and exec, an exec failure comes back over a CLOEXEC
 * pipe. Children start with default signal dispositions, an empty signal mask, and exactly the
 * descriptors named (0, 1, 2 default to /dev/null). A role drops its own privileges after exec.
 */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include <pthread.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/loop.h"

struct proc_fd {
	int from; /* descriptor of the parent; stays the parent's */
	int to;   /* number in the child, below 64 */
};
struct proc_spec {
	const char *path;  /* NULL: argv[0] looked up in PATH before fork; "/proc/self/exe" ok */
	char *const *argv; /* NULL-terminated */
	char *const *envp; /* NULL-terminated; NULL: a minimal PATH and LANG=C.UTF-8 */
	const char *cwd;   /* NULL: inherit */
	const struct proc_fd *fds;
	size_t n_fds;
	bool new_session;     /* setsid: own process group */
	bool die_with_parent; /* PR_SET_PDEATHSIG SIGKILL, re-checked against the parent's pid */
};
struct proc {
	pid_t pid; /* 0: none */
	int pidfd; /* -1: none */
};
#define PROC_INIT                     \
	{                             \
		.pid = 0, .pidfd = -1 \
	}

/* A thread of this process, which takes no signal: those are the loop's. what: for the error. */
int thread_start(pthread_t *ret, void *(*fn)(void *data), void *data, const char *what,
	struct err *e) CHECK_RESULT;

int proc_spawn(struct proc *p, const struct proc_spec *spec, struct err *e) CHECK_RESULT;
/* Signal through the pidfd; an already dead child is no error. */
void proc_signal(const struct proc *p, int sig);
/* Never blocks: 1 and *ret_status (waitpid form) if it ended, 0 if not yet. Closes the pidfd. */
int proc_reap(struct proc *p, int *ret_status);
/* SIGKILL, wait, close. Safe on an empty one. */
void proc_destroy(struct proc *p);
/* Loop source that fires once when the child ended; reap it in fn with proc_reap, then free it. */
struct loop_source *proc_watch(struct loop *l, struct proc *p, loop_io_fn fn, void *data);
/* "exit status 3" / "killed by signal 9 (Killed)". Returns out. */
enum { PROC_STATUS_TEXT = 64 };
const char *proc_status_text(int status, char out[PROC_STATUS_TEXT]);

/* Runs to the end and captures stdout and stderr, each bounded by its buffer (the rest is drained
 * and dropped, buf.failed set); a NULL buffer drops all. input may be NULL. The child leads a
 * session of its own; ERR_TIMEOUT kills that process group. Output of a descendant that outlives
 * the child (a daemon) is awaited for at most two seconds. The status is that of waitpid. Blocks on
 * the loop: not from a callback. */
int proc_run(struct loop *l, const struct proc_spec *spec, const char *input, size_t input_len,
	struct mono deadline, struct buf *out, struct buf *err_out, int *ret_status,
	struct err *e) CHECK_RESULT;

#endif
