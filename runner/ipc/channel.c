/*
 * Whole structs travel as packets: both ends are the same program, so there is nothing to encode,
 * but the job process may have been taken over, so everything that arrives is checked for size,
 * type, terminated text and the right number of descriptors. A packet keeps message bounds, so a
 * reader never waits for the rest of one.
 */
#include "runner/ipc/channel.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/message/pass_fd.h"

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

	memset(&p, 0, sizeof(p));
	p.type = (uint32_t)m->type;
	if (m->type == CHANNEL_PROGRESS)
		p.progress = m->progress;
	else
		memcpy(p.text, m->text, sizeof(p.text));
	if (pass_fd_send(sock, &p, sizeof(p), m->fd, 0) < 0)
		return err_set_errno(e, errno, "supervisor channel");
	return 0;
}

static bool packet_valid(const struct packet *p, ssize_t n, int fd)
{
	bool wants_fd = p->type == CHANNEL_ROLE;

	return n == (ssize_t)sizeof(*p) && p->type >= CHANNEL_ROLE && p->type <= CHANNEL_PLATFORM &&
	       wants_fd == (fd >= 0) &&
	       (p->type == CHANNEL_PROGRESS || memchr(p->text, '\0', sizeof(p->text)));
}

int channel_receive(int sock, struct channel_message *ret, struct err *e)
{
	CLEAN_FD int fd = -1;
	struct packet p;
	ssize_t n;

	memset(&p, 0, sizeof(p));
	n = pass_fd_receive(sock, &p, sizeof(p), 0, &fd);
	if (n == 0)
		return 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return err_set(e, ERR_TIMEOUT, "job channel: nothing to read");
	if (n < 0 && errno != EPROTO && errno != EMSGSIZE)
		return err_set_errno(e, errno, "job channel");
	if (n < 0 || !packet_valid(&p, n, fd))
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
