/*
 * Descriptors over sockets, for everybody: the kernel's interface invites a leak. Control data is
 * padded to eight bytes, so room for one int holds two, and a peer that sends two leaves the second
 * one open in the receiver. So the receiver makes room for several, keeps the first and closes all
 * of a message that has more than one.
 */
#include "base/message/pass_fd.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* More than these never arrive: the kernel closes them and sets MSG_CTRUNC. */
enum { ROOM = 4 };

union fd_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(ROOM * sizeof(int))];
};

ssize_t pass_fd_send(int sock, const void *p, size_t n, int fd, int flags)
{
	union fd_control control = { 0 };
	struct iovec io = { (void *)p, n };
	struct msghdr h = { .msg_iov = &io, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control.space;
		h.msg_controllen = CMSG_SPACE(sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(sock, &h, flags | MSG_NOSIGNAL);
}

/* Takes the first descriptor, closes the others; how many there were. */
static size_t take_descriptors(struct msghdr *h, int *ret_fd)
{
	size_t total = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (total++ == 0)
				*ret_fd = fd;
			else
				close(fd);
		}
	}
	return total;
}

ssize_t pass_fd_receive(int sock, void *p, size_t n, int flags, int *ret_fd)
{
	union fd_control control = { 0 };
	struct iovec io = { p, n };
	struct msghdr h = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	size_t descriptors;
	ssize_t got;

	*ret_fd = -1;
	got = recvmsg(sock, &h, flags | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return -1;
	descriptors = take_descriptors(&h, ret_fd);
	if (descriptors <= 1 && !(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return got;
	close_fdp(ret_fd);
	errno = descriptors > 1 || h.msg_flags & MSG_CTRUNC ? EPROTO : EMSGSIZE;
	return -1;
}
