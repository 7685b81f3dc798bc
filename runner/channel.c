/* See channel.h. */
#include "runner/channel.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

struct packet {
	uint32_t type;
	union {
		char text[CHANNEL_TEXT];
		struct progress progress;
	};
};

int channel_send(int sock, const struct channel_message *m, struct err *e)
{
	struct packet p;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec io = { &p, sizeof(p) };
	struct msghdr h = { .msg_iov = &io, .msg_iovlen = 1 };

	memset(&p, 0, sizeof(p));
	p.type = (uint32_t)m->type;
	if (m->type == CHANNEL_PROGRESS)
		p.progress = m->progress;
	else
		memcpy(p.text, m->text, sizeof(p.text));
	if (m->fd >= 0) {
		struct cmsghdr *c;

		h.msg_control = control.space;
		h.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&h);
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
	}
	if (sendmsg(sock, &h, MSG_NOSIGNAL) < 0)
		return err_set_errno(e, errno, "supervisor channel");
	return 0;
}

static int take_fd(struct msghdr *h)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && fd < 0)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static bool packet_valid(const struct packet *p, ssize_t n, const struct msghdr *h, int fd)
{
	bool wants_fd = p->type == CHANNEL_ROLE;

	return n == (ssize_t)sizeof(*p) && !(h->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	       p->type >= CHANNEL_ROLE && p->type <= CHANNEL_PROGRESS && wants_fd == (fd >= 0) &&
	       (p->type == CHANNEL_PROGRESS || memchr(p->text, '\0', sizeof(p->text)));
}

int channel_receive(int sock, struct channel_message *ret, struct err *e)
{
	struct packet p;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec io = { &p, sizeof(p) };
	struct msghdr h = { .msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space) };
	CLEAN_FD int fd = -1;
	ssize_t n;

	memset(&p, 0, sizeof(p));
	n = recvmsg(sock, &h, MSG_CMSG_CLOEXEC);
	if (n == 0)
		return 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return err_set(e, ERR_TIMEOUT, "job channel: nothing to read");
	if (n < 0)
		return err_set_errno(e, errno, "job channel");
	fd = take_fd(&h);
	if (!packet_valid(&p, n, &h, fd))
		return err_set(e, ERR_PROTO, "job channel: malformed message of type %u", p.type);
	ret->type = (enum channel_type)p.type;
	if (p.type == CHANNEL_PROGRESS)
		ret->progress = p.progress;
	else
		memcpy(ret->text, p.text, sizeof(ret->text));
	ret->fd = TAKE_FD(fd);
	return 1;
}

int channel_start_role(int sock, const char *role, struct err *e)
{
	struct channel_message m = { .type = CHANNEL_ROLE, .fd = -1 };
	int pair[2], rc;

	snprintf(m.text, sizeof(m.text), "%s", role);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_errno(e, errno, "socket for the %s process", role);
	m.fd = pair[1];
	rc = channel_send(sock, &m, e);
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return -1;
	}
	return pair[0];
}
