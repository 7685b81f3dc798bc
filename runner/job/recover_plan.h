/*
 * What is still to be reported about a job whose process died: pure, from its journal and the
 * reports it had queued (state/journal.h, state/outbox.h). Whatever was queued is sent as it is;
 * this says what comes after it. One step bears the reason: the one that ran, else the first that
 * had not started.
 */
#ifndef RUNNER_JOB_RECOVER_PLAN_H
#define RUNNER_JOB_RECOVER_PLAN_H

#include "state/journal.h"
#include "state/outbox.h"

enum recover_state { RECOVER_NOT_STARTED, RECOVER_RAN, RECOVER_ENDED };

struct recover_step {
	int64_t id;
	enum recover_state state;
	const char *file; /* its log's spool, of the outbox; NULL: no log was begun */
};
struct recover_plan {
	struct recover_step *v;
	size_t n;
	size_t bearer;                             /* n: every step had ended */
	bool decided;                              /* the job's last status is among the reports */
	bool lost;                                 /* no step ended, and nobody ended the job */
	const char *status, *conclusion;           /* of the job */
	const char *step_status, *step_conclusion; /* of the bearer */
};
void recover_plan_make(
	const struct journal *j, const struct outbox_list *reports, struct recover_plan *ret);
void recover_plan_release(struct recover_plan *p);

#endif
