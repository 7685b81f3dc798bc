/*
 * A step's log as lines of a page: numbers that can be linked to, groups that fold, colours,
 * annotations with their level in front. Bytes come in pieces of any length; memory is bounded by
 * the lines that are kept, whatever the log's length.
 *
 * A page shows a window of a log. It begins at a line, or some lines before the first one that says
 * what went wrong (of a log without one, its last lines are shown).
 */
#ifndef COORDINATOR_PAGES_LOG_VIEW_H
#define COORDINATOR_PAGES_LOG_VIEW_H

#include "coordinator/pages/ansi.h"
#include "workflow/command/commands.h"

enum {
	LOG_WINDOW = 2000,         /* lines */
	LOG_CONTEXT = 200,         /* of them at most before the first error */
	LOG_LINE_SHOWN = 8 << 10,  /* bytes of one line */
	LOG_BYTES_SHOWN = 1 << 20, /* of a window */
	LOG_CONTEXT_BYTES = 256 << 10,
};

struct log_line {
	int64_t number;
	enum command_kind kind; /* COMMAND_KINDS: an ordinary line */
	char *text;             /* what is shown: the line, or the command's message */
	size_t len;
	char *label;  /* "a.c:7: Title", of an annotation; NULL: none */
	int64_t more; /* bytes of the line that are not shown */
	struct ansi before;
};
struct log_view {
	struct html *h;
	int64_t step;        /* its number, for the anchors */
	int64_t from;        /* the first line to show; 0: where the first error is */
	int64_t number;      /* of the last line that ended */
	int64_t first, last; /* lines shown; 0: none yet */
	size_t shown_bytes;
	bool errors_before; /* the first error was found */
	bool full;          /* the window is; what follows is not read */
	bool in_group;
	/* NULL: none. Called before the first line that is shown, when it is not the log's first.
	 */
	void (*on_first)(void *data, int64_t number);
	void *data;
	struct commands commands;
	struct command pending; /* of the line that begins; kind COMMAND_KINDS: none */
	struct buf value, label;
	struct buf line;
	int64_t more;
	struct ansi ansi;
	struct log_line kept[LOG_CONTEXT]; /* a ring: lines before the first error */
	size_t n_kept, at_kept, kept_bytes;
};
/* h NULL fine until the first feed. */
void log_view_init(struct log_view *v, struct html *h, int64_t step, int64_t from);
void log_view_feed(struct log_view *v, const char *p, size_t n);
void log_view_end(struct log_view *v); /* no more bytes; what is open is closed */
void log_view_release(struct log_view *v);

/* A line that says what went wrong, as compilers, test runners and we put it. */
bool log_line_is_error(const char *p, size_t n);

#endif
