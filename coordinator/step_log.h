/*
 * A step's log wherever it is: in chunks of the store while it is young, later one object,
 * actions/runs/<run>/jobs/<job>/steps/<step>.log (retention.h moves it). Reads the steps of a job
 * one after the other.
 */
#ifndef COORDINATOR_STEP_LOG_H
#define COORDINATOR_STEP_LOG_H

#include <sys/types.h>

#include "coordinator/store.h"

char *step_log_key(int64_t run_id, int64_t job_id, int64_t step_id) CHECK_RESULT;

struct step_log;
/* Takes the list over (and empties it). data_dir and the store must outlive it. */
struct step_log *step_log_new(struct store *s, const char *data_dir, int64_t run_id,
	struct step_list *steps) CHECK_RESULT;
void step_log_free(struct step_log *l); /* NULL fine */
static inline void step_log_freep(struct step_log **l)
{
	step_log_free(*l);
	*l = NULL;
}
#define CLEAN_STEP_LOG CLEANUP(step_log_freep)
/* Bytes put into out, 0 at the end, -1. */
ssize_t step_log_read(struct step_log *l, char *out, size_t max, struct err *e) CHECK_RESULT;

#endif
