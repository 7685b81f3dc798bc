/*
 * A plain file with two counters: written by appending, read by position, so that reader and writer
 * share one descriptor. What a full disk refuses goes into a small tail in memory that follows the
 * file's bytes; after that the file is never appended to again, or bytes would change places.
 */
#include "runner/report/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"

int spool_open(struct spool *s, const char *path, struct err *e)
{
	s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0)
		return err_set_errno(e, errno, "spool %s", path);
	s->path = xstrdup(path);
	return 0;
}

int spool_open_memory(struct spool *s, struct err *e)
{
	s->fd = memfd_create("spool", MFD_CLOEXEC);
	return s->fd < 0 ? err_set_errno(e, errno, "spool in memory") : 0;
}

int spool_reopen(struct spool *s, const char *path, uint64_t acked, struct err *e)
{
	CLEAN_FD int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(e, errno, "spool %s", path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < acked)
		return err_set(
			e, ERR_INPUT, "spool %s: shorter than what was delivered of it", path);
	*s = (struct spool){ .fd = TAKE_FD(fd),
		.path = xstrdup(path),
		.written = (uint64_t)st.st_size,
		.acked = acked,
		.closed = true };
	return 0;
}

static uint64_t in_file(const struct spool *s)
{
	return s->written - s->tail.len;
}

int spool_append(struct spool *s, const char *p, size_t n, struct err *e)
{
	if (s->closed)
		BUG("append to a closed spool");
	if (fd_write_all(s->fd, p, n, e) < 0) {
		/* a part of it may have found room: whoever reads the file must not meet it */
		if (ftruncate(s->fd, (off_t)in_file(s)) < 0)
			err_wrap(e, "cut back");
		return err_wrap(e, "spool %s", s->path ? s->path : "in memory");
	}
	s->written += n;
	return 0;
}

void spool_append_tail(struct spool *s, const char *p, size_t n)
{
	if (s->tail.max - s->tail.len >= n && buf_add(&s->tail, p, n) == 0)
		s->written += n;
}

static int64_t peek_file(struct spool *s, char *p, size_t want, struct err *e)
{
	size_t got = 0;

	while (got < want) {
		ssize_t r = pread(s->fd, p + got, want - got, (off_t)(s->acked + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_set_errno(e, errno, "spool %s", s->path);
		if (r == 0)
			return err_set(
				e, ERR_IO, "spool %s: shorter than what was written", s->path);
		got += (size_t)r;
	}
	return (int64_t)got;
}

int64_t spool_peek(struct spool *s, char *p, size_t n, struct err *e)
{
	size_t want = spool_pending(s) < n ? (size_t)spool_pending(s) : n;
	uint64_t left = s->acked < in_file(s) ? in_file(s) - s->acked : 0;
	size_t from_file = left < want ? (size_t)left : want;

	if (peek_file(s, p, from_file, e) < 0)
		return -1;
	if (from_file < want)
		memcpy(p + from_file, s->tail.data + (s->acked + from_file - in_file(s)),
			want - from_file);
	return (int64_t)want;
}

void spool_ack(struct spool *s, uint64_t n)
{
	if (n > spool_pending(s))
		BUG("acknowledged more than was written");
	s->acked += n;
}

void spool_release(struct spool *s)
{
	close_fdp(&s->fd);
	if (s->path)
		unlink(s->path);
	buf_release(&s->tail);
	free_charp(&s->path);
}

void spool_leave(struct spool *s)
{
	close_fdp(&s->fd);
	buf_release(&s->tail);
	free_charp(&s->path);
}
