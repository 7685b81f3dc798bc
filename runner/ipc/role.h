/*
 * Starting the roles: fork + exec of this very program with another verb. Supervisor only. Each
 * role drops its own privileges first thing; descriptors and environment are exactly what is named
 * here.
 */
#ifndef RUNNER_IPC_ROLE_H
#define RUNNER_IPC_ROLE_H

#include "base/cli.h"
#include "base/proc.h"
#include "config/runner_config.h"

/* Well-known descriptors in the children. */
enum {
	ROLE_FD_CHANNEL = 3,       /* job: its end of the channel; checkout: its request socket */
	ROLE_FD_CLAIM = 4,         /* job: memfd with the claim's bytes */
	ROLE_FD_SOURCE = 5,        /* local-copy: the folder to copy from */
	ROLE_FD_FILES = 6,         /* local-copy: memfd with the paths */
	ROLE_FD_LEASE = 7,         /* job, recover: the job's lease, only held */
	ROLE_FD_HISTORY = 8,       /* local-copy: the folder that holds the .git to copy */
	ROLE_FD_HISTORY_FILES = 9, /* local-copy: memfd with the paths in it */
};

struct role {
	struct proc proc;
	struct loop_source *watch;
};
#define ROLE_INIT                 \
	{                         \
		.proc = PROC_INIT \
	}

/* argv[0] is the verb. envp NULL: the minimal environment. err_fd: the child's stderr, -1: ours. */
int role_start(struct role *r, struct loop *l, char *const *argv, char *const *envp,
	const struct proc_fd *fds, size_t n_fds, int err_fd, loop_io_fn on_exit, void *data,
	struct err *e) CHECK_RESULT;
bool role_running(const struct role *r);
/* From on_exit: reaps; *ret_status as waitpid. */
void role_reap(struct role *r, int *ret_status);
void role_kill(struct role *r); /* SIGKILL, reap, no callback */
/* SIGKILL without waiting, for one that hangs in the kernel: it stays a zombie at worst. */
void role_abandon(struct role *r);

/* How the roles without any privilege begin, in the child: flags, all privileges dropped, the
 * supervisor's configuration, the log as it says. 0 go on, 1 --help was printed, else minus the
 * exit code, everything said. */
int role_begin(int argc, char **argv, const struct cli_flag *flags, size_t n,
	struct runner_config *ret) CHECK_RESULT;

/* Adds what a job process needs of our environment beside the configuration. */
void role_pass_through(struct strv *env);

#endif
