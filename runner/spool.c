/* See spool.h. */
#include "runner/spool.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"

int spool_open(struct spool *s, const char *path, struct err *e)
{
	s->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->fd < 0)
		return err_set_errno(e, errno, "spool %s", path);
	s->path = xstrdup(path);
	return 0;
}

int spool_append(struct spool *s, const char *p, size_t n, struct err *e)
{
	if (s->closed)
		BUG("append to a closed spool");
	if (fd_write_all(s->fd, p, n, e) < 0)
		return err_wrap(e, "spool %s", s->path);
	s->written += n;
	return 0;
}

int64_t spool_peek(struct spool *s, char *p, size_t n, struct err *e)
{
	size_t want = spool_pending(s) < n ? (size_t)spool_pending(s) : n, got = 0;

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
	free_charp(&s->path);
}
