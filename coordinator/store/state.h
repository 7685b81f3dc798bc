/*
 * States of runs, jobs and steps: their texts, which change is allowed, how jobs roll up to a run.
 * Pure: no store, no clock. The same words stand in the store and on the wire.
 */
#ifndef COORDINATOR_STORE_STATE_H
#define COORDINATOR_STORE_STATE_H

#include "base/err.h"

enum status {
	STATUS_QUEUED,
	STATUS_RUNNING,
	STATUS_COMPLETED,
	STATUS_CANCELLED,
	STATUS_SKIPPED, /* steps only */
};
enum conclusion {
	CONCLUSION_NONE, /* not terminal yet; NULL in the store, null on the wire */
	CONCLUSION_SUCCESS,
	CONCLUSION_FAILURE,
	CONCLUSION_NEUTRAL,
	CONCLUSION_CANCELLED,
	CONCLUSION_SKIPPED,
	CONCLUSION_TIMED_OUT,
	CONCLUSION_ACTION_REQUIRED,
};

const char *status_text(enum status s);
const char *conclusion_text(enum conclusion c); /* NULL for CONCLUSION_NONE */
/* What `needs.*.result` says of it: success, failure, cancelled or skipped. */
const char *conclusion_result(enum conclusion c);
int status_parse(const char *text, enum status *ret, struct err *e) CHECK_RESULT;
/* NULL text gives CONCLUSION_NONE. */
int conclusion_parse(const char *text, enum conclusion *ret, struct err *e) CHECK_RESULT;
static inline bool status_terminal(enum status s)
{
	return s != STATUS_QUEUED && s != STATUS_RUNNING;
}

struct state {
	enum status status;
	enum conclusion conclusion;
};
/* One word for people: the conclusion, or the status before there is one. */
const char *state_word(struct state s);

enum state_kind { STATE_JOB, STATE_STEP };
/* What a report (status, conclusion or NONE if not given) turns `from` into: checks that the pair
 * is complete, fills the default conclusion, refuses forbidden changes with ERR_INPUT. A repeat of
 * the same terminal state is allowed; *ret_changed tells it from a real change. */
int state_apply(enum state_kind kind, struct state from, struct state report, struct state *ret,
	bool *ret_changed, struct err *e) CHECK_RESULT;

/* The worse of two conclusions of a run's jobs: failure, timed_out, cancelled, action_required,
 * neutral, success, skipped, from worst to best. */
enum conclusion conclusion_worse(enum conclusion a, enum conclusion b);

#endif
