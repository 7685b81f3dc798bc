/*
 * The workflow is read again from the run's commit, so that a job is planned by one function
 * whenever that is. What the needs gave is data of strangers: a fault in it ends the job and never
 * the coordinator's round.
 */
#include "coordinator/trigger/unfold.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/queue/needs.h"
#include "coordinator/queue/unfold.h"
#include "coordinator/store/run.h"
#include "coordinator/store/store.h"
#include "coordinator/trigger/plan.h"
#include "coordinator/trigger/quota.h"
#include "coordinator/trigger/stored_run.h"

/* The job, its run, and what its plan is made from. */
struct unfolding {
	const struct trigger *t;
	const struct job_row *job;
	struct run_row run;
	struct repo_row repo;
	char *needs; /* JSON */
	const char *status;
};

static void unfolding_release(struct unfolding *u)
{
	run_row_release(&u->run);
	repo_row_release(&u->repo);
	free(u->needs);
}

static int read_needs(struct unfolding *u, struct err *e)
{
	CLEANUP(job_list_release) struct job_list all = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct json_writer w;

	if (store_job_list(u->t->store, u->job->run_id, &all, e) < 0)
		return -1;
	u->status = needs_status(&all, &u->job->needs, u->run.cancels > 0);
	json_writer_init(&w, &out, false);
	needs_write(&w, &all, &u->job->needs);
	if (json_writer_finish(&w, e) < 0)
		return err_wrap(e, "needs");
	u->needs = buf_take(&out);
	return 0;
}

static int make_plan(
	const struct unfolding *u, const struct workflow *w, struct run_plan *ret, struct err *e)
{
	struct plan_event ev = stored_run_event(&u->run);

	ev.needs = u->needs;
	ev.needs_status = u->status;
	if (trigger_plan(u->t, &u->repo, w, u->job->key, &ev, ret, e) < 0)
		return -1;
	return quota_check(u->t, &u->repo, ret, 0, e);
}

/* What is wrong with the job goes to *why, and with the store to e. */
static int plan_job(struct unfolding *u, struct workflow *w, struct run_plan *plan, struct err *why,
	struct err *e)
{
	struct store *s = u->t->store;

	if (store_run_get(s, u->job->run_id, &u->run, e) < 0 ||
		store_repo_get(s, u->run.repo_id, &u->repo, e) < 0 || read_needs(u, e) < 0)
		return -1;
	if (stored_run_workflow(u->t, &u->repo, &u->run, w, why) < 0 ||
		make_plan(u, w, plan, why) < 0)
		log_info("trigger", "job_not_unfolded", F_INT("job", u->job->id), F_ERR(why));
	return 0;
}

static int unfold_one(const struct trigger *t, const struct job_row *job, struct err *e)
{
	CLEANUP(unfolding_release) struct unfolding u = { .t = t, .job = job };
	CLEAN_WORKFLOW struct workflow w = { 0 };
	CLEAN_PLAN struct run_plan plan = { 0 };
	struct err why = { 0 };

	if (plan_job(&u, &w, &plan, &why, e) < 0)
		return -1;
	if (why.text[0])
		return store_unfold_end(t->store, job, CONCLUSION_FAILURE, why.text, t->now, e);
	if (plan.n_jobs == 0)
		return store_unfold_end(t->store, job, CONCLUSION_SKIPPED, NULL, t->now, e);
	if (store_unfold_legs(t->store, job, plan.jobs, plan.n_jobs, t->now, &why) == 0)
		return 0;
	if (!err_is(&why, ERR_INPUT) && !err_is(&why, ERR_LIMIT))
		return err_set(e, why.class, "%s", why.text);
	return store_unfold_end(t->store, job, CONCLUSION_FAILURE, why.text, t->now, e);
}

/* One job and one transaction; 1, 0 when there is none, -1. */
static int unfold_next(const struct trigger *t, struct err *e)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	int rc = store_unfold_next(t->store, &job, e); /* mostly none: no lock for that */

	if (rc <= 0)
		return rc;
	job_row_release(&job);
	job = (struct job_row){ 0 };
	if (store_begin(t->store, &tx, e) < 0)
		return -1;
	rc = store_unfold_next(t->store, &job, e);
	if (rc <= 0)
		return rc;
	if (unfold_one(t, &job, e) < 0)
		return err_wrap(e, "job %s", job.key);
	return store_commit(&tx, e) < 0 ? -1 : 1;
}

int trigger_unfold(const struct trigger *t, size_t *ret_n, struct err *e)
{
	int rc;

	*ret_n = 0;
	while ((rc = unfold_next(t, e)) > 0)
		++*ret_n;
	return rc;
}
