/*
 * What is known of the logs that people read: how many lines, where the first error is, which
 * groups there are, and marks every 64 KiB, so that any line is found without reading what is
 * before it. An index is made by reading a log once, a piece at a time, by whoever needs it; it is
 * kept while there is room (LOG_INDEXES_BYTES) and made anew after a restart.
 *
 * On the application's thread.
 */
#ifndef COORDINATOR_PAGES_LOG_INDEX_H
#define COORDINATOR_PAGES_LOG_INDEX_H

#include "coordinator/pages/log/reader.h"

#define LOG_INDEXES_BYTES MIB(32) /* of indexes that nobody uses now */
enum {
	LOG_MARK_BYTES = 64 << 10,
	LOG_MARK_TOKEN_MAX = 1 << 10, /* no mark behind a longer one of stop-commands */
	LOG_GROUPS_MAX = 10000,
};

/* Lines first to last - 1: its head and what is in it; last 0: it is still open. */
struct log_group {
	int64_t first, last;
};
struct log_index {
	int64_t step_id, returns; /* whose */
	int64_t lines;            /* so far */
	int64_t first_error;      /* 0: none so far */
	bool whole;               /* the step is over and all of it was read */
	struct log_group *groups;
	size_t n_groups;
	struct log_mark *marks;
	size_t n_marks, bytes; /* of memory, about */
	struct log_reader front;
	unsigned users;
	struct log_index *next; /* of the list, newest use first */
};
/* The caller's until log_index_put. */
struct log_index *log_index_get(struct app *a, const struct log_source *s);
void log_index_put(struct app *a, struct log_index *x); /* NULL fine */
/* Reads one more piece: 1, 0 there is no more now, -1. */
int log_index_go_on(
	struct app *a, struct log_index *x, const struct log_source *s, struct err *e) CHECK_RESULT;
/* The last mark in front of that line; NULL: its beginning. */
const struct log_mark *log_index_before(const struct log_index *x, int64_t line);
void log_indexes_free(struct app *a);

#endif
