/*
 * A step's masked log bytes on their way out: appended by the log pipeline, read by the session.
 * The file (0600, in the job's state folder) is what survives an unreachable coordinator; memory
 * holds nothing. Writing never blocks on the network; a full disk makes append fail.
 */
#ifndef RUNNER_SPOOL_H
#define RUNNER_SPOOL_H

#include "base/err.h"

struct spool {
	int fd;
	char *path;
	uint64_t written; /* bytes appended */
	uint64_t acked;   /* bytes the coordinator has accepted or refused for good */
	bool closed;      /* nothing more will be appended */
};
#define SPOOL_INIT       \
	{                \
		.fd = -1 \
	}

int spool_open(struct spool *s, const char *path, struct err *e) CHECK_RESULT;
/* In memory, where there is no folder to write to: a few lines of our own. */
int spool_open_memory(struct spool *s, struct err *e) CHECK_RESULT;
/* What a dead process left, closed, acked bytes of it delivered already. ERR_NOT_FOUND: all of it
 * was, and the file is gone. */
int spool_reopen(struct spool *s, const char *path, uint64_t acked, struct err *e) CHECK_RESULT;
int spool_append(struct spool *s, const char *p, size_t n, struct err *e) CHECK_RESULT;
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
