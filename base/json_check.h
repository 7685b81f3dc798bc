/* Private to json*.c: what is checked before yajl sees the text, and errors with a position. */
#ifndef BASE_JSON_CHECK_H
#define BASE_JSON_CHECK_H

#include <stdarg.h>

#include "base/err.h"

/* Refuses strings that yajl would accept or change (weak UTF-8, NUL, unpaired surrogates) and more
 * than `depth` open brackets. The grammar is left to yajl. */
int json_check(const char *text, size_t n, size_t depth, struct err *e) CHECK_RESULT;
/* "JSON offset 17 (line 2, column 4): reason"; columns count characters. Returns -1. */
int json_error_at(struct err *e, enum err_class class, const char *text, size_t n, size_t at,
	const char *fmt, va_list ap) __attribute__((format(printf, 6, 0)));

#endif
