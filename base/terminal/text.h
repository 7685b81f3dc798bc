/*
 * What a step wrote, made fit for a terminal: colours, lines, tabs, carriage returns and the
 * erasing of a line's rest stay; every other control character and escape sequence becomes text
 * (\x1b), so that no output can rename the window, move the cursor to older lines or answer for the
 * user. Bytes that are not UTF-8 become \xNN too. Pure; any bytes in pieces of any length.
 */
#ifndef BASE_TERMINAL_TEXT_H
#define BASE_TERMINAL_TEXT_H

#include "base/buf.h"

enum { TERMINAL_HELD_MAX = 32 };

struct terminal_text {
	char held[TERMINAL_HELD_MAX]; /* the start of a sequence or character that is not whole yet
				       */
	size_t n;
};
/* Appends to out, at most four bytes for each one given or held. */
void terminal_text_feed(struct terminal_text *t, const char *p, size_t n, struct buf *out);
/* Nothing follows: what is held is shown as text. */
void terminal_text_end(struct terminal_text *t, struct buf *out);

#endif
