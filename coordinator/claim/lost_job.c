/*
 * Ending jobs that nobody will report on. One job that cannot be ended must not keep the others, so
 * each has a transaction and an error of its own.
 */
#include "coordinator/claim/lost_job.h"

#include "base/limits.h"
#include "base/log.h"
#include "coordinator/queue/claim.h"
#include "coordinator/store/job.h"
#include "coordinator/queue/report.h"
#include "coordinator/scrub/scrub.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/state.h"
#include "coordinator/store/store.h"

static struct wall last_sign(const struct job_row *job)
{
	return job->last_seen_at.us ? job->last_seen_at : job->claimed_at;
}

/* What is held back of its log is decided at once where that is possible. */
static int job_end(struct app *a, const struct job_row *job, const struct job_end *end,
	struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		(a->scrub && scrub_end(a, job->id, 0, now, e) < 0) ||
		store_job_end(a->store, job->id, end, now, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

/* 1: no step of it had ended, so it is queued once more. */
static int lost_job_retry(struct app *a, const struct job_row *job, const char *runner,
	const char *since, struct wall now, struct err *e)
{
	CLEAN_STR char *why = xasprintf("Started again: runner lost. %s has sent nothing for this "
					"job since %s, before its first step ended.",
		runner, since);
	const struct claim_loss loss = { .why = why };
	struct state run;
	int rc = store_claim_lost(a->store, job->id, &loss, now, &run, e);

	if (rc > 0)
		metric_add(&a->metrics, METRIC_JOBS_RETRIED, 1);
	return rc;
}

/* It is as it was when the list was read: 1, 0 it moved on, -1. */
static int lost_still(
	struct app *a, const struct lost_spec *spec, const struct job_row *job, struct err *e)
{
	CLEANUP(job_list_release) struct job_list l = { 0 };
	bool found = false;

	if (store_lost_list(a->store, spec, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		found |= l.v[i].id == job->id && l.v[i].returns == job->returns;
	return found;
}

static int lost_job_decide(struct app *a, const struct job_row *job, struct wall now, struct err *e)
{
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	char since[WALL_TEXT_MAX];

	if (job->runner_id && store_runner_get(a->store, job->runner_id, &runner, e) < 0)
		return -1;
	const char *name = runner.name ? runner.name : "its runner";
	wall_format(last_sign(job), since);
	CLEAN_STR char *why = xasprintf("%s has sent nothing for this job since %s. Its later "
					"actions are unknown",
		name, since);
	const struct job_end end = { { STATUS_COMPLETED, CONCLUSION_FAILURE }, "Runner lost", why };
	int retried = lost_job_retry(a, job, name, since, now, e);
	if (retried < 0 || (retried == 0 && job_end(a, job, &end, now, e) < 0))
		return -1;
	log_warn("job", retried ? "runner_lost_job_queued_again" : "runner_lost",
		F_INT("job", job->id), F_INT("run", job->run_id), F_INT("runner", job->runner_id),
		F_STR("last_sign", since));
	return 0;
}

/* 1, or 0: another serve was faster, or the runner came back; -1. */
static int lost_job_end(struct app *a, const struct lost_spec *spec, const struct job_row *job,
	struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0)
		return -1;
	int rc = lost_still(a, spec, job, e);
	if (rc > 0 && lost_job_decide(a, job, now, e) < 0)
		return -1;
	return rc <= 0 ? rc : store_commit(&tx, e) < 0 ? -1 : 1;
}

/* ---- absent ---- */

int absent_jobs_list(
	struct store *s, const struct active_jobs *active, struct job_list *ret, struct err *e)
{
	const struct running_spec all = { .runner_id = active->runner_id,
		.but_key = active->key,
		.page = { .limit = LIMIT_ACTIVE_JOBS } };
	struct job_list l = { 0 };
	size_t n = 0;

	if (store_running_list(s, &all, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if (ids_contains(active->ids, l.v[i].id))
			job_row_release(&l.v[i]);
		else
			l.v[n++] = l.v[i];
	l.n = n;
	*ret = l;
	return 0;
}

/* 1: its claim never reached the runner, which therefore does not have it; it is queued again. */
static int unheard_job_back(
	struct app *a, const struct job_row *job, struct wall now, struct err *e)
{
	CLEAN_STR char *jti = NULL;
	int rc = store_claim_unheard(a->store, job->id, &jti, e);

	if (rc > 0)
		rc = store_claim_return(a->store, job->id, jti, now, e);
	if (rc > 0) {
		metric_add(&a->metrics, METRIC_CLAIMS_RETURNED, 1);
		log_warn("claim", "answer_not_delivered", F_INT("job", job->id));
	}
	return rc;
}

/* 1 ended, 0 queued again, -1. */
static int absent_job_end(struct app *a, const struct job_row *job, struct wall now, struct err *e)
{
	static const struct job_end end = { { STATUS_CANCELLED, CONCLUSION_CANCELLED }, "Cancelled",
		"the runner says that it has this job no longer, and has not reported its end" };
	int rc = unheard_job_back(a, job, now, e);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (job_end(a, job, &end, now, e) < 0)
		return -1;
	log_warn("job", "job_absent", F_INT("job", job->id), F_INT("run", job->run_id),
		F_INT("runner", job->runner_id));
	return 1;
}

int absent_jobs_end(struct app *a, const struct active_jobs *active, struct wall now,
	size_t *ret_count, struct err *e)
{
	CLEANUP(job_list_release) struct job_list absent = { 0 };

	*ret_count = 0;
	if (absent_jobs_list(a->store, active, &absent, e) < 0)
		return -1;
	for (size_t i = 0; i < absent.n; i++) {
		struct err one = { 0 };
		int rc = absent_job_end(a, &absent.v[i], now, &one);

		*ret_count += rc > 0;
		if (rc < 0)
			log_warn("job", "absent_job_kept", F_INT("job", absent.v[i].id),
				F_ERR(&one));
	}
	metric_add(&a->metrics, METRIC_JOBS_ABSENT, (int64_t)*ret_count);
	if (absent.n)
		app_wake(a);
	return 0;
}

/* ---- lost ---- */

int lost_jobs_end(
	struct app *a, int64_t expiry_us, struct wall now, size_t *ret_count, struct err *e)
{
	CLEANUP(job_list_release) struct job_list lost = { 0 };
	int64_t dead_us = expiry_us > TOKEN_LIFETIME_US ? expiry_us : TOKEN_LIFETIME_US;
	struct lost_spec spec = { .silent_since = { now.us - expiry_us },
		.token_dead_since = { now.us - dead_us } };

	if (now.us - a->started_at.us < expiry_us)
		spec.silent_since = spec.token_dead_since;
	*ret_count = 0;
	if (store_lost_list(a->store, &spec, &lost, e) < 0)
		return -1;
	for (size_t i = 0; i < lost.n; i++) {
		struct err one = { 0 };

		int rc = lost_job_end(a, &spec, &lost.v[i], now, &one);

		*ret_count += rc > 0;
		if (rc < 0) /* one that cannot be ended keeps none of the others */
			log_warn("job", "lost_job_kept", F_INT("job", lost.v[i].id), F_ERR(&one));
	}
	if (*ret_count) {
		metric_add(&a->metrics, METRIC_JOBS_LOST, (int64_t)*ret_count);
		app_wake(a);
	}
	return 0;
}

/* ---- after a restore ---- */

int restored_jobs_end(
	struct app *a, const char *why, struct wall now, size_t *ret_count, struct err *e)
{
	const struct job_end end = { { STATUS_COMPLETED, CONCLUSION_FAILURE }, "Runner lost", why };
	const struct running_spec all = { .page = { .limit = INT64_MAX } };
	CLEANUP(job_list_release) struct job_list l = { 0 };

	if (store_running_list(a->store, &all, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if (job_end(a, &l.v[i], &end, now, e) < 0)
			return -1;
	*ret_count = l.n;
	return 0;
}
