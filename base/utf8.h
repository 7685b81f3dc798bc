/* UTF-8 as bytes: which bytes are a character, where a text may be cut. Pure, no locale. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/util.h"

/* Strict UTF-8 (no overlong forms, no surrogates, <= U+10FFFF). */
bool utf8_valid(const char *p, size_t n);
/* Bytes (1..4) of the valid character at p; 0 when there is none. */
size_t utf8_char(const char *p, size_t n);
/* Length of the longest prefix of p[0..n) that does not end inside a UTF-8 sequence. */
size_t utf8_whole_prefix(const char *p, size_t n);
/* Bytes of a text, which ends at its NUL, that are kept when at most `most` may be: all of it, or
 * cut at a character. */
size_t utf8_cut(const char *text, size_t most);
/* Makes it a text, in place and never longer: each byte that belongs to no character becomes '?',
 * but a character that was cut off at the end is dropped. */
void utf8_repair(char *text);
/* The text without a byte order mark at its start, as some editors write one. */
struct slice utf8_without_mark(struct slice text);
/* Writes the character of a code point that is no surrogate (<= U+10FFFF); its length, 1..4. */
size_t utf8_put(uint32_t code, unsigned char out[4]);

#endif
