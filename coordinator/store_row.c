/* Reading runs, jobs and steps back into their rows. */
#include "coordinator/store_sql.h"

#define RUN_COLUMNS                                                                              \
	"id, repo_id, run_index, ifnull(parent_run_id, 0), workflow_file, workflow_name, event," \
	" event_payload, head_sha, head_ref, actor, problems, status, conclusion, created_at,"   \
	" started_at, completed_at"
#define JOB_COLUMNS                                                                               \
	"j.id, j.run_id, r.repo_id, j.position, j.timeout_minutes, j.job_key, j.name, j.if_cond," \
	" j.permissions, j.runs_on, j.needs, j.env, j.status, j.conclusion, j.ready,"             \
	" j.cancel_requested, ifnull(j.runner_id, 0), j.created_at, j.claimed_at, j.started_at,"  \
	" j.completed_at, j.leg, j.legs, j.matrix, j.fail_fast, j.max_parallel, j.last_seen_at,"  \
	" j.outputs_spec, j.outputs"
#define STEP_COLUMNS                                                                           \
	"id, job_id, position, timeout_minutes, log_bytes, step_id, name, if_cond, run, uses," \
	" working_directory, shell, continue_on_error, env, with_args, status, conclusion,"    \
	" started_at, completed_at, archived_at"

static int run_read(struct query *q, struct run_row *r, struct err *e)
{
	r->id = col_int(q, 0);
	r->repo_id = col_int(q, 1);
	r->run_index = col_int(q, 2);
	r->parent_run_id = col_int(q, 3);
	r->workflow_file = col_text(q, 4);
	r->workflow_name = col_text(q, 5);
	r->event = col_text(q, 6);
	r->event_payload = col_text(q, 7);
	r->head_sha = col_text(q, 8);
	r->head_ref = col_text(q, 9);
	r->actor = col_text(q, 10);
	r->problems = col_text(q, 11);
	r->created_at = col_wall(q, 14);
	r->started_at = col_wall(q, 15);
	r->completed_at = col_wall(q, 16);
	return col_state(q, 12, &r->state, e);
}

static int job_read(struct query *q, struct job_row *r, struct err *e)
{
	r->id = col_int(q, 0);
	r->run_id = col_int(q, 1);
	r->repo_id = col_int(q, 2);
	r->position = col_int(q, 3);
	r->timeout_minutes = col_int(q, 4);
	r->key = col_text(q, 5);
	r->name = col_text(q, 6);
	r->cond = col_text(q, 7);
	r->permissions_json = col_text(q, 8);
	r->ready = col_int(q, 14);
	r->cancel_requested = col_int(q, 15);
	r->runner_id = col_int(q, 16);
	r->created_at = col_wall(q, 17);
	r->claimed_at = col_wall(q, 18);
	r->started_at = col_wall(q, 19);
	r->completed_at = col_wall(q, 20);
	r->leg = col_int(q, 21);
	r->legs = col_int(q, 22);
	r->matrix_json = col_text(q, 23);
	r->fail_fast = col_int(q, 24);
	r->max_parallel = col_int(q, 25);
	r->last_seen_at = col_wall(q, 26);
	if (col_strv(q, 9, &r->runs_on, e) || col_strv(q, 10, &r->needs, e) ||
		col_pairs(q, 11, &r->env, e) || col_pairs(q, 27, &r->outputs_spec, e) ||
		col_pairs(q, 28, &r->outputs, e))
		return -1;
	return col_state(q, 12, &r->state, e);
}

static int step_read(struct query *q, struct step_row *r, struct err *e)
{
	r->id = col_int(q, 0);
	r->job_id = col_int(q, 1);
	r->index = col_int(q, 2);
	r->timeout_minutes = col_int(q, 3);
	r->log_bytes = col_int(q, 4);
	r->step_id = col_text(q, 5);
	r->name = col_text(q, 6);
	r->cond = col_text(q, 7);
	r->run = col_text(q, 8);
	r->uses = col_text(q, 9);
	r->working_directory = col_text(q, 10);
	r->shell = col_text(q, 11);
	r->continue_on_error = col_int(q, 12);
	r->started_at = col_wall(q, 17);
	r->completed_at = col_wall(q, 18);
	r->archived_at = col_wall(q, 19);
	if (col_pairs(q, 13, &r->env, e) || col_pairs(q, 14, &r->with, e))
		return -1;
	return col_state(q, 15, &r->state, e);
}

