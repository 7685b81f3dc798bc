/*
 * Making runs from a typed spec. One transaction: a run is whole or not there. Which jobs may start
 * at once is settle.c's and concurrency.c's to say, as it is later.
 */
#include "coordinator/queue/run_create.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "coordinator/queue/concurrency.h"
#include "coordinator/queue/job_rows.h"
#include "coordinator/queue/settle.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/ids.h"

#define JOBS_MAX 256

static bool key_known(const struct run_spec *r, const char *key)
{
	for (size_t i = 0; i < r->n_jobs; i++)
		if (str_eq(r->jobs[i].key, key))
			return true;
	return false;
}

static int needs_check(const struct run_spec *r, const struct run_job_spec *j, struct err *e)
{
	for (size_t i = 0; j->needs && i < j->needs->n; i++)
		if (!key_known(r, j->needs->v[i]))
			return err_set(e, ERR_INPUT, "job %s needs \"%s\", which is no job", j->key,
				j->needs->v[i]);
	return 0;
}

static int spec_check(const struct run_spec *r, struct err *e)
{
	if (!is_hex_oid(r->head_sha))
		return err_set(e, ERR_INPUT, "head_sha is not 40 lower-case hex digits");
	if (r->problems ? r->n_jobs != 0 : !r->n_jobs || r->n_jobs > JOBS_MAX)
		return err_set(e, ERR_INPUT, "%zu jobs, expected 1 to %d (0 of a broken file)",
			r->n_jobs, JOBS_MAX);
	if (strlen(r->head_ref) > LIMIT_REF || strlen(r->workflow_file) > LIMIT_WORKFLOW_PATH)
		return err_set(e, ERR_INPUT,
			"a ref of %zu and a path of %zu bytes, expected at most %d and %d",
			strlen(r->head_ref), strlen(r->workflow_file), LIMIT_REF,
			LIMIT_WORKFLOW_PATH);
	if (concurrency_check(&r->concurrency, e) < 0)
		return -1;
	for (size_t i = 0; i < r->n_jobs; i++)
		if (job_rows_check(&r->jobs[i], e) < 0 || needs_check(r, &r->jobs[i], e) < 0)
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
		return err_set(e, ERR_NOT_FOUND, "repository %" PRId64 " does not exist", repo_id);
	return rc < 0 ? -1 : 0;
}

int store_run_reserve(struct store *s, int64_t repo_id, struct run_created *ret, struct err *e)
{
	return run_index_next(s, repo_id, &ret->run_index, e) < 0
		       ? -1
		       : store_run_id_next(s, &ret->run_id, e);
}

int run_row_insert(struct store *s, const struct run_spec *r, const struct run_created *at,
	struct wall now, struct err *e)
{
	const char *name = str_empty(r->workflow_name) ? r->workflow_file : r->workflow_name;
	CLEAN_STR char *kept = xmemdup0(name, utf8_cut(name, LIMIT_WORKFLOW_NAME));
	bool broken = r->problems != NULL;
	struct wall ended = broken ? now : (struct wall){ 0 };

	return sql_run(s, e,
		"INSERT INTO workflow_runs (id, repo_id, run_index, workflow_file, workflow_name,"
		" event, event_payload, head_sha, head_ref, actor, problems, parent_run_id,"
		" status, conclusion, created_at, started_at, completed_at, concurrency_group,"
		" cancel_in_progress, pending, inputs, attempt, first_actor, run_name,"
		" pull_number, pull_head, trust, awaits_approval, refused)"
		" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?,"
		" ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		"iiittttttttittwwwtyytittitiyy", at->run_id, r->repo_id, at->run_index,
		r->workflow_file, kept, r->event, r->event_payload, r->head_sha, r->head_ref,
		r->actor, r->problems, r->parent_run_id, broken ? "completed" : "queued",
		broken ? "failure" : NULL, now, ended, ended, r->concurrency.group,
		r->concurrency.cancel_in_progress, r->concurrency.group != NULL, r->inputs,
		r->attempt ? r->attempt : (int64_t)1, r->first_actor, r->run_name, r->pull_number,
		r->pull_head, (int64_t)r->trust, r->awaits_approval, r->refused);
}

int run_let_start(struct store *s, int64_t run_id, bool has_group, struct wall now, struct err *e)
{
	struct state run;

	return has_group ? concurrency_run_enters(s, run_id, now, e)
			 : run_settle(s, run_id, now, &run, e);
}

/* A run that awaits approval holds no place in its concurrency group. */
int run_row_start(struct store *s, int64_t run_id, const struct run_spec *spec, struct wall now,
	struct err *e)
{
	if (spec->problems || spec->awaits_approval)
		return 0;
	return run_let_start(s, run_id, spec->concurrency.group != NULL, now, e);
}

int store_run_create(struct store *s, const struct run_spec *spec, struct wall now,
	struct run_created *ret, struct err *e)
{
	if (spec_check(spec, e) < 0)
		return -1;
	CLEAN_TX struct store_tx tx = { 0 };
	struct run_created at = spec->reserved;
	if (store_begin(s, &tx, e) < 0 ||
		(!at.run_id && store_run_reserve(s, spec->repo_id, &at, e) < 0) ||
		run_row_insert(s, spec, &at, now, e) < 0)
		return -1;
	for (size_t i = 0; i < spec->n_jobs; i++)
		if (job_rows_insert(s, at.run_id, (int64_t)i, &spec->jobs[i], now, e) < 0)
			return -1;
	if (run_row_start(s, at.run_id, spec, now, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	*ret = at;
	return 0;
}
