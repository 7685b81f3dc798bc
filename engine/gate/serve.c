/*
 * The gate proper: takes messages from the runner, runs one step at a time.
 *
 * States: idle → (RUN) running → (the child ends: EXIT) idle. When the step left processes behind,
 * EMPTY follows as soon as the last one ended, unless a RUN comes first. A RUN while running, a
 * message that does not decode, a descriptor where none belongs, or the connection's end: the gate
 * exits, and the kernel kills what is left in the container. Processes a step left behind live on
 * in between: with isolation "job" that is the point, with "step" the runner ends the container.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/gate/gate.h"

extern char **environ;

struct gate {
	int socket, signals;
	pid_t child;           /* 0: idle */
	uint32_t oom_before;   /* counter when the step began */
	int left;              /* EXIT said that processes are left */
	char script_path[256]; /* of the running step, to be removed */
};

struct message {
	struct gate_header header;
	unsigned char *data; /* mapped, header.length bytes */
	int fd;              /* -1: none came along */
};

static void message_release(struct message *m)
{
	if (m->data) {
		gate_wipe(m->data, m->header.length);
		munmap(m->data, m->header.length);
	}
	if (m->fd >= 0)
		close(m->fd);
}

/* Reads exactly n bytes; descriptors may come with the first of them when fd is given. */
static int receive(int socket, unsigned char *p, size_t n, int *fd)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;

	while (n > 0) {
		struct iovec io = { p, n };
		struct msghdr m = { .msg_iov = &io,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes) };
		ssize_t got = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
		struct cmsghdr *c = got > 0 ? CMSG_FIRSTHDR(&m) : NULL;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || (m.msg_flags & MSG_CTRUNC))
			return -1;
		if (c) {
			if (!fd || *fd >= 0 || c->cmsg_level != SOL_SOCKET ||
				c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
				return -1;
			memcpy(fd, CMSG_DATA(c), sizeof(int));
		}
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

static int message_read(int socket, struct message *m)
{
	unsigned char head[GATE_HEADER_LEN];
	void *data;

	*m = (struct message){ .fd = -1 };
	if (receive(socket, head, sizeof(head), &m->fd) < 0 ||
		gate_header_decode(head, GATE_MESSAGE_MAX, &m->header) < 0 || m->header.length == 0)
		return -1;
	data = mmap(
		NULL, m->header.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED)
		return -1;
	m->data = data;
	return receive(socket, m->data, m->header.length, NULL);
}

static int answer(struct gate *g, uint32_t type, const unsigned char *p, size_t n)
{
	unsigned char frame[GATE_HEADER_LEN + 512];

	gate_header_encode(frame, type, n);
	if (n)
		memcpy(frame + GATE_HEADER_LEN, p, n);
	n += GATE_HEADER_LEN;
	return send(g->socket, frame, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

static int answer_failed(struct gate *g, const char *what, int errnum)
{
	char body[512];
	size_t n = gate_text(body, sizeof(body), 4, what);

	n = gate_text(body, sizeof(body), n, ": ");
	n = gate_text(body, sizeof(body), n, strerror(errnum));
	gate_put32((unsigned char *)body, (uint32_t)errnum);
	return answer(g, GATE_FAILED, (unsigned char *)body, n);
}

static int start_step(struct gate *g, const struct message *m)
{
	struct gate_run r;
	struct gate_command c = { .output = m->fd };

	if (g->child || m->fd < 0 || gate_run_decode(m->data, m->header.length, &r) < 0)
		return -1;
	gate_text(g->script_path, sizeof(g->script_path), 0, r.script_path);
	if (gate_script_write(&r) < 0) {
		int errnum = errno;

		gate_script_remove(g->script_path); /* half a script helps nobody */
		return answer_failed(g, r.script_path, errnum);
	}
	c.argv = gate_arrays(&r, environ, &c.envp);
	c.cwd = r.cwd;
	g->oom_before = gate_oom_kills();
	g->left = 0;
	g->child = c.argv ? gate_spawn(&c) : -1;
	if (g->child < 0) {
		int errnum = errno;

		g->child = 0;
		free(c.argv);
		return answer_failed(g, "fork", errnum);
	}
	free(c.argv);
	return answer(g, GATE_STARTED, NULL, 0);
}

static int on_message(struct gate *g)
{
	struct message m;
	int rc = -1, sig;

	if (message_read(g->socket, &m) == 0) {
		if (m.header.type == GATE_RUN) {
			rc = start_step(g, &m);
		} else if (m.header.type == GATE_SIGNAL && m.fd < 0) {
			rc = gate_signal_decode(m.data, m.header.length, &sig);
			if (rc == 0)
				kill(-1, sig); /* ESRCH: nobody is left, fine */
		}
	}
	message_release(&m); /* the child has its own copy of what it needs */
	return rc;
}

static int step_ended(struct gate *g, int status)
{
	unsigned char body[GATE_EXIT_LEN];

	g->child = 0;
	g->left = gate_has_children();
	gate_put32(body, (uint32_t)status);
	gate_put32(body + 4, gate_oom_kills() - g->oom_before);
	gate_put32(body + 8, (uint32_t)g->left);
	gate_script_remove(g->script_path);
	return answer(g, GATE_EXIT, body, sizeof(body));
}

static int on_child(struct gate *g)
{
	int status, ended = gate_reap(g->child, &status);

	if (ended && g->child)
		return step_ended(g, status);
	if (!g->left || gate_has_children())
		return 0;
	g->left = 0;
	return answer(g, GATE_EMPTY, NULL, 0);
}

static int on_signals(struct gate *g)
{
	struct signalfd_siginfo si;

	while (read(g->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo != SIGCHLD)
			kill(-1, (int)si.ssi_signo);
	}
	return on_child(g);
}

static int dial(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path))
		return -1;
	memcpy(a.sun_path, path, strlen(path));
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ? -1 : fd;
}

int gate_serve(const char *socket_path)
{
	struct gate g = { .socket = dial(socket_path), .signals = gate_signals() };
	struct pollfd p[2] = { { .fd = g.socket, .events = POLLIN },
		{ .fd = g.signals, .events = POLLIN } };
	unsigned char byte;

	if (g.socket < 0)
		return GATE_EXIT_CONNECT;
	if (g.signals < 0)
		return GATE_EXIT_SYSTEM;
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return GATE_EXIT_SYSTEM;
		/* the child first: its end may be what made the runner hang up */
		if (p[1].revents && on_signals(&g) < 0)
			return GATE_EXIT_OK;
		if (!p[0].revents)
			continue;
		if (recv(g.socket, &byte, 1, MSG_PEEK) <= 0)
			return GATE_EXIT_OK;
		if (on_message(&g) < 0)
			return GATE_EXIT_PROTO;
	}
}
