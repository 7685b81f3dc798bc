/*
 * A step's masked log bytes on their way out: appended by the log pipeline, read by the session.
 * The file (0600, in the job's state folder) is what survives an unreachable coordinator; memory
 * holds nothing. Writing never blocks on the network; a full disk makes append fail, and after that
 * only a little more is taken, into memory, so that the log can say so.
 */
#ifndef RUNNER_REPORT_SPOOL_H
#define RUNNER_REPORT_SPOOL_H

#include "base/buf.h"
#include "base/err.h"

struct spool {
	int fd;
	char *path;
	uint64_t written; /* bytes appended */
	uint64_t acked;   /* bytes the coordinator has accepted or refused for good */
	bool closed;      /* nothing more will be appended */
	struct buf tail;  /* the end of written, which the file has no room for */
};
enum { SPOOL_TAIL_MAX = 64 << 10 };
#define SPOOL_INIT                                         \
	{                                                  \
		.fd = -1, .tail = BUF_INIT(SPOOL_TAIL_MAX) \
	}

int spool_open(struct spool *s, const char *path, struct err *e) CHECK_RESULT;
/* In memory, where there is no folder to write to: a few lines of our own. */
int spool_open_memory(struct spool *s, struct err *e) CHECK_RESULT;
/* What a dead process left, closed, acked bytes of it delivered already. ERR_NOT_FOUND: all of it
 * was, and the file is gone. */
int spool_reopen(struct spool *s, const char *path, uint64_t acked, struct err *e) CHECK_RESULT;
/* All or nothing. After a failure there is only spool_append_tail. */
int spool_append(struct spool *s, const char *p, size_t n, struct err *e) CHECK_RESULT;
/* Behind what was appended, in memory; what exceeds SPOOL_TAIL_MAX is dropped as a whole. */
void spool_append_tail(struct spool *s, const char *p, size_t n);
static inline void spool_close(struct spool *s)
{
	s->closed = true;
}
static inline uint64_t spool_pending(const struct spool *s)
{
	return s->written - s->acked;
}
/* Reads up to n pending bytes from the front without consuming; bytes read or -1. */
int64_t spool_peek(struct spool *s, char *p, size_t n, struct err *e) CHECK_RESULT;
void spool_ack(struct spool *s, uint64_t n);
void spool_release(struct spool *s); /* closes and unlinks */
void spool_leave(struct spool *s);   /* closes; the file stays for somebody else */

#endif
