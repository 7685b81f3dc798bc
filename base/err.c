/*
 * One error is a fixed struct on the caller's stack, so that setting one never fails and never
 * allocates. Wrapping puts the outer words in front; when the text gets too long its end is lost,
 * as the reader needs the place first.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

/* The text ends up on terminals and in JSON: no control characters (C1 ones too), valid UTF-8. */
static void make_printable(char *text)
{
	char *end = text + strlen(text);

	while (text < end) {
		size_t n = utf8_char(text, (size_t)(end - text));
		bool c1 = n == 2 && text[0] == '\xc2' && (unsigned char)text[1] < 0xa0;

		if (n == 0 || (unsigned char)*text < 0x20 || *text == 0x7f) {
			*text++ = '?';
		} else if (c1) {
			*text++ = '?';
			*text++ = '?';
		} else {
			text += n;
		}
	}
}

static void store(struct err *e, const char *text)
{
	size_t n = utf8_cut(text, ERR_TEXT_MAX - 1);

	memcpy(e->text, text, n);
	e->text[n] = '\0';
	make_printable(e->text);
}

enum { WORK_TEXT_MAX = 3 * ERR_TEXT_MAX };

int err_set(struct err *e, enum err_class class, const char *fmt, ...)
{
	char text[WORK_TEXT_MAX];
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	e->class = class;
	e->errnum = 0;
	store(e, text);
	return -1;
}

/* What comes in front of a reason; the rest of text has room for that. Its length. */
PRINTF_LIKE(2, 0)
static size_t put_prefix(char text[WORK_TEXT_MAX], const char *fmt, va_list ap)
{
	return vsnprintf(text, ERR_TEXT_MAX, fmt, ap) < 0 ? 0 : strnlen(text, ERR_TEXT_MAX);
}

int err_set_errno(struct err *e, int errnum, const char *fmt, ...)
{
	char text[WORK_TEXT_MAX], reason[128];
	va_list ap;
	size_t n;

	if (!e)
		return -1;
	va_start(ap, fmt);
	n = put_prefix(text, fmt, ap);
	va_end(ap);
	snprintf(text + n, sizeof(text) - n, "%s%s", n ? ": " : "",
		strerror_r(errnum, reason, sizeof(reason)));
	e->class = errnum == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	e->errnum = errnum;
	store(e, text);
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char text[WORK_TEXT_MAX];
	va_list ap;
	size_t n;

	if (!e)
		return -1;
	va_start(ap, fmt);
	n = put_prefix(text, fmt, ap);
	va_end(ap);
	snprintf(text + n, sizeof(text) - n, ": %s", e->text);
	store(e, text);
	return -1;
}

void err_clear(struct err *e)
{
	if (e)
		*e = (struct err){ 0 };
}

const char *err_class_name(enum err_class class)
{
	static const char *const names[] = {
		[ERR_NONE] = "none",
		[ERR_INPUT] = "input",
		[ERR_LIMIT] = "limit",
		[ERR_IO] = "io",
		[ERR_NET] = "net",
		[ERR_AUTH] = "auth",
		[ERR_DENIED] = "denied",
		[ERR_NOT_FOUND] = "not-found",
		[ERR_CONFLICT] = "conflict",
		[ERR_ENGINE] = "engine",
		[ERR_PROTO] = "proto",
		[ERR_TIMEOUT] = "timeout",
		[ERR_CANCELLED] = "cancelled",
		[ERR_INTERNAL] = "internal",
	};

	return (size_t) class < ARRAY_LEN(names) ? names[class] : "unknown";
}
