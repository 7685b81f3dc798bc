/* The answer to a claim (PROTOCOL.md "job"). Absent texts are "", absent maps {}. */
#include "coordinator/claim.h"

#include "base/limits.h"
#include "coordinator/row_json.h"
#include "workflow/leg.h"

char *secret_context(int64_t repo_id, const char *name)
{
	return xasprintf("secret:%lld:%s", (long long)repo_id, name);
}

static void kv_text(struct json_writer *w, const char *key, const char *value)
{
	json_kv_str(w, key, value ? value : "");
}

static void step_write(struct json_writer *w, const struct step_row *t)
{
	json_begin_object(w);
	json_kv_int(w, "id", t->id);
	json_kv_int(w, "index", t->index);
	kv_text(w, "step_id", t->step_id);
	kv_text(w, "name", t->name);
	kv_text(w, "if", t->cond);
	kv_text(w, "run", t->run);
	kv_text(w, "uses", t->uses);
	kv_text(w, "working_directory", t->working_directory);
	json_kv_pairs(w, "env", &t->env);
	json_kv_pairs(w, "with", &t->with);
	json_kv_bool(w, "continue_on_error", t->continue_on_error);
	/* Keys beyond the hosted service's; runners that do not know them skip them. */
	if (t->shell)
		json_kv_str(w, "shell", t->shell);
	if (t->timeout_minutes)
		json_kv_int(w, "timeout_minutes", t->timeout_minutes);
	json_end_object(w);
}

static int steps_write(struct json_writer *w, struct store *s, int64_t job_id, struct err *e)
{
	CLEANUP(step_list_release) struct step_list l = { 0 };
	if (store_step_list(s, job_id, &l, e))
		return -1;
	json_key(w, "steps");
	json_begin_array(w);
	for (size_t i = 0; i < l.n; i++)
		step_write(w, &l.v[i]);
	json_end_array(w);
	return 0;
}

static int secret_open(struct app *a, int64_t repo_id, const struct secret_row *r,
	struct pairs *ret, struct err *e)
{
	struct buf value = BUF_INIT(LIMIT_MASK_VALUE + 1);
	CLEAN_STR char *context = secret_context(repo_id, r->name);
	int rc = unseal(&a->keys, context, r->sealed, r->sealed_len, &value, e);
	if (rc == 0)
		pairs_set_n(ret, r->name, buf_cstr(&value), value.len);
	buf_release_wipe(&value);
	return rc ? err_wrap(e, "secret %s", r->name) : 0;
}

/* Runs of pull requests get no secrets: their code is not the repository's. */
static int secrets_open(struct app *a, const struct run_row *run, struct pairs *ret, struct err *e)
{
	CLEANUP(secret_list_release) struct secret_list l = { 0 };
	if (str_starts(run->event, "pull_request"))
		return 0;
	if (store_secret_list(a->store, run->repo_id, &l, e))
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if (secret_open(a, run->repo_id, &l.v[i], ret, e))
			return -1;
	return 0;
}

static int secrets_write(
	struct json_writer *w, struct app *a, const struct run_row *run, struct err *e)
{
	CLEANUP(pairs_release) struct pairs secrets = { 0 };
	CLEANUP(pairs_release) struct pairs vars = { 0 };
	if (secrets_open(a, run, &secrets, e) ||
		store_variable_list(a->store, run->repo_id, &vars, e))
		return -1;
	json_kv_pairs(w, "secrets", &secrets);
	json_key(w, "mask_values");
	json_begin_array(w);
	for (size_t i = 0; i < secrets.n; i++)
		if (*secrets.v[i].value)
			json_str(w, secrets.v[i].value);
	json_end_array(w);
	json_kv_pairs(w, "vars", &vars);
	return 0;
}

static int run_write(struct json_writer *w, struct app *a, const struct run_row *run,
	const char *checkout_token, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	if (store_repo_get(a->store, run->repo_id, &repo, e))
		return -1;
	CLEAN_STR char *url = xasprintf("%s/%s/%s.git", a->public_url, repo.owner, repo.name);
	json_kv_int(w, "run_id", run->id);
	json_kv_int(w, "repo_id", run->repo_id);
	json_kv_int(w, "run_index", run->run_index);
	json_kv_str(w, "workflow_file", run->workflow_file);
	json_kv_str(w, "workflow_name", run->workflow_name);
	json_kv_str(w, "checkout_url", url);
	json_kv_str(w, "checkout_token", checkout_token);
	json_kv_str(w, "head_sha", run->head_sha);
	json_kv_str(w, "head_ref", run->head_ref);
	json_kv_str(w, "event", run->event);
	return kv_json(w, "event_payload", run->event_payload, e);
}

/* The worst of the legs of a job. */
static enum conclusion need_result(const struct job_list *all, const char *key)
{
	enum conclusion worst = CONCLUSION_NONE;
	for (size_t i = 0; i < all->n; i++)
		if (str_eq(all->v[i].key, key))
			worst = conclusion_worse(worst, all->v[i].state.conclusion);
	return worst;
}

