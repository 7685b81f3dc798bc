/*
 * The steps of a job as they went: one record each, kept until everything is delivered, because
 * logs are still being sent and later steps read outputs. Job process.
 */
#ifndef RUNNER_CONTEXT_STEP_RUN_H
#define RUNNER_CONTEXT_STEP_RUN_H

#include "runner/context/outcome.h"
#include "runner/log/step_log.h"

struct step_box;

struct step_run {
	struct step_log log;
	struct step_box *box; /* while prepared; isolation job: the first one's is everyone's */
	bool ended;
	bool reported;                    /* its last status is queued */
	enum outcome outcome, conclusion; /* they differ by continue-on-error */
	struct wall started_at, completed_at;
	struct pairs outputs;
	size_t output_bytes;
	bool outputs_full; /* the log says so already */
};

struct step_run *step_runs_new(size_t n);
/* Closes the logs; their boxes are gone by then. leave_logs: the files stay for the next process.
 */
void step_runs_free(struct step_run *v, size_t n, bool leave_logs); /* NULL fine */

void step_run_skip(struct step_run *r);
/* An output, from a file or a command; refused past LIMIT_COMMAND_FILE in all. */
int step_run_output(
	struct step_run *r, const char *key, struct slice value, struct err *e) CHECK_RESULT;

#endif
