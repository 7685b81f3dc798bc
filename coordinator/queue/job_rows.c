/*
 * The rows of one job and its steps, written from a spec or copied from an earlier run inside the
 * database. Which jobs may start is settle.c's to say.
 */
#include "coordinator/queue/job_rows.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/queue/concurrency.h"
#include "coordinator/sql/sql.h"

#define TIMEOUT_DEFAULT_MINUTES 360

int concurrency_check(const struct concurrency_spec *c, struct err *e)
{
	if (c->group && (!*c->group || strlen(c->group) > CONCURRENCY_GROUP_MAX))
		return err_set(e, ERR_INPUT,
			"concurrency: a group's name of %zu bytes, expected 1 to %d",
			strlen(c->group), CONCURRENCY_GROUP_MAX);
	return 0;
}

int job_rows_check(const struct run_job_spec *j, struct err *e)
{
	if (str_empty(j->key) || !j->runs_on || (!j->runs_on->n && !j->unfolds))
		return err_set(e, ERR_INPUT, "a job needs a key and a runs-on label");
	if (strlen(j->key) > LIMIT_JOB_KEY || j->runs_on->n > LIMIT_JOB_LABELS)
		return err_set(e, ERR_INPUT,
			"job %.100s: a key of %zu bytes and %zu labels, expected at most %d and %d",
			j->key, strlen(j->key), j->runs_on->n, LIMIT_JOB_KEY, LIMIT_JOB_LABELS);
	if (j->timeout_minutes < 0 || j->timeout_minutes > LIMIT_TIMEOUT_MINUTES)
		return err_set(e, ERR_INPUT,
			"job %s: timeout-minutes %" PRId64 ", expected 1 to %d", j->key,
			j->timeout_minutes, LIMIT_TIMEOUT_MINUTES);
	if (!j->n_steps || j->n_steps > LIMIT_STEPS)
		return err_set(e, ERR_INPUT, "job %s: %zu steps, expected 1 to %d", j->key,
			j->n_steps, LIMIT_STEPS);
	if (concurrency_check(&j->concurrency, e) < 0)
		return err_wrap(e, "job %s", j->key);
	for (size_t i = 0; i < j->n_steps; i++)
		if (str_empty(j->steps[i].run) == str_empty(j->steps[i].uses))
			return err_set(e, ERR_INPUT,
				"job %s: step %zu needs exactly one of run and uses", j->key, i);
	return 0;
}

static int step_insert(struct store *s, int64_t job_id, int64_t position,
	const struct run_step_spec *t, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO workflow_steps (job_id, position, step_id, name, if_cond, run, uses,"
		" working_directory, shell, timeout_minutes, env, with_args, continue_on_error,"
		" timeout_expression, continue_expression, status)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued')",
		"iitttttttippytt", job_id, position, t->step_id, t->name, t->cond,
		str_empty(t->run) ? NULL : t->run, str_empty(t->uses) ? NULL : t->uses,
		t->working_directory, t->shell, t->timeout_minutes, t->env, t->with,
		t->continue_on_error, t->timeout_expression, t->continue_expression);
}

/* The legs of a job share them. */
static int needs_insert(
	struct store *s, int64_t run_id, const struct run_job_spec *j, struct err *e)
{
	for (size_t i = 0; j->needs && j->leg == 0 && i < j->needs->n; i++)
		if (sql_run(s, e,
			    "INSERT INTO job_needs (run_id, job_key, needs) VALUES (?, ?, ?)"
			    " ON CONFLICT DO NOTHING",
			    "itt", run_id, j->key, j->needs->v[i]) < 0)
			return -1;
	return 0;
}

/* After the job, whose key counts them. */
static int needs_copy(struct store *s, int64_t from_job, int64_t to_run, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO job_needs (run_id, job_key, needs) SELECT ?2, n.job_key, n.needs"
		" FROM workflow_jobs j JOIN job_needs n ON n.run_id = j.run_id"
		" AND n.job_key = j.job_key WHERE j.id = ?1 ON CONFLICT DO NOTHING",
		"ii", from_job, to_run);
}

int job_rows_insert(struct store *s, int64_t run_id, int64_t position, const struct run_job_spec *j,
	struct wall now, struct err *e)
{
	int64_t job_id = 0;

