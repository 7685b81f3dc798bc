/*
 * One command without a socket: the attach way. The output is the container's own stdout; stderr
 * joins it, so that both keep their order; the container's own stderr is left to GATE_OOM_WORDS.
 * Ends with the command's exit code, 128 + n for a signal.
 */
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/gate/gate.h"

extern char **environ;

/* What the command left running may still write (`> >(tee log)`); its pipe is the container's. */
enum { LEFTOVER_MS = 2000, LEFTOVER_TICK_MS = 5 };

static void pass_on(int signals)
{
	struct signalfd_siginfo si;

	while (read(signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo != SIGCHLD)
			kill(-1, (int)si.ssi_signo);
	}
}

static void wait_for_leftovers(int signals)
{
	struct pollfd p = { .fd = signals, .events = POLLIN };
	int ignored;

	for (int waited = 0; waited < LEFTOVER_MS && kill(-1, 0) == 0; waited += LEFTOVER_TICK_MS) {
		poll(&p, 1, LEFTOVER_TICK_MS);
		pass_on(signals);
		gate_reap(0, &ignored);
	}
}

int gate_exec(char **args)
{
	struct gate_command c = { .argv = args + 1, .envp = environ, .cwd = args[0], .output = -1 };
	int signals = gate_signals(), status;
	struct pollfd p = { .fd = signals, .events = POLLIN };
	pid_t child = signals < 0 ? -1 : gate_spawn(&c);

	if (child < 0)
		return GATE_EXIT_SYSTEM;
	while (!gate_reap(child, &status)) {
		poll(&p, 1, -1);
		pass_on(signals);
	}
	wait_for_leftovers(signals);
	if (gate_oom_kills() > 0) /* a fresh container counts from 0 */
		IGNORE_RESULT(write(2, GATE_OOM_WORDS, sizeof(GATE_OOM_WORDS) - 1),
			"the step's status is reported all the same");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
