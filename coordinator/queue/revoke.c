/*
 * The end of a revoked runner's jobs. Waiting until they count as lost would leave their runs open
 * for a quarter of an hour, although nothing of theirs can come any more. One transaction: there is
 * no moment in which the runner is gone and its jobs are not.
 */
#include "coordinator/queue/revoke.h"

#include "coordinator/queue/report.h"
#include "coordinator/store/job.h"
#include "coordinator/store/runner.h"

enum { JOBS_MAX = 100000 };

int runner_revoke(struct store *s, int64_t id, const char *reason, struct wall now,
	int64_t *ret_jobs, struct err *e)
{
	const struct running_spec spec = { .runner_id = id, .page = { JOBS_MAX, 0 } };
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };
	CLEANUP(job_list_release) struct job_list jobs = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || store_runner_revoke(s, id, reason, now, e) < 0 ||
		store_runner_get(s, id, &runner, e) < 0 ||
		store_running_list(s, &spec, &jobs, e) < 0)
		return -1;
	CLEAN_STR char *why = xasprintf("its runner %s was revoked%s%s", runner.name,
		reason ? ": " : "", reason ? reason : "");
	const struct job_end end = { { STATUS_COMPLETED, CONCLUSION_FAILURE }, "Failed", why };
	for (size_t i = 0; i < jobs.n; i++)
		if (store_job_end(s, jobs.v[i].id, &end, now, e) < 0)
			return -1;
	*ret_jobs = (int64_t)jobs.n;
	return store_commit(&tx, e);
}