void run_row_release(struct run_row *r)
{
	char *owned[] = { r->workflow_file, r->workflow_name, r->event, r->event_payload,
		r->head_sha, r->head_ref, r->actor, r->problems };
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	*r = (struct run_row){ 0 };
}

void job_row_release(struct job_row *r)
{
	char *owned[] = { r->key, r->name, r->cond, r->permissions_json, r->matrix_json };
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	strv_release(&r->runs_on);
	strv_release(&r->needs);
	pairs_release(&r->outputs_spec);
	pairs_release(&r->outputs);
	pairs_release(&r->env);
	*r = (struct job_row){ 0 };
}

void step_row_release(struct step_row *r)
{
	char *owned[] = { r->step_id, r->name, r->cond, r->run, r->uses, r->working_directory,
		r->shell };
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free(owned[i]);
	pairs_release(&r->env);
	pairs_release(&r->with);
	*r = (struct step_row){ 0 };
}

void run_list_release(struct run_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		run_row_release(&l->v[i]);
	free(l->v);
	*l = (struct run_list){ 0 };
}

void job_list_release(struct job_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		job_row_release(&l->v[i]);
	free(l->v);
	*l = (struct job_list){ 0 };
}

void step_list_release(struct step_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		step_row_release(&l->v[i]);
	free(l->v);
	*l = (struct step_list){ 0 };
}

int store_run_get(struct store *s, int64_t id, struct run_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e, "SELECT " RUN_COLUMNS " FROM workflow_runs WHERE id = ?", "i", id))
		return -1;
	int rc = sql_next(&q, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "run %lld does not exist", (long long)id);
	return rc < 0 ? -1 : run_read(&q, ret, e);
}

int store_run_list(
	struct store *s, int64_t repo_id, int64_t limit, struct run_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT " RUN_COLUMNS " FROM workflow_runs WHERE ?1 = 0 OR repo_id = ?1"
		    " ORDER BY id DESC LIMIT ?2",
		    "ii", repo_id, limit))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		if (run_read(&q, LIST_ADD(ret), e))
			return -1;
	return rc;
}

int store_job_get(struct store *s, int64_t id, struct job_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT " JOB_COLUMNS " FROM workflow_jobs j"
		    " JOIN workflow_runs r ON r.id = j.run_id WHERE j.id = ?",
		    "i", id))
		return -1;
	int rc = sql_next(&q, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "job %lld does not exist", (long long)id);
	return rc < 0 ? -1 : job_read(&q, ret, e);
}

int store_job_list(struct store *s, int64_t run_id, struct job_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT " JOB_COLUMNS " FROM workflow_jobs j"
		    " JOIN workflow_runs r ON r.id = j.run_id WHERE j.run_id = ?"
		    " ORDER BY j.position",
		    "i", run_id))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		if (job_read(&q, LIST_ADD(ret), e))
			return -1;
	return rc;
}

int store_step_list(struct store *s, int64_t job_id, struct step_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT " STEP_COLUMNS
		    " FROM workflow_steps WHERE job_id = ? ORDER BY position",
		    "i", job_id))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		if (step_read(&q, LIST_ADD(ret), e))
			return -1;
	return rc;
}

int store_lost_list(struct store *s, const struct lost_spec *l, struct job_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT " JOB_COLUMNS " FROM workflow_jobs j"
		    " JOIN workflow_runs r ON r.id = j.run_id"
		    " LEFT JOIN runners u ON u.id = j.runner_id"
		    " WHERE j.status = 'running' AND ifnull(j.last_seen_at, j.claimed_at) <= ?1"
		    " AND (ifnull(j.last_seen_at, j.claimed_at) <= ?2"
		    " OR ifnull(u.last_heartbeat_at, 0) <= ?1) ORDER BY j.id",
		    "ww", l->silent_since, l->token_dead_since))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		if (job_read(&q, LIST_ADD(ret), e))
			return -1;
	return rc;
}
