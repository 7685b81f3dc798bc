/*
 * The end of a revoked runner's jobs. Waiting until they count as lost would leave their runs open
 * for a quarter of an hour, although nothing of theirs can come any more. One transaction: there is
 * no moment in which the runner is gone and its jobs are not.
 */
#include "coordinator/queue/revoke.h"

#include "coordinator/queue/report.h"
#include "coordinator/store/job.h"
#include "coordinator/store/log.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/sql.h"

enum { JOBS_MAX = 100000 };

static int job_end(
	struct store *s, const struct job_row *job, const char *why, struct wall now, struct err *e)
{
	static const struct state_report r = { .state = { STATUS_COMPLETED, CONCLUSION_FAILURE } };
	CLEAN_STR char *line = xasprintf("\nFailed: %s.\n", why);
	struct state job_state, run;

	if (store_log_note(s, job->id, line, now, e) < 0 ||
		sql_run(s, e, "UPDATE workflow_jobs SET reason = ?2 WHERE id = ?1", "it", job->id,
			why) < 0)
		return -1;
	return store_job_report(s, job->id, &r, now, &job_state, &run, e);
}

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
	for (size_t i = 0; i < jobs.n; i++)
		if (job_end(s, &jobs.v[i], why, now, e) < 0)
			return -1;
	*ret_jobs = (int64_t)jobs.n;
	return store_commit(&tx, e);
}
