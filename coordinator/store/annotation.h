/*
 * Annotations: what steps said about files with `::error`, `::warning` and `::notice` lines. They
 * are read from a step's log as it is stored, so a runner need not know them, and what is masked
 * in the log is masked here.
 *
 * A step keeps the first ANNOTATIONS_STEP of each level, a job ANNOTATIONS_JOB, a run
 * ANNOTATIONS_RUN; the others are counted. A job whose result an earlier attempt gave has that
 * attempt's annotations, beside those that its own run keeps.
 */
#ifndef COORDINATOR_STORE_ANNOTATION_H
#define COORDINATOR_STORE_ANNOTATION_H

#include "coordinator/store/page.h"
#include "coordinator/store/store.h"
#include "workflow/command/annotations.h"

struct annotation_row {
	int64_t id, job_id, step_id, step_index;
	char *job_name, *step_name; /* step_name NULL: none */
	char *level;                /* "notice", "warning", "failure": the field's words */
	char *message, *title, *path;
	int64_t start_line, end_line, start_column, end_column; /* 0: not given */
	int64_t log_line; /* of its step's log; 0: not known */
};
struct annotation_list {
	struct annotation_row *v;
	size_t n;
};
void annotation_list_release(struct annotation_list *l);

/* Which ones: of a run, or of one of its jobs, in the order in which they were said. */
struct annotation_spec {
	int64_t run_id, job_id /* 0: all */;
	struct page page;
};
int store_annotation_list(struct store *s, const struct annotation_spec *spec,
	struct annotation_list *ret, struct err *e) CHECK_RESULT;

struct annotation_counts {
	int64_t notices, warnings, failures;
	int64_t dropped; /* said, but not kept */
};
int store_annotation_counts(struct store *s, int64_t run_id, int64_t job_id,
	struct annotation_counts *ret, struct err *e) CHECK_RESULT;

/* For this folder and coordinator/queue/, in the caller's transaction. The next bytes of a step's
 * log. */
int annotations_take(struct store *s, int64_t job_id, int64_t step_id, struct slice chunk,
	struct err *e) CHECK_RESULT;
/* The logs of the job's steps are over (step_id 0), or of one step: a last line without an end
 * counts as well. Not where something is still held back (log.h); then annotations_decided comes
 * after it. */
int annotations_end(struct store *s, int64_t job_id, int64_t step_id, struct err *e) CHECK_RESULT;
int annotations_decided(
	struct store *s, int64_t job_id, int64_t step_id, struct err *e) CHECK_RESULT;
/* The job's steps start anew. */
int annotations_forget(struct store *s, int64_t job_id, struct err *e) CHECK_RESULT;

#endif
