/* Steps of a job, and the summaries that they leave. */
#ifndef COORDINATOR_STORE_STEP_H
#define COORDINATOR_STORE_STEP_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"
#include "workflow/command/summary.h"

struct step_row {
	int64_t id, job_id, index, timeout_minutes, log_bytes;
	char *step_id, *name, *cond, *run, *uses, *working_directory, *shell; /* NULL: none */
	bool continue_on_error;
	char *timeout_expression, *continue_expression; /* instead of the values; NULL: none */
	struct pairs env, with;
	struct state state;
	struct wall started_at, completed_at;
	struct wall archived_at; /* its log is an object (stored_log.h), 0: its chunks are here */
	char *log_digest;        /* of that object, "sha256:…"; NULL: not known */
};
struct job_steps {
	struct step_row *v;
	size_t n;
};
void step_row_release(struct step_row *r);
void job_steps_release(struct job_steps *l);
/* In order. */
int store_step_list(
	struct store *s, int64_t job_id, struct job_steps *ret, struct err *e) CHECK_RESULT;

/* Summaries: Markdown that a step left for people, read from its log as it is stored, so what is
 * masked there is masked here. A job whose result an earlier attempt gave has that one's. */
struct summary_row {
	int64_t job_id, step_index;
	char *job_name, *step_name; /* step_name NULL: none */
	char *text;                 /* any bytes but NUL, at most SUMMARY_MAX */
};
struct summary_list {
	struct summary_row *v;
	size_t n;
};
void summary_list_release(struct summary_list *l);
/* Of a run, by job and step. */
int store_summary_list(struct store *s, int64_t run_id, int64_t limit, struct summary_list *ret,
	struct err *e) CHECK_RESULT;

/* For this folder and coordinator/queue/, in the caller's transaction. The next bytes of a step's
 * log. */
int summary_take(struct store *s, int64_t job_id, int64_t step_id, struct slice chunk,
	struct err *e) CHECK_RESULT;
/* The job's steps start anew. */
int summaries_forget(struct store *s, int64_t job_id, struct err *e) CHECK_RESULT;

#endif
