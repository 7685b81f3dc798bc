/*
 * A step's log as lines of a page: numbers that can be linked to, groups that fold, colours,
 * annotations with their level in front. Memory is bounded by the lines that are kept, whatever the
 * log's length.
 *
 * A page shows a window of a log. It begins at a line, or some lines before the first one that says
 * what went wrong (of a log without one, its last lines are shown).
 */
#ifndef COORDINATOR_PAGES_LOG_VIEW_H
#define COORDINATOR_PAGES_LOG_VIEW_H

#include "coordinator/pages/log/lines.h"

enum {
	LOG_WINDOW = 2000,         /* lines */
	LOG_CONTEXT = 200,         /* of them at most before the first error */
	LOG_BYTES_SHOWN = 1 << 20, /* of a window */
	LOG_CONTEXT_BYTES = 256 << 10,
};

struct log_view {
	struct html *h;
	int64_t step;        /* its number, for the anchors */
	int64_t from;        /* the first line to show; 0: where the first error is */
	int64_t first, last; /* lines shown; 0: none yet */
	size_t shown_bytes;
	bool errors_before; /* the first error was found */
	bool full;          /* the window is; what follows is not read */
	bool in_group;
	bool times; /* of lines are shown; the caller sets lines.at, and this behind log_view_init
		     */
	/* NULL: none. Called before the first line that is shown, when it is not the log's first.
	 */
	void (*on_first)(void *data, int64_t number);
	void *data;
	struct log_lines lines;
	/* A ring: lines before the first error. */
	struct log_kept {
		struct log_line line;
		char *text;
	} kept[LOG_CONTEXT];
	size_t n_kept, at_kept, kept_bytes;
};
/* h NULL fine until the first feed. */
void log_view_init(struct log_view *v, struct html *h, int64_t step, int64_t from);
/* Before the first feed: what is fed begins there, in front of `from`; errors_before: there was one
 * before. */
void log_view_jump(struct log_view *v, const struct log_spot *to, bool errors_before);
void log_view_feed(struct log_view *v, const char *p, size_t n);
void log_view_end(struct log_view *v); /* no more bytes; what is open is closed */
void log_view_release(struct log_view *v);

#endif
