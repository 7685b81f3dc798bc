/* What people do with runs, for the API and the pages alike. The caller has checked the right:
 * ROLE_WRITE on the run's repository (access.h). */
#ifndef COORDINATOR_ACT_RUN_H
#define COORDINATOR_ACT_RUN_H

#include "coordinator/app/app.h"
#include "coordinator/queue/approve.h"
#include "coordinator/trigger/rerun.h"

int act_rerun(struct app *a, const struct rerun_spec *spec, struct run_created *ret,
	struct err *e) CHECK_RESULT;
int act_cancel(
	struct app *a, const struct pat_row *who, int64_t run_id, struct err *e) CHECK_RESULT;
struct act_approval {
	const char *reason;  /* NULL: none given */
	const char *address; /* from where, for the audit table; NULL: not known */
	bool secrets;        /* also the trusted secret path */
};
int act_approve(struct app *a, const struct pat_row *who, int64_t run_id,
	const struct act_approval *approval, int64_t *ret_started, struct err *e) CHECK_RESULT;

#endif
