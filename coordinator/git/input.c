/*
 * The body of a request on its way to git's stdin: inflated, watched for the commands of a push,
 * sent without ever blocking. The commands are held back until the push journal has them, because
 * git moves no ref before it has read their end.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "coordinator/git/private.h"

#define BLOCK KIB(64)

int git_input_init(struct git_input *in, bool gzip, bool push, struct err *e)
{
	/* the HTTP server hands over at most its connection memory in one piece */
	buf_init(&in->raw, MIB(1));
	buf_init(&in->plain, MIB(2));
	buf_init(&in->scan.head, PUSH_COMMANDS_MAX);
	in->max = push ? 0 : GIT_UPLOAD_BODY_MAX;
	in->scanning = push;
	/* 15 bits of window, + 16: a gzip header and nothing else */
	if (gzip && inflateInit2(&in->z, 15 + 16) != Z_OK)
		return err_set(e, ERR_INTERNAL, "inflate: no memory");
	in->gzip = gzip;
	return 0;
}

void git_input_release(struct git_input *in)
{
	if (in->gzip)
		inflateEnd(&in->z);
	buf_release(&in->raw);
	buf_release(&in->plain);
	buf_release(&in->scan.head);
}

static int take_plain(struct git_input *in, const char *p, size_t n, struct err *e)
{
	in->total += n;
	if (in->max && in->total > in->max)
		return err_set(e, ERR_LIMIT, "request is larger than %" PRIu64 " bytes", in->max);
	if (!in->scanning || in->scan.done)
		return 0;
	if (push_scan_add(&in->scan, p, n, e) < 0)
		return -1;
	return in->scan.done && in->on_commands ? in->on_commands(in->data, e) : 0;
}

int git_input_add(struct git_input *in, const char *p, size_t n, struct err *e)
{
	if (in->broken)
		return 0; /* the child said what it had to say: the rest is read for politeness */
	if (!in->gzip && take_plain(in, p, n, e) < 0)
		return -1;
	if (buf_add(in->gzip ? &in->raw : &in->plain, p, n) < 0)
		return err_set(e, ERR_LIMIT, "request body came in too large pieces");
	return 0;
}

/* What may go to the child now. */
static size_t sendable(const struct git_input *in)
{
	return in->plain.len - (in->hold && in->plain.len ? 1 : 0);
}

bool git_input_pending(const struct git_input *in)
{
	return !in->broken && (sendable(in) > 0 || (in->raw.len > 0 && !in->gzip_ended));
}

/* One block of raw bytes inflated into plain. 1: there may be more, 0: wants more input, -1. */
static int inflate_block(struct git_input *in, struct err *e)
{
	char *room = buf_reserve(&in->plain, BLOCK);

	if (!room)
		return 1;
	in->z.next_in = (unsigned char *)in->raw.data;
	in->z.avail_in = (unsigned)in->raw.len;
	in->z.next_out = (unsigned char *)room;
	in->z.avail_out = BLOCK;
	int rc = inflate(&in->z, Z_NO_FLUSH);
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return err_set(e, ERR_INPUT, "body is not gzip: %s",
			in->z.msg ? in->z.msg : "broken data");
	size_t made = BLOCK - in->z.avail_out;
	if (take_plain(in, room, made, e) < 0)
		return -1;
	buf_commit(&in->plain, made);
	buf_consume(&in->raw, in->raw.len - in->z.avail_in);
	in->gzip_ended = rc == Z_STREAM_END;
	return in->z.avail_out == 0 || (in->raw.len > 0 && !in->gzip_ended);
}

/* 1: would block. A closed reader is no error: its words and its status tell why. */
static int send_plain(struct git_input *in, int fd, struct err *e)
{
	while (sendable(in) > 0) {
		ssize_t n = send(fd, in->plain.data, sendable(in), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0)
			buf_consume(&in->plain, (size_t)n);
		else if (errno == EAGAIN)
			return 1;
		else if (errno == EPIPE || errno == ECONNRESET) {
			in->broken = true;
			return 0;
		} else if (errno != EINTR)
			return err_set_errno(e, errno, "write to git");
	}
	return 0;
}

int git_input_move(struct git_input *in, int fd, struct err *e)
{
	for (int more = 1; more > 0;) {
		int blocked = send_plain(in, fd, e);

		if (blocked != 0)
			return blocked < 0 ? -1 : 0;
		if (!in->gzip || in->gzip_ended || in->broken)
			return 0;
		more = inflate_block(in, e);
		if (more < 0)
			return -1;
		if (more == 0 && sendable(in) > 0)
			more = 1; /* once more round, to send it */
	}
	return 0;
}
