/*
 * The bytes of a step's log on their way to where a local run writes: fit for a terminal
 * (base/terminal/text.h), and in whole lines with the job's name in front when jobs share the
 * output. Pure.
 */
#ifndef RUNNER_REPORT_TERMINAL_LINES_H
#define RUNNER_REPORT_TERMINAL_LINES_H

#include "base/terminal/text.h"

/* A longer line is divided, so that a line with its prefix is one write to a pipe. */
enum { TERMINAL_LINE_MAX = 2048 };

struct terminal_lines {
	const char *prefix;   /* in front of each line; NULL: bytes pass as they come */
	const char *line_end; /* behind each line with a prefix, before its \n: colours end */
	bool clean;           /* for a terminal */
	struct terminal_text text;
	struct buf line; /* not ended yet */
};
#define TERMINAL_LINES_INIT                             \
	{                                               \
		.line = BUF_INIT(8 * TERMINAL_LINE_MAX) \
	}
/* Appends to out. */
void terminal_lines_feed(struct terminal_lines *l, const char *p, size_t n, struct buf *out);
/* The log is over: a line that was not ended is. */
void terminal_lines_end(struct terminal_lines *l, struct buf *out);
void terminal_lines_release(struct terminal_lines *l);

/* How much of it goes in one write of at most max bytes: whole lines, as many as fit. */
size_t terminal_lines_fit(const char *p, size_t n, size_t max);

#endif
