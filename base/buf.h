/*
 * One growable byte buffer. A maximum is mandatory; growing past it (or a failed format) drops the
 * append and everything after it, sets the sticky `failed` flag and leaves earlier bytes alone, so
 * a writer checks once at the end with buf_ok(). data is NUL-terminated whenever it is not NULL
 * (the NUL is not counted); what was written into reserved room and not committed is no part of it.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/util.h"

struct buf {
	char *data;
	size_t len, cap, max;
	bool failed;
	bool secret; /* memory that is left behind by growing, consuming or releasing is wiped */
};

#define BUF_INIT(maximum)        \
	{                        \
		.max = (maximum) \
	}
#define BUF_INIT_SECRET(maximum)                 \
	{                                        \
		.max = (maximum), .secret = true \
	}
void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);      /* frees; the buffer can be used again with the same max */
void buf_release_wipe(struct buf *b); /* the same for secrets */
int buf_add(struct buf *b, const void *p, size_t n); /* 0, or -1 when past max */
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Room for n more bytes at data + len; commit with buf_commit. NULL when past max. */
char *buf_reserve(struct buf *b, size_t n) CHECK_RESULT;
void buf_commit(struct buf *b, size_t n);
void buf_consume(struct buf *b, size_t n); /* drops n bytes from the front */
void buf_clear(struct buf *b);             /* len 0, failed false, keeps memory */
char *buf_take(struct buf *b);             /* hands over data ("" if empty), NUL-terminated */
const char *buf_cstr(const struct buf *b); /* never NULL */
static inline bool buf_ok(const struct buf *b)
{
	return !b->failed;
}
static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->data ? b->data : "", b->len };
}
#define CLEAN_BUF CLEANUP(buf_release)

#endif
