/*
 * The answer to a claim (docs/COORDINATOR.md, "Claim keys"). Absent texts are "", absent maps {}:
 * runners in the field read them so. Keys beyond the hosted service stand at the end; runners that
 * do not know them skip them.
 */
#include "coordinator/claim/claim.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/queue/needs.h"
#include "coordinator/scrub/scrub.h"
#include "coordinator/store/job.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/run.h"
#include "coordinator/store/runner.h"
#include "coordinator/environment/secret.h"
#include "coordinator/store/state.h"
#include "coordinator/store/step.h"
#include "coordinator/view/row_json.h"
#include "workflow/leg.h"

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
	if (t->timeout_expression)
		json_kv_str(w, "timeout_expression", t->timeout_expression);
	if (t->continue_expression)
		json_kv_str(w, "continue_expression", t->continue_expression);
	json_end_object(w);
}

static int steps_write(struct json_writer *w, struct store *s, int64_t job_id, struct err *e)
{
	CLEANUP(job_steps_release) struct job_steps l = { 0 };

	if (store_step_list(s, job_id, &l, e) < 0)
		return -1;
	json_key(w, "steps");
	json_begin_array(w);
	for (size_t i = 0; i < l.n; i++)
		step_write(w, &l.v[i]);
	json_end_array(w);
	return 0;
}

static int secret_open(struct app *a, const struct value_row *r, struct pairs *ret, struct err *e)
{
	const struct value_scope scope = value_scope_of(r);
	struct buf value = BUF_INIT(LIMIT_MASK_VALUE + 1);
	CLEAN_STR char *context = secret_context(&scope, r->name);
	int rc = unseal(&a->keys, context, r->bytes, r->len, &value, e);

	if (rc == 0)
		pairs_set_n(ret, r->name, buf_cstr(&value), value.len);
	buf_release_wipe(&value);
	return rc < 0 ? err_wrap(e, "secret %s", r->name) : 0;
}

/* Runs of others' pull requests get no secrets and no variables: the code is not the repository's.
 */
static bool is_of_others(const struct run_row *run)
{
	return !run_gets_secrets(run);
}

/* What a run of others asks for, cut down to reading; no token for other services. */
static int permissions_write(
	struct json_writer *w, const struct run_row *run, const struct job_row *job, struct err *e)
{
	if (!is_of_others(run))
		return kv_json(w, "permissions", job->permissions_json, e);
	CLEAN_JSON struct json_doc *d =
		json_parse(job->permissions_json, strlen(job->permissions_json), NULL, e);
	if (!d)
		return err_wrap(e, "permissions");
	json_key(w, "permissions");
	json_begin_object(w);
	json_array_each (scope, json_root(d)) {
		bool writes = scope->type == JSON_STRING && str_eq(scope->string, "write");

		json_kv_str(w, scope->key,
			str_eq(scope->key, "id-token") || scope->type != JSON_STRING ? "none"
			: writes                                                     ? "read"
				 : scope->string);
	}
	json_end_object(w);
	return 0;
}

/* The job has passed the gate of its environment: it would not have been claimed else. */
static int secrets_open(struct app *a, const struct run_row *run, const struct job_row *job,
	struct pairs *ret, struct err *e)
{
	CLEANUP(value_list_release) struct value_list l = { 0 };

