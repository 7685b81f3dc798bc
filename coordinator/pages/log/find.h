/*
 * Lines that hold a text, in the logs of a job's steps, one after the other. Without regard to
 * case (of ASCII) and to colours. Bounded: by FIND_TEXT_MAX, by the hits that the caller wants, by
 * FIND_US, and by FIND_AT_ONCE searches at one time, FIND_OF_PEER of one caller.
 */
#ifndef COORDINATOR_PAGES_LOG_FIND_H
#define COORDINATOR_PAGES_LOG_FIND_H

#include "coordinator/pages/log/answer.h"

enum { FIND_TEXT_MAX = 200, FIND_AT_ONCE = 8, FIND_OF_PEER = 4 };
#define FIND_US (10 * USEC_PER_SEC)

struct log_find {
	struct app *app;
	struct place *at; /* of the caller, as steps */
	struct job_steps *steps;
	size_t step, last_step;
	int64_t after; /* of step: only lines behind that one */
	char *text;    /* in lower case */
	size_t len, n, max;
	bool open, ended;
	bool cut; /* ended before the end: enough hits, or out of time */
	struct mono until;
	struct log_reader reader;
	/* A hit; the line's texts are gone when it returns. */
	void (*on_hit)(void *data, size_t step, const struct log_line *l);
	void *data;
	uint64_t peer;
	struct log_find *next, **link; /* of those that are open */
};
/* Takes its place; ERR_TIMEOUT (503) when there is none. The caller has set app, at, steps,
 * last_step, max, on_hit and data; text is copied. */
int log_find_begin(
	struct log_find *f, struct httpd_request *r, const char *text, struct err *e) CHECK_RESULT;
/* One piece of a log further; sets ended. -1: a log cannot be read. */
int log_find_go_on(struct log_find *f, struct err *e) CHECK_RESULT;
void log_find_release(struct log_find *f); /* also one that never began */

#endif
