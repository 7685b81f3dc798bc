/*
 * The gate's entry, its small modes, and what both transports share. It ends when in doubt:
 * process 1 that ends takes the container with it, and that is the safe state.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/gate/gate.h"

size_t gate_text(char *out, size_t max, size_t pos, const char *text)
{
	while (*text && pos + 1 < max)
		out[pos++] = *text++;
	out[pos] = '\0';
	return pos;
}

void gate_wipe(void *p, size_t n)
{
	memset(p, 0, n);
	__asm__ __volatile__("" : : "r"(p) : "memory"); /* the store must happen */
}

int gate_signals(void)
{
	static const int wanted[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		sigaddset(&set, wanted[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int gate_reap(pid_t child, int *ret_status)
{
	int status, found = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == child) {
			*ret_status = status;
			found = 1;
		}
	}
	return found;
}

int gate_has_children(void)
{
	siginfo_t ignored;

	return waitid(P_ALL, 0, &ignored, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* The counter behind "\noom_kill " of a small cgroup file; both versions name it so. */
static int oom_kills_of(const char *path, uint32_t *ret)
{
	char text[1024];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	const char *at;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, "\noom_kill ");
	if (!at)
		return -1;
	*ret = 0;
	for (at += strlen("\noom_kill "); *at >= '0' && *at <= '9'; at++)
		*ret = *ret * 10 + (uint32_t)(*at - '0');
	return 0;
}

uint32_t gate_oom_kills(void)
{
	uint32_t kills = 0;

	if (oom_kills_of("/sys/fs/cgroup/memory.events", &kills) < 0 &&
		oom_kills_of("/sys/fs/cgroup/memory/memory.oom_control", &kills) < 0)
		return 0;
	return kills;
}

/* Blocked and waited for, so that SIGTERM ends it although process 1 ignores default actions. */
static int hold(void)
{
	sigset_t set;
	int sig;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	do {
		if (sigwait(&set, &sig) != 0)
			return GATE_EXIT_SYSTEM;
		if (sig == SIGCHLD)
			gate_reap(0, &(int){ 0 });
	} while (sig != SIGTERM && sig != SIGINT);
	return GATE_EXIT_OK;
}

static int usage(const char *text)
{
	static const char prefix[] = "shithub-gate: ";

	IGNORE_RESULT(write(2, prefix, sizeof(prefix) - 1), "the exit code says it too");
	IGNORE_RESULT(write(2, text, strlen(text)), "the exit code says it too");
	return GATE_EXIT_USAGE;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (!strcmp(mode, GATE_MODE_HELLO))
		return write(1, GATE_HELLO, sizeof(GATE_HELLO) - 1) < 0;
	/* every other mode signals "all processes", which must mean this container's */
	if (getpid() != 1)
		return usage("must be process 1 of a container\n");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return GATE_EXIT_SYSTEM;
	if (!strcmp(mode, GATE_MODE_SERVE) && argc == 3)
		return gate_serve(argv[2]);
	if (!strcmp(mode, GATE_MODE_EXEC) && argc > 3)
		return gate_exec(argv + 2);
	if (!strcmp(mode, GATE_MODE_HOLD) && argc == 2)
		return hold();
	return usage("expected: serve SOCKET | exec DIR COMMAND... | hold | hello\n");
}
