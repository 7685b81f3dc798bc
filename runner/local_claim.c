/* See local_claim.h. */
#include "runner/local_claim.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"
#include "workflow/leg.h"

#define NO_COMMIT "0000000000000000000000000000000000000000"

/* ---- payload ---- */

static const char *short_ref(const char *ref)
{
	return str_starts(ref, "refs/heads/") ? ref + strlen("refs/heads/") : ref;
}

static void write_person(
	struct json_writer *w, const char *key, const char *name_key, const struct local_event *ev)
{
	json_key(w, key);
	json_begin_object(w);
	json_kv_str(w, name_key, ev->actor);
	json_end_object(w);
}

static void write_repository(struct json_writer *w, const struct local_event *ev)
{
	const char *slash = strrchr(ev->repository, '/');

	json_begin_object(w);
	json_kv_str(w, "name", slash ? slash + 1 : ev->repository);
	json_kv_str(w, "full_name", ev->repository);
	json_kv_str(w, "clone_url", ev->url);
	json_end_object(w);
}

static void push_ref(struct json_writer *w, const struct local_event *ev)
{
	json_str(w, ev->ref);
}

static void push_before(struct json_writer *w, const struct local_event *ev)
{
	(void)ev;
	json_str(w, NO_COMMIT);
}

static void push_after(struct json_writer *w, const struct local_event *ev)
{
	json_str(w, ev->sha);
}

static void push_commit(struct json_writer *w, const struct local_event *ev)
{
	json_begin_object(w);
	json_kv_str(w, "id", ev->sha);
	write_person(w, "author", "name", ev);
	json_end_object(w);
}

static void pull_request(struct json_writer *w, const struct local_event *ev)
{
	json_begin_object(w);
	json_kv_int(w, "number", 1);
	json_key(w, "head");
	json_begin_object(w);
	json_kv_str(w, "ref", short_ref(ev->ref));
	json_kv_str(w, "sha", ev->sha);
	json_end_object(w);
	json_end_object(w);
}

static void opened(struct json_writer *w, const struct local_event *ev)
{
	(void)ev;
	json_str(w, "opened");
}

static void number(struct json_writer *w, const struct local_event *ev)
{
	(void)ev;
	json_int(w, 1);
}

static void dispatch_inputs(struct json_writer *w, const struct local_event *ev)
{
	json_begin_object(w);
	for (size_t i = 0; i < ev->inputs.n; i++)
		json_kv_str(w, ev->inputs.v[i].key, ev->inputs.v[i].value);
	json_end_object(w);
}

static void dispatch_file(struct json_writer *w, const struct local_event *ev)
{
	json_str(w, ev->workflow_file);
}

static void sender(struct json_writer *w, const struct local_event *ev)
{
	json_begin_object(w);
	json_kv_str(w, "login", ev->actor);
	json_end_object(w);
}

/* What a payload always has. event NULL: of every event. always: also instead of a given one. */
static const struct {
	const char *event, *key;
	void (*write)(struct json_writer *w, const struct local_event *ev);
	bool always;
} members[] = {
	{ NULL, "repository", write_repository, false },
	{ NULL, "sender", sender, false },
	{ "push", "ref", push_ref, false },
	{ "push", "before", push_before, false },
	{ "push", "after", push_after, false },
	{ "push", "head_commit", push_commit, false },
	{ "pull_request", "action", opened, false },
	{ "pull_request", "number", number, false },
	{ "pull_request", "pull_request", pull_request, false },
	{ "workflow_dispatch", "ref", push_ref, false },
	{ "workflow_dispatch", "workflow", dispatch_file, false },
	{ "workflow_dispatch", "inputs", dispatch_inputs, true },
};

static bool is_replaced(const struct local_event *ev, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (members[i].always && str_eq(members[i].key, key) &&
			str_eq(members[i].event, ev->name))
			return true;
	return false;
}

int local_payload_make(struct local_event *ev, const struct json_value *given, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_CLAIM_BYTES);
	struct json_limits lim = { .bytes = LIMIT_CLAIM_BYTES };
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	for (size_t i = 0; given && i < given->count; i++) {
		if (is_replaced(ev, given->items[i]->key))
			continue;
		json_key(&w, given->items[i]->key);
		json_copy(&w, given->items[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if ((members[i].event && !str_eq(members[i].event, ev->name)) ||
			(!members[i].always && json_get(given, members[i].key)))
			continue;
		json_key(&w, members[i].key);
		members[i].write(&w, ev);
	}
	json_end_object(&w);
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
	json_kv_bool(w, "continue_on_error", s->continue_on_error);
	if (s->timeout_minutes)
		json_kv_int(w, "timeout_minutes", s->timeout_minutes);
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
		json_key(w, need);
		json_begin_object(w);
		json_kv_str(w, "result", local_plan_result(p, need));
		json_key(w, "outputs");
		json_begin_object(w);
		json_end_object(w);
		json_end_object(w);
	}
	json_end_object(w);
}

static int write_matrix(struct json_writer *w, const struct local_job *j, struct err *e)
{
	const struct workflow_strategy *strategy = &j->job->strategy;
	struct leg_place place = { .fail_fast = !strategy->given || strategy->fail_fast,
		.max_parallel = strategy->max_parallel,
		.leg = (int64_t)j->leg,
		.legs = (int64_t)j->legs };
	CLEAN_STR char *row = matrix_row_json(&j->row);
	CLEAN_JSON struct json_doc *doc = json_parse(row, strlen(row), NULL, e);

	if (!doc)
		return err_wrap(e, "matrix");
	json_key(w, "matrix");
	json_copy(w, json_root(doc));
	leg_strategy_write(w, &place);
	return 0;
}

/* workflow, job, then --env: what the user says now beats what the file says. */
static void write_env(struct json_writer *w, const struct local_plan *p, const struct local_job *j)
{
	CLEANUP(pairs_release) struct pairs env = { 0 };

	merge(&env, &p->workflow->env);
	merge(&env, &j->job->env);
	merge(&env, &p->event->env);
	json_kv_pairs(w, "env", &env);
}

static void write_run(struct json_writer *w, const struct local_plan *p)
{
	const struct local_event *ev = p->event;

	json_kv_int(w, "run_id", ev->run_id);
	json_kv_int(w, "repo_id", 1);
	json_kv_int(w, "run_index", 1);
	json_kv_str(w, "workflow_file", ev->workflow_file);
	json_kv_str(w, "workflow_name", text(p->workflow->name));
	json_kv_str(w, "checkout_url", ev->url);
	json_kv_str(w, "head_sha", ev->sha);
	json_kv_str(w, "head_ref", ev->ref);
	json_kv_str(w, "event", ev->name);
	json_key(w, "event_payload");
	json_copy(w, json_root(ev->payload));
	json_kv_pairs(w, "vars", &ev->vars);
	json_kv_pairs(w, "inputs", &ev->inputs);
}

/* No `if`: whether it runs was decided here, where what it needs is known. */
static int write_job(
	struct json_writer *w, const struct local_plan *p, const struct local_job *j, struct err *e)
{
	json_begin_object(w);
	json_kv_int(w, "id", j->id);
	write_run(w, p);
	json_kv_str(w, "job_key", j->job->key);
	json_kv_str(w, "job_name", j->name);
	json_kv_strv(w, "runs_on", &j->job->runs_on);
	write_needs(w, p, j);
	json_kv_int(w, "timeout_minutes", j->job->timeout_minutes);
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
