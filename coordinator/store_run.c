/* Making runs: from a typed spec, or again from an earlier run. One transaction each. */
#include "coordinator/store_sql.h"

#include "base/limits.h"

#define JOBS_MAX 256
#define TIMEOUT_DEFAULT_MINUTES 360
#define TIMEOUT_MAX_MINUTES 4320

static bool key_known(const struct run_spec *r, const char *key)
{
	for (size_t i = 0; i < r->n_jobs; i++)
		if (str_eq(r->jobs[i].key, key))
			return true;
	return false;
}

static int job_check(const struct run_spec *r, const struct run_job_spec *j, struct err *e)
{
	if (str_empty(j->key) || !j->runs_on || !j->runs_on->n)
		return err_set(e, ERR_INPUT, "a job needs a key and a runs-on label");
	if (j->timeout_minutes < 0 || j->timeout_minutes > TIMEOUT_MAX_MINUTES)
		return err_set(e, ERR_INPUT, "job %s: timeout-minutes %lld, expected 1 to %d",
			j->key, (long long)j->timeout_minutes, TIMEOUT_MAX_MINUTES);
	if (!j->n_steps || j->n_steps > LIMIT_STEPS)
		return err_set(e, ERR_INPUT, "job %s: %zu steps, expected 1 to %d", j->key,
			j->n_steps, LIMIT_STEPS);
	for (size_t i = 0; j->needs && i < j->needs->n; i++)
		if (!key_known(r, j->needs->v[i]))
			return err_set(e, ERR_INPUT, "job %s needs \"%s\", which is no job", j->key,
				j->needs->v[i]);
	for (size_t i = 0; i < j->n_steps; i++)
		if (str_empty(j->steps[i].run) == str_empty(j->steps[i].uses))
			return err_set(e, ERR_INPUT,
				"job %s: step %zu needs exactly one of run and uses", j->key, i);
	return 0;
}

static int spec_check(const struct run_spec *r, struct err *e)
{
	if (!is_hex_oid(r->head_sha))
		return err_set(e, ERR_INPUT, "head_sha is not 40 lower-case hex digits");
	if (r->problems ? r->n_jobs != 0 : !r->n_jobs || r->n_jobs > JOBS_MAX)
		return err_set(e, ERR_INPUT, "%zu jobs, expected 1 to %d (0 of a broken file)",
			r->n_jobs, JOBS_MAX);
	for (size_t i = 0; i < r->n_jobs; i++)
		if (job_check(r, &r->jobs[i], e))
			return -1;
	return 0;
}

static int run_index_next(struct store *s, int64_t repo_id, int64_t *ret, struct err *e)
{
	int rc = sql_int(s, ret, e,
		"UPDATE repositories SET next_run_index = next_run_index + 1 WHERE id = ?"
		" RETURNING next_run_index - 1",
		"i", repo_id);
	if (rc == 0)
		return err_set(
			e, ERR_NOT_FOUND, "repository %lld does not exist", (long long)repo_id);
	return rc < 0 ? -1 : 0;
}

static int run_insert(
	struct store *s, const struct run_spec *r, int64_t index, struct wall now, struct err *e)
{
	bool broken = r->problems != NULL;
	struct wall ended = broken ? now : (struct wall){ 0 };
	return sql_run(s, e,
		"INSERT INTO workflow_runs (repo_id, run_index, workflow_file, workflow_name,"
		" event, event_payload, head_sha, head_ref, actor, problems, parent_run_id,"
		" status, conclusion, created_at, started_at, completed_at)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?, ?)",
		"iittttttttittwww", r->repo_id, index, r->workflow_file,
		str_empty(r->workflow_name) ? r->workflow_file : r->workflow_name, r->event,
		r->event_payload, r->head_sha, r->head_ref, r->actor, r->problems, r->parent_run_id,
		broken ? "completed" : "queued", broken ? "failure" : NULL, now, ended, ended);
}

static int step_insert(struct store *s, int64_t job_id, int64_t position,
	const struct run_step_spec *t, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO workflow_steps (job_id, position, step_id, name, if_cond, run, uses,"
		" working_directory, shell, timeout_minutes, env, with_args, continue_on_error,"
		" status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued')",
		"iitttttttippy", job_id, position, t->step_id, t->name, t->cond,
		str_empty(t->run) ? NULL : t->run, str_empty(t->uses) ? NULL : t->uses,
		t->working_directory, t->shell, t->timeout_minutes, t->env, t->with,
		t->continue_on_error);
}

