/*
 * A local run builds the claim that a coordinator would have sent, as JSON text, and the job
 * process parses it like any other. That costs a parse and saves a second way into the job.
 */
#include "runner/local/claim.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"
#include "workflow/leg.h"
#include "workflow/shithub.h"

/* ---- payload ---- */

/* What git tells of the commit; a repository without one has only its id. */
static struct event_commit head_of(const struct local_event *ev)
{
	struct event_commit head = ev->commit;

	head.id = ev->sha;
	head.distinct = true;
	return head;
}

int local_payload_make(struct local_event *ev, const struct json_value *given, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct json_limits lim = { .bytes = LIMIT_CLAIM_BYTES };
	CLEAN_STR char *server = shithub_server_of(ev->url);
	const struct event_commit head = head_of(ev);
	const struct event_facts facts = { .name = ev->name,
		.server_url = server,
		.repository = ev->repository,
		.repository_id = LOCAL_REPOSITORY_ID,
		.default_branch = ev->default_branch,
		.actor = ev->actor,
		.ref = ev->ref,
		.workflow_file = ev->workflow_file,
		.before = ev->before,
		.after = ev->sha,
		.commits = &head,
		.n_commits = 1,
		.head = &head,
		.inputs = &ev->inputs,
		.cron = ev->cron };
	struct json_writer w;

	json_writer_init(&w, &out, false);
	event_payload_write(&w, &facts, given);
	if (json_writer_finish(&w, e) < 0)
		return err_wrap(e, "event payload");
	ev->payload = json_parse(buf_cstr(&out), out.len, &lim, e);
	return ev->payload ? 0 : err_wrap(e, "event payload");
}

/* ---- claim ---- */

static const char *text(const char *s)
{
	return s ? s : "";
}

static const char *first(const char *a, const char *b, const char *c)
{
	return a ? a : b ? b : text(c);
}

static void merge(struct pairs *into, const struct pairs *from)
{
	for (size_t i = 0; i < from->n; i++)
		pairs_set(into, from->v[i].key, from->v[i].value);
}

static void write_step(
	struct json_writer *w, const struct local_plan *p, const struct local_job *j, size_t index)
{
	const struct workflow_step *s = &j->job->steps[index];
	const struct workflow_run_defaults *own = &j->job->defaults, *all = &p->workflow->defaults;

	json_begin_object(w);
	json_kv_int(w, "id", j->id * LIMIT_STEPS + (int64_t)index + 1);
	json_kv_int(w, "index", (int64_t)index);
	json_kv_str(w, "step_id", text(s->id));
	json_kv_str(w, "name", text(s->name));
	json_kv_str(w, "if", text(s->condition));
	json_kv_str(w, "run", text(s->run));
	json_kv_str(w, "uses", text(s->uses));
	json_kv_str(w, "working_directory",
		s->run ? first(s->working_directory, own->working_directory, all->working_directory)
		       : "");
	if (s->run && *first(s->shell, own->shell, all->shell))
		json_kv_str(w, "shell", first(s->shell, own->shell, all->shell));
	json_kv_pairs(w, "env", &s->env);
	json_kv_pairs(w, "with", &s->with);
	json_kv_bool(w, "continue_on_error", s->continue_on_error.value);
	if (s->timeout_minutes.value)
		json_kv_int(w, "timeout_minutes", s->timeout_minutes.value);
	if (s->timeout_minutes.expression)
		json_kv_str(w, "timeout_expression", s->timeout_minutes.expression);
	if (s->continue_on_error.expression)
		json_kv_str(w, "continue_expression", s->continue_on_error.expression);
	json_end_object(w);
}

static void write_secrets(struct json_writer *w, const struct local_event *ev)
{
	json_kv_pairs(w, "secrets", &ev->secrets);
	json_key(w, "mask_values");
	json_begin_array(w);
	for (size_t i = 0; i < ev->secrets.n; i++)
		if (*ev->secrets.v[i].value)
			json_str(w, ev->secrets.v[i].value);
	json_end_array(w);
}

static void write_needs(
	struct json_writer *w, const struct local_plan *p, const struct local_job *j)
{
	json_kv_strv(w, "needs", &j->job->needs);
	json_key(w, "needs_context");
	json_begin_object(w);
	strv_each (need, &j->job->needs) {
		CLEANUP(pairs_release) struct pairs outputs = { 0 };

		local_plan_outputs(p, need, &outputs);
		json_key(w, need);
		json_begin_object(w);
		json_kv_str(w, "result", local_plan_result(p, need));
		json_kv_pairs(w, "outputs", &outputs);
		json_end_object(w);
	}
	json_end_object(w);
}

