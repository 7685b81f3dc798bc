/* A step's log line by line from where it is stored, from its beginning or from a mark. Reading
 * goes on when more of it is there. On the application's thread; one call reads one piece. */
#ifndef COORDINATOR_PAGES_LOG_READER_H
#define COORDINATOR_PAGES_LOG_READER_H

#include "coordinator/app/app.h"
#include "coordinator/object/stored_log.h"
#include "coordinator/pages/log/lines.h"
#include "coordinator/store/job.h"

enum { LOG_PIECE = 32 << 10 };

/* One step as it was when it was asked for; all borrowed. */
struct log_source {
	const struct job_row *job;
	const struct step_row *step;
};
int64_t log_source_number(const struct log_source *s); /* counted from 1 as pages do */
bool log_source_over(const struct log_source *s);      /* nothing more is expected */

/* A place to begin at. */
struct log_mark {
	struct stored_spot at;
	struct log_spot lines;
};
struct log_reader {
	struct stored_step log;
	struct log_lines lines; /* on_line, on_spot and data are the caller's */
	bool ended;             /* the line without an end was given, too */
};
/* from NULL: the beginning. */
void log_reader_init(struct log_reader *r, struct app *a, const struct log_source *s,
	const struct log_mark *from);
void log_reader_release(struct log_reader *r);
/* 1: a piece was read, 0: there is no more now, -1. */
int log_reader_go_on(struct log_reader *r, const struct log_source *s, struct err *e) CHECK_RESULT;

#endif
