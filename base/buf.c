/*
 * The maximum is checked before anything grows, so a peer that sends without end costs no more
 * than the caller allowed. A buffer of secrets never grows by realloc, which would leave a copy
 * in freed memory.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST_CAP = 64 };

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf)BUF_INIT(max);
}

static void drop(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
	b->failed = false;
}

void buf_release(struct buf *b)
{
	if (b->secret)
		wipe(b->data, b->cap);
	drop(b);
}

void buf_release_wipe(struct buf *b)
{
	wipe(b->data, b->cap);
	drop(b);
}

/* realloc would leave a copy of a secret behind in freed memory. */
static void resize(struct buf *b, size_t cap)
{
	if (!b->secret) {
		b->data = xrealloc(b->data, cap);
	} else {
		char *data = xmalloc(cap);

		if (b->len)
			memcpy(data, b->data, b->len);
		wipe(b->data, b->cap);
		free(b->data);
		b->data = data;
	}
	b->cap = cap;
	b->data[b->len] = '\0'; /* also when the caller reserves and then adds nothing */
}

/* Room for n bytes and the NUL. Doubles, but never past what max can need. */
static bool ensure(struct buf *b, size_t n)
{
	size_t need, cap;

	if (b->failed || n > b->max || b->len > b->max - n || !size_add(b->len + n, 1, &need)) {
		b->failed = true;
		return false;
	}
	if (need <= b->cap)
		return true;
	cap = b->cap ? b->cap : FIRST_CAP;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	if (b->max < SIZE_MAX && cap > b->max + 1)
		cap = b->max + 1;
	resize(b, cap);
	return true;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
	if (!ensure(b, n))
		return -1;
	if (n)
		memcpy(b->data + b->len, p, n);
	buf_commit(b, n);
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0) {
		b->failed = true;
	} else if (ensure(b, (size_t)n)) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
	return b->failed ? -1 : 0;
}

char *buf_reserve(struct buf *b, size_t n)
{
	if (!ensure(b, n))
		return NULL;
	b->data[b->len + n] = '\0'; /* what is written and not committed ends here */
	return b->data + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
	if (n > b->cap || b->len + n >= b->cap)
		BUG("commit of %zu bytes was not reserved", n);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_consume(struct buf *b, size_t n)
{
	size_t rest;

	if (n > b->len)
		BUG("consume %zu of %zu bytes", n, b->len);
	if (n == 0)
		return;
	rest = b->len - n;
	memmove(b->data, b->data + n, rest);
	if (b->secret)
		wipe(b->data + rest, n);
	b->len = rest;
	b->data[rest] = '\0';
}

void buf_clear(struct buf *b)
{
	if (b->secret)
		wipe(b->data, b->len);
	b->len = 0;
	b->failed = false;
	if (b->data)
		b->data[0] = '\0';
}

/* Bytes that somebody wrote into reserved room and did not commit are not part of the text. */
static void terminate(const struct buf *b)
{
	if (b->data && b->data[b->len])
		b->data[b->len] = '\0';
}

char *buf_take(struct buf *b)
{
	terminate(b);
	char *data = b->data ? TAKE(b->data) : xstrdup("");

	drop(b);
	return data;
}

const char *buf_cstr(const struct buf *b)
{
	terminate(b);
	return b->data ? b->data : "";
}