static int job_insert(struct store *s, int64_t run_id, int64_t position,
	const struct run_job_spec *j, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "INSERT INTO workflow_jobs (run_id, position, job_key, name, runs_on, needs,"
		    " if_cond, timeout_minutes, permissions, env, status, ready, created_at,"
		    " leg, legs, matrix, fail_fast, max_parallel, asks_status, outputs_spec, "
		    "ready_at)"
		    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?11, ?12, ?, ?, ?, ?, ?, ?, "
		    "?,"
		    " iif(?11, ?12, NULL))",
		    "iittvvtitpywiityiyp", run_id, position, j->key, j->name ? j->name : j->key,
		    j->runs_on, j->needs, j->cond,
		    j->timeout_minutes ? j->timeout_minutes : (int64_t)TIMEOUT_DEFAULT_MINUTES,
		    j->permissions_json ? j->permissions_json : "{}", j->env,
		    (!j->needs || !j->needs->n) && (!j->max_parallel || j->leg < j->max_parallel),
		    now, j->leg, j->legs ? j->legs : (int64_t)1,
		    j->matrix_json ? j->matrix_json : "{}", j->fail_fast, j->max_parallel,
		    j->asks_status, j->outputs))
		return -1;
	int64_t job_id = sql_last_id(s);
	for (size_t i = 0; i < j->n_steps; i++)
		if (step_insert(s, job_id, (int64_t)i, &j->steps[i], e))
			return err_wrap(e, "job %s: step %zu", j->key, i);
	return 0;
}

int store_run_create(struct store *s, const struct run_spec *spec, struct wall now,
	struct run_created *ret, struct err *e)
{
	if (spec_check(spec, e))
		return -1;
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t index = 0;
	if (store_begin(s, &tx, e) || run_index_next(s, spec->repo_id, &index, e) ||
		run_insert(s, spec, index, now, e))
		return -1;
	int64_t run_id = sql_last_id(s);
	for (size_t i = 0; i < spec->n_jobs; i++)
		if (job_insert(s, run_id, (int64_t)i, &spec->jobs[i], now, e))
			return -1;
	if (store_commit(&tx, e))
		return -1;
	*ret = (struct run_created){ .run_id = run_id, .run_index = index };
	return 0;
}

/* ---- re-runs: rows are copied inside the database, states start anew ---- */

static int job_copy(
	struct store *s, int64_t from_job, int64_t to_run, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "INSERT INTO workflow_jobs (run_id, position, job_key, name, runs_on, needs,"
		    " if_cond, timeout_minutes, permissions, env, status, ready, created_at,"
		    " leg, legs, matrix, fail_fast, max_parallel, asks_status, outputs_spec,"
		    " ready_at) SELECT ?2, position, job_key, name, runs_on, needs, if_cond,"
		    " timeout_minutes, permissions, env, 'queued', json_array_length(needs) = 0"
		    " AND (max_parallel = 0 OR leg < max_parallel), ?3, leg, legs, matrix,"
		    " fail_fast, max_parallel, asks_status, outputs_spec, "
		    "iif(json_array_length(needs) = 0"
		    " AND (max_parallel = 0 OR leg < max_parallel), ?3, NULL) FROM workflow_jobs "
		    "WHERE id = ?1",
		    "iiw", from_job, to_run, now))
		return -1;
	return sql_run(s, e,
		"INSERT INTO workflow_steps (job_id, position, step_id, name, if_cond, run, uses,"
		" working_directory, shell, timeout_minutes, env, with_args, continue_on_error,"
		" status) SELECT ?2, position, step_id, name, if_cond, run, uses,"
		" working_directory, shell, timeout_minutes, env, with_args, continue_on_error,"
		" 'queued' FROM workflow_steps WHERE job_id = ?1 ORDER BY position",
		"ii", from_job, sql_last_id(s));
}

static int jobs_copy(
	struct store *s, int64_t from_run, int64_t to_run, struct wall now, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e, "SELECT id FROM workflow_jobs WHERE run_id = ? ORDER BY position",
		    "i", from_run))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		if (job_copy(s, col_int(&q, 0), to_run, now, e))
			return -1;
	return rc;
}

int store_run_rerun(struct store *s, int64_t run_id, const char *actor, struct wall now,
	struct run_created *ret, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	CLEANUP(run_row_release) struct run_row old = { 0 };
	if (store_begin(s, &tx, e) || store_run_get(s, run_id, &old, e))
		return -1;
	if (!status_terminal(old.state.status))
		return err_set(e, ERR_CONFLICT, "run %lld is %s; only finished runs can run again",
			(long long)run_id, status_text(old.state.status));
	struct run_spec spec = {
		.repo_id = old.repo_id,
		.workflow_file = old.workflow_file,
		.workflow_name = old.workflow_name,
		.event = old.event,
		.event_payload = old.event_payload,
		.head_sha = old.head_sha,
		.head_ref = old.head_ref,
		.actor = actor,
		.parent_run_id = run_id,
		.problems = old.problems,
	};
	int64_t index = 0;
	if (run_index_next(s, spec.repo_id, &index, e) || run_insert(s, &spec, index, now, e))
		return -1;
	int64_t new_id = sql_last_id(s);
	if (jobs_copy(s, run_id, new_id, now, e) || store_commit(&tx, e))
		return -1;
	*ret = (struct run_created){ .run_id = new_id, .run_index = index };
	return 0;
}
