/*
 * Colours of a terminal as classes of a page: f0 to f15 for text, b0 to b15 for what is behind it,
 * bold, dim, italic, under. Of more colours the nearest of these sixteen is taken. Every other
 * escape sequence is shown as text, as a terminal of ours would show it (base/terminal/text.h).
 */
#ifndef COORDINATOR_PAGES_LOG_ANSI_H
#define COORDINATOR_PAGES_LOG_ANSI_H

#include "coordinator/pages/html.h"

/* What is switched on; zeroed: nothing. Goes on from line to line. */
struct ansi {
	unsigned char text, back; /* colour + 1; 0: the page's own */
	bool bold, dim, italic, under;
};
/* One line without its end. The tags that it opens are closed. */
void ansi_line(struct html *h, struct ansi *a, const char *p, size_t n);
/* The start of a line without its sequences: how many bytes, at most max. */
size_t ansi_plain(const char *p, size_t n, char *out, size_t max);
/* Goes through a line that is not shown. */
void ansi_skip(struct ansi *a, const char *p, size_t n);

#endif
