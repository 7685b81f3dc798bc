/*
 * Errors as values: one class, one errno, one line of text that grows outward:
 * `job 42: checkout: connect: Connection refused`.
 *
 * A fallible function returns 0/-1 or pointer/NULL and takes `struct err *` last; the caller passes
 * a zeroed one. The text is set once and wrapped where the reader gains a noun. A function either
 * returns an error or logs it, never both. No allocation; text longer than the buffer is cut.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/util.h"

enum err_class {
	ERR_NONE = 0,
	ERR_INPUT,     /* malformed or refused input: the sender's fault */
	ERR_LIMIT,     /* well-formed, larger than a documented cap */
	ERR_IO,        /* the operating system said no; errnum is set */
	ERR_NET,       /* transport: resolve, connect, TLS, reset, truncated */
	ERR_AUTH,      /* 401 (of a peer 403, too): token bad, used, expired or revoked */
	ERR_DENIED,    /* 403: the caller is known and may not */
	ERR_NOT_FOUND, /* named thing does not exist */
	ERR_CONFLICT,  /* exists already, busy, or in a state that forbids it */
	ERR_ENGINE,    /* the container engine answered with an error */
	ERR_PROTO,     /* a peer broke the protocol */
	ERR_TIMEOUT,
	ERR_CANCELLED,
	ERR_INTERNAL,
};

enum { ERR_TEXT_MAX = 1024 };

struct err {
	enum err_class class;
	int errnum; /* errno of the cause, 0 if none */
	char text[ERR_TEXT_MAX];
};

/* Sets class and text; always returns -1 so that `return err_set(...)` reads well. A NULL err is
 * allowed everywhere and drops the text. Control characters in the text are replaced by '?'. */
int err_set(struct err *e, enum err_class class, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Class ERR_IO (ENOENT: ERR_NOT_FOUND), text `fmt: strerror(errnum)`. Returns -1. */
int err_set_errno(struct err *e, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Prefixes `fmt: ` to a set error; class and errnum stay. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
void err_clear(struct err *e);
static inline bool err_is(const struct err *e, enum err_class class)
{
	return e->class == class;
}
const char *err_class_name(enum err_class class); /* "input", "io", … */

#endif
