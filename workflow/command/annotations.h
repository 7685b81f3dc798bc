/*
 * The annotations in a step's log, for who gets the log in chunks and keeps nothing in memory
 * between them (the coordinator). What a reader must remember is two texts: the line that has
 * begun, and the token of stop-commands. Chunks may be cut anywhere: the result is the same.
 *
 * The log is hostile. Texts come out as UTF-8 without NUL, cut at a limit; a path is relative to
 * the repository or not there. Pure; time linear in the bytes.
 */
#ifndef WORKFLOW_COMMAND_ANNOTATIONS_H
#define WORKFLOW_COMMAND_ANNOTATIONS_H

#include "base/buf.h"
#include "base/limits.h"

enum annotation_level {
	ANNOTATION_NOTICE,
	ANNOTATION_WARNING,
	ANNOTATION_ERROR,
	ANNOTATION_LEVELS
};

struct annotation {
	enum annotation_level level;
	char *message;        /* at most ANNOTATION_MESSAGE_MAX bytes; may be empty */
	char *title, *path;   /* NULL: none */
	int64_t line, column; /* from 1; 0: not given */
	int64_t end_line, end_column;
	int64_t log_line; /* of the log itself, from 1, where it stands; 0: not known */
};
enum {
	ANNOTATION_MESSAGE_MAX = 4096,
	ANNOTATION_TITLE_MAX = 255,
	ANNOTATION_PATH_MAX = 1024,
	ANNOTATIONS_STEP = 10, /* of each level, as GitHub has it */
	ANNOTATIONS_JOB = 50,  /* of all levels, likewise */
	ANNOTATIONS_RUN = 1000,
};

/* What to remember between chunks; both empty at the start of a log. */
struct annotation_reader {
	struct buf line; /* at most LIMIT_COMMAND_LINE bytes; a line that is none: one letter */
	struct buf token;
	int64_t lines; /* of the log that have ended before; -1: not known */
};
#define ANNOTATION_READER_INIT                                                                  \
	{                                                                                       \
		.line = BUF_INIT(LIMIT_COMMAND_LINE), .token = BUF_INIT(LIMIT_COMMAND_LINE + 4) \
	}
/* Lines that end in a piece of a log. */
int64_t annotation_lines(struct slice chunk);
void annotation_reader_release(struct annotation_reader *r);

struct annotations {
	struct annotation *v; /* at most ANNOTATIONS_STEP of each level */
	size_t n;
	size_t found[ANNOTATION_LEVELS]; /* with those that are not kept */
};
void annotation_release(struct annotation *a);
void annotations_release(struct annotations *l);

/* Adds what the chunk brings to *ret. end: nothing comes after it, so a line without an end counts
 * as well, and the reader is as new. */
void annotations_read(
	struct annotation_reader *r, struct slice chunk, bool end, struct annotations *ret);

#endif