	if (sql_int(s, &job_id, e,
		    "INSERT INTO workflow_jobs (repo_id, run_id, position, job_key, name, runs_on,"
		    " needs, if_cond, timeout_minutes, permissions, env, status, ready,"
		    " created_at, leg, legs, matrix, fail_fast, max_parallel, asks_status,"
		    " outputs_spec, concurrency_group, cancel_in_progress, continue_on_error,"
		    " environment, environment_url, matrix_tainted, unfold)"
		    " VALUES ((SELECT repo_id FROM workflow_runs WHERE id = ?1), ?1, ?, ?, ?, ?, ?,"
		    " ?, ?, ?, ?, 'queued', 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
		    " RETURNING id",
		    "iittvvtitpwiityiyptyyttyi", run_id, position, j->key,
		    j->name ? j->name : j->key, j->runs_on, j->needs, j->cond,
		    j->timeout_minutes ? j->timeout_minutes : (int64_t)TIMEOUT_DEFAULT_MINUTES,
		    j->permissions_json ? j->permissions_json : "{}", j->env, now, j->leg,
		    j->legs ? j->legs : (int64_t)1, j->matrix_json ? j->matrix_json : "{}",
		    j->fail_fast, j->max_parallel, j->asks_status, j->outputs, j->concurrency.group,
		    j->concurrency.cancel_in_progress, j->continue_on_error, j->environment,
		    j->environment_url, j->matrix_tainted, (int64_t)j->unfolds) < 0)
		return -1;
	if (needs_insert(s, run_id, j, e) < 0)
		return -1;
	for (size_t i = 0; i < j->n_steps; i++)
		if (step_insert(s, job_id, (int64_t)i, &j->steps[i], e) < 0)
			return err_wrap(e, "job %s: step %zu", j->key, i);
	return 0;
}

#define DEFINED_COLUMNS                                                                           \
	"repo_id, position, job_key, runs_on, needs, if_cond, timeout_minutes, permissions, env," \
	" fail_fast, max_parallel, asks_status, outputs_spec, cancel_in_progress,"                \
	" continue_on_error, environment, environment_url, matrix_tainted"
/* SQL: the copy stands for all legs, which are yet to be made. */
#define FOLDS "unfold <> 0 AND ?4 <> 0"

int job_rows_copy(struct store *s, const struct job_row *from, int64_t to_run, bool fold,
	struct wall now, struct err *e)
{
	int64_t id = 0;

	if (sql_int(s, &id, e,
		    "INSERT INTO workflow_jobs (" DEFINED_COLUMNS
		    ", run_id, name, status, ready, created_at, leg, legs, matrix,"
		    " concurrency_group, unfold) SELECT " DEFINED_COLUMNS ", ?2, CASE WHEN " FOLDS
		    " THEN job_key ELSE name END, 'queued', 0, ?3,"
		    " CASE WHEN " FOLDS " THEN 0 ELSE leg END,"
		    " CASE WHEN " FOLDS " THEN 1 ELSE legs END,"
		    " CASE WHEN " FOLDS " THEN '{}' ELSE matrix END,"
		    " CASE WHEN " FOLDS " THEN NULL ELSE concurrency_group END,"
		    " CASE WHEN " FOLDS " THEN 1 ELSE unfold END FROM workflow_jobs WHERE id = ?1"
		    " RETURNING id",
		    "iiwy", from->id, to_run, now, fold) < 0 ||
		needs_copy(s, from->id, to_run, e) < 0)
		return -1;
	return sql_run(s, e,
		"INSERT INTO workflow_steps (job_id, position, step_id, name, if_cond, run, uses,"
		" working_directory, shell, timeout_minutes, env, with_args, continue_on_error,"
		" timeout_expression, continue_expression, status) SELECT ?2, position, step_id,"
		" name, if_cond, run, uses, working_directory, shell, timeout_minutes, env,"
		" with_args, continue_on_error, timeout_expression, continue_expression, 'queued'"
		" FROM workflow_steps WHERE job_id = ?1 ORDER BY position",
		"ii", from->source_id, id);
}

int job_row_keep(struct store *s, int64_t from_job, int64_t to_run, struct err *e)
{
	if (sql_run(s, e,
		    "INSERT INTO workflow_jobs (" DEFINED_COLUMNS
		    ", run_id, name, status, conclusion, ready, created_at, claimed_at, started_at,"
		    " completed_at, runner_id, leg, legs, matrix, outputs, unfold, reason,"
		    " concurrency_group, kept_from)"
		    " SELECT " DEFINED_COLUMNS
		    ", ?2, name, status, conclusion, ready, created_at, claimed_at, started_at,"
		    " completed_at, runner_id, leg, legs, matrix, outputs, unfold, reason,"
		    " concurrency_group, coalesce(kept_from, id) FROM workflow_jobs WHERE id = ?1",
		    "ii", from_job, to_run) < 0)
		return -1;
	return needs_copy(s, from_job, to_run, e);
}
