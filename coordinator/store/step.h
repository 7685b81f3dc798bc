/* Steps of a job. */
#ifndef COORDINATOR_STORE_STEP_H
#define COORDINATOR_STORE_STEP_H

#include "base/clock.h"
#include "base/codec.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

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

#endif
