/*
 * Allocation that never returns NULL, lists of strings, whole-string numbers. An allocation that
 * fails aborts: what is small has no useful way to fail, and what comes from outside passes a cap
 * first.
 */
#include "base/util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void bug_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "BUG %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

static void *checked(void *p, size_t n)
{
	if (!p)
		BUG("no memory for %zu bytes", n);
	return p;
}

void *xmalloc(size_t n)
{
	return checked(malloc(n ? n : 1), n);
}

void *xcalloc(size_t n, size_t size)
{
	size_t total;

	if (!size_mul(n, size, &total))
		BUG("allocation of %zu times %zu bytes", n, size);
	return checked(calloc(1, total ? total : 1), total);
}

void *xrealloc(void *p, size_t n)
{
	return checked(realloc(p, n ? n : 1), n);
}

char *xstrdup(const char *s)
{
	return s ? xmemdup0(s, strlen(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	return xmemdup0(s, strnlen(s, n));
}

char *xmemdup0(const void *p, size_t n)
{
	size_t size;
	char *copy;

	if (!size_add(n, 1, &size))
		BUG("copy of %zu bytes", n);
	copy = xmalloc(size);
	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

static char *format(const char *fmt, va_list ap)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		BUG("cannot format \"%s\"", fmt);
	return text;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	return text;
}

void wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

void wipe_free(char *s)
{
	if (s)
		wipe(s, strlen(s));
	free(s);
}

/*
 * Lists keep no capacity: the size is the next power of two, asked of realloc on each append, which
 * answers at once when nothing changes. That also holds for lists another module allocated.
 */
static void *grow(void *v, size_t slots, size_t size)
{
	size_t cap = 4, bytes;

	while (cap < slots)
		cap *= 2;
	if (!size_mul(cap, size, &bytes))
		BUG("list of %zu items", slots);
	return xrealloc(v, bytes);
}

void strv_add_take(struct strv *s, char *text)
{
	if (!text)
		BUG("NULL added to a list of strings");
	s->v = grow(s->v, s->n + 2, sizeof(*s->v));
	s->v[s->n++] = text;
	s->v[s->n] = NULL;
}

void strv_add(struct strv *s, const char *text)
{
	strv_add_take(s, xstrdup(text));
}

void strv_addf(struct strv *s, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	strv_add_take(s, text);
}

bool strv_contains(const struct strv *s, const char *text)
{
	strv_each (item, s)
		if (strcmp(item, text) == 0)
			return true;
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void strv_split(struct strv *s, const char *text, char sep)
{
	for (const char *end; *text; text = *end ? end + 1 : end) {
		end = strchrnul(text, sep);
		const char *from = text, *to = end;
		while (from < to && is_blank(*from))
			from++;
		while (to > from && is_blank(to[-1]))
			to--;
		if (to > from)
			strv_add_take(s, xmemdup0(from, (size_t)(to - from)));
	}
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *s)
{
	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), by_bytes);
}

void strv_release(struct strv *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv){ 0 };
}

static struct pair *pairs_find(const struct pairs *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].key, key) == 0)
			return &p->v[i];
	return NULL;
}

void pairs_add(struct pairs *p, const char *key, const char *value, size_t len)
{
	p->v = grow(p->v, p->n + 1, sizeof(*p->v));
	p->v[p->n++] = (struct pair){ xstrdup(key), xmemdup0(value, len) };
}

void pairs_set_n(struct pairs *p, const char *key, const char *value, size_t len)
{
	struct pair *known = pairs_find(p, key);

	if (!known) {
		pairs_add(p, key, value, len);
		return;
	}
	char *old = known->value;
	known->value = xmemdup0(value, len); /* value may point into old */
	wipe_free(old);
}

void pairs_set(struct pairs *p, const char *key, const char *value)
{
	pairs_set_n(p, key, value, strlen(value));
}

const char *pairs_get(const struct pairs *p, const char *key)
{
	const struct pair *known = pairs_find(p, key);

	return known ? known->value : NULL;
}

void pairs_release(struct pairs *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].key);
		wipe_free(p->v[i].value);
	}
	free(p->v);
	*p = (struct pairs){ 0 };
}

/* Collects downward from zero so that INT64_MIN needs no special case. */
static bool parse_digits(const char *s, bool negative, int64_t *ret)
{
	int64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, *s - '0', &v))
			return false;
	}
	if (!negative && v == INT64_MIN)
		return false;
	*ret = negative ? v : -v;
	return true;
}

bool parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	int64_t v;

	if (!s || !parse_digits(*s == '-' ? s + 1 : s, *s == '-', &v) || v < min || v > max)
		return false;
	*ret = v;
	return true;
}
