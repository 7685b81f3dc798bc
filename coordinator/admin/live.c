/*
 * The signals are read from a descriptor: a handler would need a global, and could come between two
 * halves of a line.
 */
#include "coordinator/admin/live.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>

int live_begin(struct live *l, struct err *e)
{
	sigset_t set;

	*l = (struct live){ .fd = -1 };
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, &l->before) < 0)
		return err_set_errno(e, errno, "signals");
	l->fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (l->fd < 0) {
		err_set_errno(e, errno, "signals");
		sigprocmask(SIG_SETMASK, &l->before, NULL);
		return -1;
	}
	return 0;
}

bool live_wait(struct live *l, int milliseconds)
{
	struct pollfd fds[] = { { l->fd, POLLIN, 0 }, { STDOUT_FILENO, 0, 0 } };
	struct signalfd_siginfo info;

	if (poll(fds, ARRAY_LEN(fds), milliseconds) <= 0)
		return true;
	if (fds[0].revents && read(l->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		l->signal = (int)info.ssi_signo;
		return false;
	}
	return !(fds[1].revents & (POLLERR | POLLHUP | POLLNVAL));
}

void live_end(struct live *l)
{
	if (l->fd < 0)
		return;
	close_fdp(&l->fd);
	if (l->signal) {
		signal(l->signal, SIG_DFL);
		raise(l->signal); /* comes as soon as the mask lets it */
	}
	sigprocmask(SIG_SETMASK, &l->before, NULL);
}
