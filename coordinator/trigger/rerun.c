/* Whoever asked gets the refusal as an answer, so a second failed run would tell nobody anything.
 */
#include "coordinator/trigger/rerun.h"

#include "coordinator/queue/policy.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/quota.h"
#include "coordinator/trigger/stored_run.h"

/* `as` is the refused run with the trust that it has today. */
static int make_plan(const struct trigger *t, const struct run_row *as, struct run_spec *run,
	struct workflow *w, struct run_plan *plan, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	struct plan_event ev = stored_run_event(as);

	ev.run = run->reserved;
	if (store_repo_get(t->store, as->repo_id, &repo, e) < 0 ||
		stored_run_workflow(t, &repo, as, w, e) < 0 ||
		trigger_plan(t, &repo, w, NULL, &ev, plan, e) < 0 ||
		quota_check(t, &repo, plan, 0, e) < 0)
		return err_wrap(e, "%s", as->workflow_file);
	run->workflow_name = w->name;
	run->run_name = plan->run_name;
	run->concurrency = plan->concurrency;
	run->jobs = plan->jobs;
	run->n_jobs = plan->n_jobs;
	return 0;
}

static int judge_again(const struct trigger *t, struct run_row *old, const char *actor,
	struct run_created *ret, struct err *e)
{
	CLEAN_WORKFLOW struct workflow w = { 0 };
	CLEAN_PLAN struct run_plan plan = { 0 };
	struct run_spec run;

	if (rerun_run_spec(t->store, old, actor, &run, e) < 0 ||
		policy_admits(t->store, run.repo_id, run.event, actor, t->now, e) < 0 ||
		store_run_reserve(t->store, run.repo_id, &run.reserved, e) < 0)
		return -1;
	old->trust = (int64_t)run.trust;
	if (make_plan(t, old, &run, &w, &plan, e) < 0)
		return -1;
	return store_run_create(t->store, &run, t->now, ret, e);
}

int trigger_rerun(const struct trigger *t, const struct rerun_spec *spec, struct run_created *ret,
	struct err *e)
{
	CLEANUP(run_row_release) struct run_row old = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(t->store, &tx, e) < 0 || store_run_get(t->store, spec->run_id, &old, e) < 0)
		return -1;
	int rc = old.refused ? judge_again(t, &old, spec->actor, ret, e)
			     : store_run_rerun(t->store, spec, t->now, ret, e);
	return rc < 0 ? -1 : store_commit(&tx, e);
}
