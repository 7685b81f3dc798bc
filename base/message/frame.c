/*
 * The reader keeps one buffer that can hold the largest frame and nothing more, so a peer cannot
 * make it grow. A descriptor travels with a byte of its own ahead of the frames: recv would drop
 * it from the middle of a stream.
 */
#include <endian.h>
#include <errno.h>
#include <sys/socket.h>

#include "base/message/frame.h"

#include "base/message/pass_fd.h"

enum { READ_STEP = 16 << 10 };

static int send_all(int fd, const char *p, size_t n, struct err *e)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_set_errno(e, errno, "send message");
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int frame_send(int fd, struct slice body, struct err *e)
{
	uint32_t head = htobe32((uint32_t)body.len);

	if (body.len > FRAME_LARGE)
		return err_set(e, ERR_LIMIT, "message of %zu bytes is too long", body.len);
	if (send_all(fd, (const char *)&head, sizeof(head), e) < 0)
		return -1;
	return send_all(fd, body.ptr, body.len, e);
}

int frame_send_fd(int sock, int fd, struct err *e)
{
	if (pass_fd_send(sock, "F", 1, fd, 0) != 1)
		return err_set_errno(e, errno, "hand over a descriptor");
	return 0;
}

int frame_recv_fd(int sock, int *ret_fd, struct err *e)
{
	CLEAN_FD int fd = -1;
	char one = 0;
	ssize_t n;

	do
		n = pass_fd_receive(sock, &one, 1, 0, &fd);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EPROTO)
		return err_set_errno(e, errno, "take a descriptor");
	if (n != 1 || one != 'F' || fd < 0)
		return err_set(e, ERR_PROTO, "expected one descriptor before the request");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

void frame_reader_init(struct frame_reader *r, size_t max)
{
	*r = (struct frame_reader){ .max = max };
	buf_init(&r->in, max + FRAME_HEAD + READ_STEP);
}

void frame_reader_release(struct frame_reader *r)
{
	buf_release_wipe(&r->in);
}

int frame_fill(struct frame_reader *r, int fd, int flags, struct err *e)
{
	char *room = buf_reserve(&r->in, READ_STEP);
	ssize_t k;

	if (!room)
		return err_set(e, ERR_LIMIT, "message longer than %zu bytes", r->max);
	do
		k = recv(fd, room, READ_STEP, flags);
	while (k < 0 && errno == EINTR);
	if (k < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 1;
	if (k < 0)
		return err_set_errno(e, errno, "receive message");
	buf_commit(&r->in, (size_t)k);
	return k > 0;
}

int frame_peek(const struct frame_reader *r, struct slice *ret, struct err *e)
{
	uint32_t head;

	if (r->in.len < FRAME_HEAD)
		return 0;
	memcpy(&head, r->in.data, sizeof(head));
	size_t n = be32toh(head);
	if (n > r->max)
		return err_set(
			e, ERR_PROTO, "message of %zu bytes, at most %zu expected", n, r->max);
	if (r->in.len - FRAME_HEAD < n)
		return 0;
	*ret = (struct slice){ r->in.data + FRAME_HEAD, n };
	return 1;
}

void frame_drop(struct frame_reader *r)
{
	struct slice s = { 0 };

	if (frame_peek(r, &s, NULL) == 1)
		buf_consume(&r->in, FRAME_HEAD + s.len);
}

int frame_recv(struct frame_reader *r, int fd, struct slice *ret, struct err *e)
{
	for (;;) {
		int rc = frame_peek(r, ret, e);

		if (rc)
			return rc < 0 ? -1 : 0;
		rc = frame_fill(r, fd, 0, e);
		if (rc == 0)
			return err_set(e, ERR_NET, "the other side closed the connection");
		if (rc < 0)
			return -1;
	}
}
