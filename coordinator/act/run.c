/* Each is one change of the store, and a wake-up for whoever waits for a job. */
#include "coordinator/act/run.h"

#include <inttypes.h>

#include "coordinator/queue/cancel.h"
#include "coordinator/store/audit.h"

int act_rerun(struct app *a, const struct rerun_spec *spec, struct run_created *ret, struct err *e)
{
	const struct trigger t = trigger_of(a);

	if (trigger_rerun(&t, spec, ret, e) < 0)
		return -1;
	metric_add(&a->metrics, METRIC_RUNS, 1);
	app_wake(a);
	return 0;
}

int act_cancel(struct app *a, const struct pat_row *who, int64_t run_id, struct err *e)
{
	CLEAN_STR char *why = xasprintf("cancelled by %s", who->login);

	if (store_run_cancel(a->store, run_id, why, wall_now(), e) < 0)
		return -1;
	app_wake(a);
	return 0;
}

int act_approve(struct app *a, const struct pat_row *who, int64_t run_id,
	const struct act_approval *approval, int64_t *ret_started, struct err *e)
{
	const struct approval by = { who->login, approval->reason, approval->secrets };
	CLEAN_STR char *target = xasprintf("%" PRId64, run_id);
	const struct audit_entry entry = { .by = AUDIT_USER,
		.who_id = who->user_id,
		.who = who->login,
		.verb = approve_verb(by.secrets),
		.target_kind = "run",
		.target = target,
		.reason = by.reason,
		.address = approval->address };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_run_approve(a->store, run_id, &by, wall_now(), ret_started, e) < 0 ||
		store_audit_record(a->store, &entry, wall_now(), e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	app_wake(a);
	return 0;
}
