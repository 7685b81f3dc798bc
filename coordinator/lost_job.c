/* See lost_job.h. */
#include "coordinator/lost_job.h"

#include "base/log.h"

static struct wall last_sign(const struct job_row *job)
{
	return job->last_seen_at.us ? job->last_seen_at : job->claimed_at;
}

static int job_end(struct app *a, const struct job_row *job, struct wall now, struct err *e)
{
	struct report r = { .state = { STATUS_COMPLETED, CONCLUSION_FAILURE } };
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	struct state st, run;
	char when[WALL_TEXT_MAX];

	if (job->runner_id && store_runner_get(a->store, job->runner_id, &runner, e))
		return -1;
	CLEAN_STR char *line = xasprintf("\nRunner lost: %s sent nothing for this job since %s. "
					 "What it may have done later is not known.\n",
		runner.name ? runner.name : "its runner", wall_format(last_sign(job), when));
	if (store_begin(a->store, &tx, e) || store_log_note(a->store, job->id, line, now, e) ||
		store_job_report(a->store, job->id, &r, now, &st, &run, e))
		return -1;
	if (store_commit(&tx, e))
		return -1;
	log_warn("job", "runner_lost", F_INT("job", job->id), F_INT("run", job->run_id),
		F_INT("runner", job->runner_id), F_STR("last_sign", when));
	return 0;
}

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
	if (store_lost_list(a->store, &spec, &lost, e))
		return -1;
	for (size_t i = 0; i < lost.n; i++) {
		struct err one = { 0 };

		if (job_end(a, &lost.v[i], now, &one) == 0)
			++*ret_count;
		else /* one that cannot be ended keeps none of the others */
			log_warn("job", "lost_job_kept", F_INT("job", lost.v[i].id), F_ERR(&one));
	}
	if (*ret_count) {
		metric_add(&a->metrics, METRIC_JOBS_LOST, (int64_t)*ret_count);
		app_wake(a);
	}
	return 0;
}
