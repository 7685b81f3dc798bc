/* What `exec --list` and `exec -n` show, as text or JSON on standard output. */
#ifndef RUNNER_LOCAL_PRINT_H
#define RUNNER_LOCAL_PRINT_H

#include "runner/local/plan.h"

/* One workflow's jobs in the order of the file. */
void local_print_jobs(const char *file, const struct workflow *w);
void local_print_plan(const struct local_plan *p, bool color);

/* The same as one JSON value each. */
void local_json_jobs(struct json_writer *w, const char *file, const struct workflow *wf);
int local_json_plan(struct json_writer *w, const struct local_plan *p, struct err *e) CHECK_RESULT;

/* A line of the runner's own, before the first job. */
void local_print_note(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Names what the copy of the work tree does not have; nothing when that is nothing. */
void local_print_left_out(const struct strv *paths);

#endif
