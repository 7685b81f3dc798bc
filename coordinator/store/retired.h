/* What has become old, for coordinator/object/retention.h. */
#ifndef COORDINATOR_STORE_RETIRED_H
#define COORDINATOR_STORE_RETIRED_H

#include "base/clock.h"
#include "coordinator/store/store.h"

struct old_step {
	int64_t id, job_id, run_id, log_bytes;
};
struct old_steps {
	struct old_step *v;
	size_t n;
};
void old_steps_release(struct old_steps *l);
/* Ended before then, with a log whose chunks are still here. */
int store_steps_old(struct store *s, struct wall before, int64_t limit, struct old_steps *ret,
	struct err *e) CHECK_RESULT;
/* Its log is an object with that digest now: drops the chunks; *ret_count of them. */
int store_step_archived(struct store *s, int64_t step_id, const char *digest, struct wall now,
	int64_t *ret_count, struct err *e) CHECK_RESULT;
/* The oldest run that ended before then, is not pinned, and has no job whose result a later attempt
 * repeats: 1, 0 there is none, -1. */
int store_run_old(struct store *s, struct wall before, int64_t *ret_id, struct err *e) CHECK_RESULT;
/* With its jobs, steps and rows of artifacts; their objects must be gone already. */
int store_run_delete(struct store *s, int64_t id, struct err *e) CHECK_RESULT;
int store_run_pin(struct store *s, int64_t id, bool pinned, struct err *e) CHECK_RESULT;

/* Logs that are objects, for those who check or copy them all: at most limit with id > after. */
struct archived_step {
	int64_t id, job_id, run_id, log_bytes;
	char *log_digest; /* NULL: not known */
};
struct archived_steps {
	struct archived_step *v;
	size_t n;
};
void archived_steps_release(struct archived_steps *l);
int store_archived_after(struct store *s, int64_t after, int64_t limit, struct archived_steps *ret,
	struct err *e) CHECK_RESULT;

#endif
