/*
 * An answer that is made while a log is read: each call of the server takes one piece further, so
 * that none takes long, and a reader who is slow is one who is waited for. A call that finds
 * nothing to say sends a line end.
 */
#ifndef COORDINATOR_PAGES_LOG_ANSWER_H
#define COORDINATOR_PAGES_LOG_ANSWER_H

#include "coordinator/pages/log/index.h"
#include "coordinator/pages/page.h"

#define LOG_ANSWER_BYTES MIB(8) /* of what one piece may become */

struct log_answer {
	struct app *app;
	struct html html;
	size_t sent; /* of it */
	struct place at;
	struct job_steps steps;
	size_t step; /* whose log is read; steps.n: none */
	struct log_index *index;
	struct log_reader reader;
	bool reading; /* the reader is open */
	bool ended, failed;
	void (*go_on)(struct log_answer *a);
	void (*release)(struct log_answer *a); /* NULL: nothing of its own */
};
struct log_source log_answer_source(const struct log_answer *a);
/* The job of the path, with its steps; then the caller sets go_on and calls log_answer_send. Owned
 * by the request from log_answer_begin on. -1: the error was answered. */
int log_answer_begin(struct log_answer *a, struct app *app, struct httpd_request *r) CHECK_RESULT;
/* The path's step must be one of the job's; its index is taken. -1 likewise. */
int log_answer_step(struct log_answer *a, struct httpd_request *r) CHECK_RESULT;
/* Opens the reader in front of that line. */
void log_answer_read(
	struct log_answer *a, int64_t line, void (*on_line)(void *data, const struct log_line *l));
void log_answer_close(struct log_answer *a); /* the reader */
/* log_reader_go_on; what goes wrong is logged and ends the answer: the connection is cut. */
int log_answer_more(struct log_answer *a) CHECK_RESULT;
void log_answer_send(struct log_answer *a, struct httpd_request *r, const char *type);

#endif
