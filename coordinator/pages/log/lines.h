/*
 * The bytes of a step's log as lines. Commands are found by the runner's own reader
 * (workflow/command), so that a page takes for one exactly what the runner took for one. Bytes come
 * in pieces of any length; memory is bounded by one line.
 *
 * At each line's end reading can be left and taken up again elsewhere: a spot holds what the lines
 * before it switched on.
 */
#ifndef COORDINATOR_PAGES_LOG_LINES_H
#define COORDINATOR_PAGES_LOG_LINES_H

#include "coordinator/pages/log/ansi.h"
#include "workflow/command/commands.h"

enum { LOG_LINE_SHOWN = 8 << 10 }; /* bytes of one line */

/* Texts are gone when the callback returns. */
struct log_line {
	int64_t number;
	enum command_kind kind; /* COMMAND_KINDS: an ordinary line */
	struct slice text;      /* what is shown: the line, or the command's message */
	struct slice label;     /* "a.c:7: Title", of an annotation; empty: none */
	int64_t more;           /* bytes of the line that are not shown */
	struct ansi before;
	struct wall at; /* when its end came; 0: not known */
};

struct log_spot {
	int64_t byte;   /* of the log; a line begins there */
	int64_t number; /* of the last line before it */
	struct ansi ansi;
	char *token; /* of stop-commands, as struct commands has it; NULL: none */
	size_t token_len;
};
void log_spot_release(struct log_spot *s);

struct log_lines {
	void (*on_line)(void *data, const struct log_line *l);
	void (*on_spot)(void *data); /* behind each line's end; NULL: none */
	void *data;
	int64_t byte;   /* taken so far, from the log's beginning */
	int64_t number; /* of the last line that ended */
	struct wall at; /* when the bytes that are fed came; the caller's */
	struct commands commands;
	struct command pending; /* of the line that begins; kind COMMAND_KINDS: none */
	struct buf value, label, line;
	int64_t more;
	struct ansi ansi;
};
/* from NULL: the log's beginning. on_line and data are set by the caller behind it. */
void log_lines_init(struct log_lines *v, const struct log_spot *from);
void log_lines_feed(struct log_lines *v, const char *p, size_t n);
/* No more bytes: a line without an end is one, too. */
void log_lines_end(struct log_lines *v);
void log_lines_release(struct log_lines *v);
/* In on_spot: the caller's. */
struct log_spot log_lines_spot(const struct log_lines *v);
/* Bytes of the line that is open. */
static inline bool log_lines_open(const struct log_lines *v)
{
	return v->line.len || v->more || v->commands.held.len;
}

/* A line that says what went wrong, as compilers, test runners and we put it. */
bool log_text_is_error(const char *p, size_t n);
bool log_line_is_error(const struct log_line *l);

#endif