static int write_matrix(struct json_writer *w, const struct local_job *j, struct err *e)
{
	CLEAN_STR char *row = matrix_row_json(&j->row);
	CLEAN_JSON struct json_doc *doc = json_parse(row, strlen(row), NULL, e);

	if (!doc)
		return err_wrap(e, "matrix");
	json_key(w, "matrix");
	json_copy(w, json_root(doc));
	if (j->matrix_tainted)
		json_kv_bool(w, "matrix_tainted", true);
	leg_strategy_write(w, &j->place);
	return 0;
}

/* workflow, job, then --env: what the user says now overrides what the file says. */
static void write_env(struct json_writer *w, const struct local_plan *p, const struct local_job *j)
{
	CLEANUP(pairs_release) struct pairs env = { 0 };

	merge(&env, &p->workflow->env);
	merge(&env, &j->job->env);
	merge(&env, &p->event->env);
	json_kv_pairs(w, "env", &env);
}

static int write_inputs(struct json_writer *w, const struct local_plan *p, struct err *e)
{
	CLEAN_STR char *text = workflow_inputs_json(p->workflow, &p->event->inputs, e);
	CLEAN_JSON struct json_doc *doc = text ? json_parse(text, strlen(text), NULL, e) : NULL;

	if (!doc)
		return err_wrap(e, "inputs");
	json_key(w, "inputs");
	json_copy(w, json_root(doc));
	return 0;
}

static int write_run(struct json_writer *w, const struct local_plan *p, struct err *e)
{
	const struct local_event *ev = p->event;

	json_kv_int(w, "run_id", ev->run_id);
	json_kv_int(w, "repo_id", LOCAL_REPOSITORY_ID);
	json_kv_int(w, "run_index", LOCAL_RUN_NUMBER);
	json_kv_int(w, "run_attempt", LOCAL_RUN_NUMBER);
	json_kv_str(w, "actor", ev->actor);
	json_kv_str(w, "workflow_file", ev->workflow_file);
	json_kv_str(w, "workflow_name", text(p->workflow->name));
	json_kv_str(w, "checkout_url", ev->url);
	json_kv_str(w, "head_sha", ev->sha);
	json_kv_str(w, "head_ref", ev->ref);
	json_kv_str(w, "event", ev->name);
	json_key(w, "event_payload");
	json_copy(w, json_root(ev->payload));
	json_kv_pairs(w, "vars", &ev->vars);
	return write_inputs(w, p, e);
}

/* No `if`: whether it runs was decided here, where what it needs is known. */
static int write_job(
	struct json_writer *w, const struct local_plan *p, const struct local_job *j, struct err *e)
{
	json_begin_object(w);
	json_kv_int(w, "id", j->id);
	if (write_run(w, p, e) < 0)
		return -1;
	json_kv_str(w, "job_key", j->job->key);
	json_kv_str(w, "job_name", j->name);
	json_kv_strv(w, "runs_on", &j->job->runs_on);
	write_needs(w, p, j);
	json_kv_int(w, "timeout_minutes", j->timeout_minutes);
	json_kv_pairs(w, "outputs", &j->job->outputs);
	write_secrets(w, p->event);
	write_env(w, p, j);
	if (write_matrix(w, j, e) < 0)
		return -1;
	json_key(w, "steps");
	json_begin_array(w);
	for (size_t i = 0; i < j->job->n_steps; i++)
		write_step(w, p, j, i);
	json_end_array(w);
	json_end_object(w);
	return 0;
}

int local_claim_write(const struct local_plan *p, size_t i, struct buf *out, struct err *e)
{
	unsigned char random[32];
	char token[sizeof(random) * 2 + 1];
	struct json_writer w;
	int rc;

	/* nobody takes it; it is masked like any token, so it must not be a word */
	random_bytes(random, sizeof(random));
	hex_encode(random, sizeof(random), token);
	json_writer_init(&w, out, false);
	json_begin_object(&w);
	json_kv_str(&w, "token", token);
	json_key(&w, "job");
	rc = write_job(&w, p, &p->v[i], e);
	json_end_object(&w);
	if (json_writer_finish(&w, rc ? NULL : e) < 0)
		return rc ? -1 : err_wrap(e, "claim of job %s", p->v[i].name);
	return rc;
}
