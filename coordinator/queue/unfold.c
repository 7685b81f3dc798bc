/*
 * The row that stands for the legs has the same key, so whatever needs the job finds it before and
 * after. Jobs behind it in the file move back to make room.
 */
#include "coordinator/queue/unfold.h"

#include "base/limits.h"
#include "coordinator/queue/job_rows.h"
#include "coordinator/queue/settle.h"
#include "coordinator/sql/sql.h"

#define JOBS_MAX 256

int store_unfold_next(struct store *s, struct job_row *ret, struct err *e)
{
	int64_t id = 0;
	int rc = sql_int(s, &id, e,
		"SELECT coalesce(min(j.id), 0) FROM job_keys k INDEXED BY job_keys_unfold JOIN "
		"workflow_runs r"
		" ON r.id = k.run_id JOIN workflow_jobs j ON j.run_id = k.run_id"
		" AND j.job_key = k.job_key WHERE k.unfolds > 0 AND " NEEDS_OVER
		" AND j.status = 'queued' AND j.unfold = 1"
		" AND r.pending = 0 AND r.awaits_approval = 0",
		"");

	if (rc < 0 || id == 0)
		return rc < 0 ? -1 : 0;
	return store_job_get(s, id, ret, e) < 0 ? -1 : 1;
}

static int make_room(struct store *s, const struct job_row *job, size_t n, struct err *e)
{
	int64_t jobs = 0;

	if (sql_int(s, &jobs, e, "SELECT count(*) FROM workflow_jobs WHERE run_id = ?", "i",
		    job->run_id) < 0)
		return -1;
	if (jobs - 1 + (int64_t)n > JOBS_MAX)
		return err_set(e, ERR_LIMIT,
			"more than %d jobs with all combinations of the matrices", JOBS_MAX);
	if (sql_run(s, e, "DELETE FROM workflow_jobs WHERE id = ?", "i", job->id) < 0)
		return -1;
	return sql_run(s, e,
		"UPDATE workflow_jobs SET position = position + ?3"
		" WHERE run_id = ?1 AND position > ?2",
		"iii", job->run_id, job->position, (int64_t)n - 1);
}

int store_unfold_legs(struct store *s, const struct job_row *job, const struct run_job_spec *legs,
	size_t n, struct wall now, struct err *e)
{
	struct state run;

	for (size_t i = 0; i < n; i++)
		if (job_rows_check(&legs[i], e) < 0)
			return -1;
	if (make_room(s, job, n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct run_job_spec leg = legs[i];

		leg.unfolds = UNFOLD_DONE;
		if (job_rows_insert(s, job->run_id, job->position + (int64_t)i, &leg, now, e) < 0)
			return -1;
	}
	return run_settle(s, job->run_id, now, &run, e);
}

int store_unfold_end(struct store *s, const struct job_row *job, enum conclusion c,
	const char *reason, struct wall now, struct err *e)
{
	const struct state ended = { STATUS_COMPLETED, c };
	struct wall never = { 0 };
	struct state run;

	if (job_state_write(s, job->id, ended, never, now, e) < 0 ||
		sql_run(s, e, "UPDATE workflow_jobs SET reason = ?2 WHERE id = ?1", "it", job->id,
			reason) < 0 ||
		job_steps_close(s, job->id, ended, now, e) < 0)
		return -1;
	return run_settle(s, job->run_id, now, &run, e);
}
