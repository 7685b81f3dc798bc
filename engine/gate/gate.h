/*
 * Inside the gate: process 1 of a step container. It holds no secret longer than it takes to start
 * the step, is undumpable (the step's uid is its own, its /proc entries stay closed all the same),
 * keeps every descriptor close-on-exec, and ends, which ends the container, whenever it is unsure.
 * No stdio: the printf family alone would double the binary.
 */
#ifndef ENGINE_GATE_GATE_H
#define ENGINE_GATE_GATE_H

#include <signal.h>
#include <sys/types.h>

#include "engine/gate/gate_proto.h"

/* Drops the result of a call that may fail without harm; `why` tells the reader why that is so. */
#define IGNORE_RESULT(call, why)  \
	do {                      \
		if ((call) < 0) { \
		}                 \
	} while (0)

/* ---- start.c: from a request to a running child ---- */

struct gate_command {
	char **argv; /* NULL-terminated */
	char **envp; /* NULL-terminated */
	const char *cwd;
	int output; /* becomes stdout and stderr; -1: stderr joins stdout */
};
/* fork, new session, default signals, exec. Returns the pid, or -1 with errno. What goes wrong in
 * the child is one line on its output and exit status 126 or 127. */
pid_t gate_spawn(const struct gate_command *c);
/* The arrays of a RUN, in one allocation. The step's variables come before those the engine gave
 * the gate (the image's), which fill what is missing. NULL: no memory. */
char **gate_arrays(const struct gate_run *r, char **own_env, char ***ret_envp);
/* Creates the script's fresh folder (0700) and file. 0 or -1 with errno. */
int gate_script_write(const struct gate_run *r);
void gate_script_remove(const char *path);

/* ---- serve.c, exec.c: process 1 of a step, by either transport ---- */

int gate_serve(const char *socket_path);
int gate_exec(char **args); /* DIR ARGV... */

/* ---- gate.c: shared ---- */

/* Blocks SIGCHLD and the signals to pass on; descriptor to read them from, or -1. */
int gate_signals(void);
/* Reaps everything that ended. 1 and *ret_status when `child` was among it. */
int gate_reap(pid_t child, int *ret_status);
/* 1 when a child is alive: as process 1 has all orphans, then something of the container is. */
int gate_has_children(void);
/* Processes of this container the memory limit has killed so far (0 if the kernel does not say). */
uint32_t gate_oom_kills(void);
/* Appends text at out + pos, at most to max - 1; returns the new length. */
size_t gate_text(char *out, size_t max, size_t pos, const char *text);
void gate_wipe(void *p, size_t n);

#endif