static bool went_wrong(enum conclusion c)
{
	return c != CONCLUSION_NONE && c != CONCLUSION_SUCCESS && c != CONCLUSION_SKIPPED;
}

/* Whether the job or one that it needs, directly or not, went wrong. */
/* NOLINTNEXTLINE(misc-no-recursion): needs have no cycle, each job is entered once */
static bool branch_failed(const struct job_list *all, const char *key, struct strv *seen)
{
	if (strv_contains(seen, key))
		return false;
	strv_add(seen, key);
	if (went_wrong(need_result(all, key)))
		return true;
	for (size_t i = 0; i < all->n; i++) {
		if (!str_eq(all->v[i].key, key))
			continue;
		strv_each (need, &all->v[i].needs)
			if (branch_failed(all, need, seen))
				return true;
		return false; /* all legs need the same */
	}
	return false;
}

/* What success() and failure() of the job's condition go by. */
static const char *needs_status(const struct job_list *all, const struct job_row *job)
{
	CLEANUP(strv_release) struct strv seen = { 0 };
	strv_each (need, &job->needs)
		if (branch_failed(all, need, &seen))
			return "failure";
	strv_each (need, &job->needs)
		if (need_result(all, need) != CONCLUSION_SUCCESS)
			return "skipped";
	return "success";
}

/* Of several legs the last one that said something counts. */
static void outputs_write(struct json_writer *w, const struct job_list *all, const char *key)
{
	CLEANUP(pairs_release) struct pairs outputs = { 0 };
	for (size_t i = 0; i < all->n; i++) {
		const struct pairs *o = &all->v[i].outputs;
		for (size_t k = 0; str_eq(all->v[i].key, key) && k < o->n; k++)
			if (*o->v[k].value || !pairs_get(&outputs, o->v[k].key))
				pairs_set(&outputs, o->v[k].key, o->v[k].value);
	}
	json_kv_pairs(w, "outputs", &outputs);
}

/* The `needs` context of expressions (a key beyond the hosted service): how each of them ended. */
static int needs_write(
	struct json_writer *w, struct store *s, const struct job_row *job, struct err *e)
{
	CLEANUP(job_list_release) struct job_list all = { 0 };
	if (job->needs.n && store_job_list(s, job->run_id, &all, e))
		return -1;
	json_kv_str(w, "needs_status", needs_status(&all, job));
	json_key(w, "needs_context");
	json_begin_object(w);
	strv_each (key, &job->needs) {
		json_key(w, key);
		json_begin_object(w);
		json_kv_str(w, "result", conclusion_text(need_result(&all, key)));
		outputs_write(w, &all, key);
		json_end_object(w);
	}
	json_end_object(w);
	return 0;
}

/* Keys beyond the hosted service, too. */
static int matrix_write(struct json_writer *w, const struct job_row *job, struct err *e)
{
	struct leg_place place = { job->fail_fast, job->max_parallel, job->leg, job->legs };
	leg_strategy_write(w, &place);
	if (job->outputs_spec.n) /* asks the runner for POST /jobs/{id}/outputs */
		json_kv_pairs(w, "outputs", &job->outputs_spec);
	return kv_json(w, "matrix", job->matrix_json, e);
}

static int job_write(struct json_writer *w, struct app *a, const struct job_row *job,
	const char *checkout_token, struct err *e)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };
	if (store_run_get(a->store, job->run_id, &run, e))
		return -1;
	/* One label on the wire; several, all of them needed, stand comma-separated. */
	CLEAN_BUF struct buf labels = BUF_INIT(LIMIT_NAME * LIMIT_LABELS);
	for (size_t i = 0; i < job->runs_on.n; i++)
		buf_addf(&labels, "%s%s", i ? "," : "", job->runs_on.v[i]);
	json_begin_object(w);
	json_kv_int(w, "id", job->id);
	if (run_write(w, a, &run, checkout_token, e))
		return -1;
	json_kv_str(w, "job_key", job->key);
	json_kv_str(w, "job_name", job->name);
	json_kv_str(w, "runs_on", buf_cstr(&labels));
	json_kv_strv(w, "needs", &job->needs);
	kv_text(w, "if", job->cond);
	json_kv_int(w, "timeout_minutes", job->timeout_minutes);
	if (kv_json(w, "permissions", job->permissions_json, e) || secrets_write(w, a, &run, e))
		return -1;
	json_kv_pairs(w, "env", &job->env);
	if (needs_write(w, a->store, job, e) || matrix_write(w, job, e) ||
		steps_write(w, a->store, job->id, e))
		return -1;
	json_end_object(w);
	return 0;
}

int claim_json(struct app *a, const struct job_row *job, const struct claim_tokens *t,
	struct buf *out, struct err *e)
{
	struct json_writer w;
	char when[WALL_TEXT_MAX];
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "token", t->job_token);
	json_kv_str(&w, "expires_at", wall_format(t->expires_at, when));
	json_key(&w, "job");
	int rc = job_write(&w, a, job, t->checkout_token, e);
	json_end_object(&w);
	if (json_writer_finish(&w, rc ? NULL : e))
		return -1;
	return rc;
}