	if (is_of_others(run))
		return 0;
	if (store_value_visible(a->store, VALUE_SECRET, run->repo_id, job->environment, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if (secret_open(a, &l.v[i], ret, e) < 0)
			return -1;
	return 0;
}

static int secrets_write(struct json_writer *w, struct app *a, const struct run_row *run,
	const struct job_row *job, struct err *e)
{
	CLEANUP(pairs_release) struct pairs secrets = { 0 };
	CLEANUP(pairs_release) struct pairs vars = { 0 };

	if (secrets_open(a, run, job, &secrets, e) < 0 ||
		scrub_claimed(a, job->id, &secrets, e) < 0 ||
		(!is_of_others(run) &&
			store_variables(a->store, run->repo_id, job->environment, &vars, e) < 0))
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

	if (store_repo_get(a->store, run->repo_id, &repo, e) < 0)
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

/* Keys beyond the hosted service's: what contexts say of a run that its event does not. */
static int run_context_write(struct json_writer *w, struct app *a, const struct run_row *run,
	const struct job_row *job, struct err *e)
{
	CLEANUP(runner_row_release) struct runner_row runner = { 0 };

	if (store_runner_get(a->store, job->runner_id, &runner, e) < 0)
		return -1;
	json_kv_str(w, "runner_name", runner.name);
	json_kv_int(w, "run_attempt", run->attempt);
	kv_text(w, "actor", run->first_actor);
	kv_text(w, "triggering_actor", run->actor);
	if (run_trust_text(run)) /* a runner may have rules of its own for such jobs */
		json_kv_str(w, "trust", run_trust_text(run));
	return run->inputs ? kv_json(w, "inputs", run->inputs, e) : 0;
}

/* The `needs` context of expressions (a key beyond the hosted service): how each of them ended. */
static int needs_context_write(struct json_writer *w, struct store *s, const struct run_row *run,
	const struct job_row *job, struct err *e)
{
	CLEANUP(job_list_release) struct job_list all = { 0 };

	if (job->needs.n && store_job_list(s, job->run_id, &all, e) < 0)
		return -1;
	json_kv_str(w, "needs_status", needs_status(&all, &job->needs, run->cancels > 0));
	json_key(w, "needs_context");
	needs_write(w, &all, &job->needs);
	return 0;
}

/* Keys beyond the hosted service, too. */
static int matrix_write(struct json_writer *w, const struct job_row *job, struct err *e)
{
	struct leg_place place = { job->fail_fast, job->max_parallel, job->leg, job->legs };

	leg_strategy_write(w, &place);
	if (job->outputs_spec.n) /* asks the runner for POST /jobs/{id}/outputs */
		json_kv_pairs(w, "outputs", &job->outputs_spec);
	if (job->matrix_tainted)
		json_kv_bool(w, "matrix_tainted", true);
	return kv_json(w, "matrix", job->matrix_json, e);
}

static int job_write(struct json_writer *w, struct app *a, const struct job_row *job,
	const char *checkout_token, struct err *e)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };

	if (store_run_get(a->store, job->run_id, &run, e) < 0)
		return -1;
	/* One label on the wire; several, all of them needed, stand comma-separated. */
	CLEAN_BUF struct buf labels = BUF_INIT(LIMIT_NAME * LIMIT_LABELS);
	for (size_t i = 0; i < job->runs_on.n; i++)
		buf_addf(&labels, "%s%s", i ? "," : "", job->runs_on.v[i]);
	json_begin_object(w);
	json_kv_int(w, "id", job->id);
	if (run_write(w, a, &run, checkout_token, e) < 0 ||
		run_context_write(w, a, &run, job, e) < 0)
		return -1;
	json_kv_str(w, "job_key", job->key);
	json_kv_str(w, "job_name", job->name);
	json_kv_str(w, "runs_on", buf_cstr(&labels));
	json_kv_strv(w, "needs", &job->needs);
	kv_text(w, "if", job->cond);
	json_kv_int(w, "timeout_minutes", job->timeout_minutes);
	if (permissions_write(w, &run, job, e) < 0 || secrets_write(w, a, &run, job, e) < 0)
		return -1;
	json_kv_pairs(w, "env", &job->env);
	if (needs_context_write(w, a->store, &run, job, e) < 0 || matrix_write(w, job, e) < 0 ||
		steps_write(w, a->store, job->id, e) < 0)
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
	if (json_writer_finish(&w, rc < 0 ? NULL : e) < 0)
		return -1;
	return rc;
}
