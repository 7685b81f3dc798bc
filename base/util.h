/*
 * The few macros every file uses: attributes, ownership helpers, checked arithmetic.
 * Nothing here allocates except the x*() family, which aborts when memory is gone: small
 * allocations never fail in a useful way; sizes that come from outside pass a cap first.
 */
#ifndef BASE_UTIL_H
#define BASE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define CHECK_RESULT __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
/* Drops the result of a call that may fail without harm; `why` tells the reader why that is so. */
#define IGNORE_RESULT(call, why)  \
	do {                      \
		if ((call) < 0) { \
		}                 \
	} while (0)
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Hands over what an owner variable holds and leaves `empty` behind. */
#define TAKE_VALUE(var, empty)                 \
	__extension__({                        \
		__typeof__(var) take_ = (var); \
		(var) = (empty);               \
		take_;                         \
	})
#define TAKE(ptr) TAKE_VALUE(ptr, NULL)
#define TAKE_FD(fd) TAKE_VALUE(fd, -1)

/* A state that only a bug can reach; stays in release builds and aborts with file and line. */
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
NORETURN void bug_at(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* malloc family that aborts on failure. xstrndup stops at a NUL, xmemdup0 adds one to all. */
void *xmalloc(size_t n) CHECK_RESULT;
void *xcalloc(size_t n, size_t size) CHECK_RESULT;
void *xrealloc(void *p, size_t n) CHECK_RESULT;
char *xstrdup(const char *s) CHECK_RESULT; /* NULL gives NULL */
char *xstrndup(const char *s, size_t n) CHECK_RESULT;
char *xmemdup0(const void *p, size_t n) CHECK_RESULT;
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) CHECK_RESULT;

/* Overwrites secrets in a way the compiler keeps; p may be NULL when n is 0. */
void wipe(void *p, size_t n);
/* Wipes and frees a NUL-terminated secret; NULL is fine. */
void wipe_free(char *s);

static inline void free_charp(char **p)
{
	free(*p);
	*p = NULL;
}
static inline void wipe_charp(char **p)
{
	wipe_free(*p);
	*p = NULL;
}
static inline void close_fdp(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
#define CLEAN_STR CLEANUP(free_charp)
#define CLEAN_SECRET CLEANUP(wipe_charp)
#define CLEAN_FD CLEANUP(close_fdp)

/* Borrowed text: not NUL-terminated, never owned. */
struct slice {
	const char *ptr;
	size_t len;
};
#define SLICE(lit) ((struct slice){ (lit), sizeof(lit) - 1 })
static inline struct slice slice_of(const char *s)
{
	return (struct slice){ s, s ? strlen(s) : 0 };
}
static inline bool slice_eq(struct slice a, const char *s)
{
	return a.len == strlen(s) && memcmp(a.ptr, s, a.len) == 0;
}

static inline bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}
static inline bool str_empty(const char *s)
{
	return !s || !*s;
}
static inline bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}
static inline bool str_ends(const char *s, const char *suffix)
{
	size_t a = strlen(s), b = strlen(suffix);

	return a >= b && memcmp(s + a - b, suffix, b) == 0;
}

/* Owned list of strings; v is NULL-terminated whenever it is not NULL, so it can serve as argv. */
struct strv {
	char **v;
	size_t n;
};
void strv_add(struct strv *s, const char *text); /* copies */
void strv_add_take(struct strv *s, char *text);  /* takes ownership */
void strv_addf(struct strv *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool strv_contains(const struct strv *s, const char *text);
/* Splits on sep, trims blanks around each piece, drops empty pieces. */
void strv_split(struct strv *s, const char *text, char sep);
void strv_sort(struct strv *s); /* by bytes */
void strv_release(struct strv *s);
#define strv_each(item, list)                                       \
	for (size_t item##_i = 0; item##_i < (list)->n; item##_i++) \
		for (const char *item = (list)->v[item##_i]; item; item = NULL)

/* Owned ordered map of strings (env, with, labels); small, linear, last set wins in place. */
struct pair {
	char *key, *value;
};
struct pairs {
	struct pair *v;
	size_t n;
};
void pairs_set(struct pairs *p, const char *key, const char *value);
void pairs_set_n(struct pairs *p, const char *key, const char *value, size_t len);
/* Appends without a search: for keys already known to be distinct. */
void pairs_add(struct pairs *p, const char *key, const char *value, size_t len);
const char *pairs_get(const struct pairs *p, const char *key); /* NULL if absent */
void pairs_release(struct pairs *p);                           /* wipes the values */

/* Arithmetic on sizes from outside; false and *ret untouched on overflow. */
static inline bool size_add(size_t a, size_t b, size_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}
static inline bool size_mul(size_t a, size_t b, size_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

/* Whole-string decimal; false on junk, empty text, overflow or a value outside [min, max]. */
bool parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret) CHECK_RESULT;

#endif
