/*
 * The plan is a flat list of legs in an order in which every job stands after its needs, so
 * deciding and printing are one pass. Job conditions are rendered late, when the results of the
 * needs are known.
 */
#include "runner/local/plan.h"

#include "base/limits.h"
#include "workflow/expr/render.h"
#include "workflow/shithub.h"

void local_event_release(struct local_event *ev)
{
	json_free(ev->payload);
	pairs_release(&ev->inputs);
	pairs_release(&ev->vars);
	pairs_release(&ev->secrets);
	pairs_release(&ev->env);
	*ev = (struct local_event){ 0 };
}

static void job_release(struct local_job *j)
{
	pairs_release(&j->row);
	pairs_release(&j->outputs);
	free(j->name);
}

void local_plan_release(struct local_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		job_release(&p->v[i]);
	free(p->v);
	*p = (struct local_plan){ 0 };
}

/* ---- contexts ---- */

static void set_text(struct expr_arena *a, struct expr_value *o, const char *name, const char *text)
{
	expr_set(a, o, name, text ? expr_string(a, text, 0) : expr_null());
}

static struct expr_value needs_context(
	const struct local_plan *p, const struct workflow_job *job, struct expr_arena *a)
{
	struct expr_value all = expr_object(a);

	strv_each (need, &job->needs) {
		CLEANUP(pairs_release) struct pairs outputs = { 0 };
		struct expr_value one = expr_object(a);

		local_plan_outputs(p, need, &outputs);
		set_text(a, &one, "result", local_plan_result(p, need));
		expr_set(a, &one, "outputs", expr_from_pairs(a, &outputs, EXPR_TAINTED));
		expr_set(a, &all, need, one);
	}
	return all;
}

static struct expr_value inputs_context(const struct local_plan *p, struct expr_arena *a)
{
	struct err ignored = { 0 };
	CLEAN_STR char *text = workflow_inputs_json(p->workflow, &p->event->inputs, &ignored);
	CLEAN_JSON struct json_doc *doc =
		text ? json_parse(text, strlen(text), NULL, &ignored) : NULL;

	return doc ? expr_from_json(a, json_root(doc), EXPR_TAINTED) : expr_object(a);
}

struct expr_context local_plan_context(const struct local_plan *p, const struct workflow_job *job,
	const struct pairs *row, struct expr_arena *a, enum expr_status status)
{
	struct expr_context c = { .root = expr_object(a), .status = status };
	const struct local_event *ev = p->event;
	CLEAN_STR char *server = shithub_server_of(ev->url);
	const struct shithub_facts facts = { .event_name = ev->name,
		.sha = ev->sha,
		.ref = ev->ref,
		.repository = ev->repository,
		.server_url = server,
		.actor = ev->actor,
		.workflow = p->workflow->name,
		.workflow_file = ev->workflow_file,
		.repository_id = LOCAL_REPOSITORY_ID,
		.run_id = ev->run_id,
		.run_number = LOCAL_RUN_NUMBER,
		.run_attempt = LOCAL_RUN_NUMBER,
		.job = job->key,
		.event = ev->payload ? json_root(ev->payload) : NULL };

	expr_set(a, &c.root, "shithub", shithub_context(&facts, a));
	expr_set(a, &c.root, "needs", needs_context(p, job, a));
	expr_set(a, &c.root, "vars", expr_from_pairs(a, &p->event->vars, 0));
	expr_set(a, &c.root, "inputs", inputs_context(p, a));
	if (row)
		expr_set(a, &c.root, "matrix", leg_matrix(row, a));
	expr_root_finish(a, &c.root);
	return c;
}

static struct expr_context leg_context(
	const struct local_plan *p, const struct local_job *j, struct expr_arena *a)
{
	struct expr_context c = local_plan_context(p, j->job, &j->row, a, EXPR_NO_STATUS);

	expr_set(a, &c.root, "strategy", leg_strategy(&j->place, a));
	return c;
}

/* ---- names and limits ---- */

static int render_strategy(const struct local_plan *p, const struct workflow_job *job,
	struct leg_place *ret, struct matrix *ret_matrix, bool *ret_tainted, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = local_plan_context(p, job, NULL, a, EXPR_NO_STATUS);

	if (leg_place_render(&job->strategy, &c, ret, e) < 0 ||
		leg_rows(job, &c, ret_matrix, ret_tainted, e) < 0)
		return err_wrap(e, "jobs.%s", job->key);
	return 0;
}

int local_job_limits(const struct local_plan *p, struct local_job *j, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = leg_context(p, j, a);

	if (workflow_number_render(&j->job->timeout_minutes, &c, LIMIT_TIMEOUT_MINUTES,
		    &j->timeout_minutes, e) < 0)
		return err_wrap(e, "jobs.%s.timeout-minutes", j->job->key);
	if (workflow_bool_render(&j->job->continue_on_error, &c, &j->continue_on_error, e) < 0)
		return err_wrap(e, "jobs.%s.continue-on-error", j->job->key);
	return 0;
}

static void name_job(const struct local_plan *p, struct local_job *j)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = leg_context(p, j, a);

	j->name = leg_name(j->job, &j->row, &c);
}

/* ---- choosing ---- */

static size_t job_index(const struct workflow *w, const char *key)
{
	const struct workflow_job *job = workflow_job_find(w, key);

	return job ? (size_t)(job - w->jobs) : SIZE_MAX;
}

/* NOLINTNEXTLINE(misc-no-recursion): a parsed workflow has no cycle, each job is entered once */
static void want(const struct workflow *w, size_t job, bool *wanted)
{
	if (wanted[job])
		return;
	wanted[job] = true;
	strv_each (need, &w->jobs[job].needs)
		want(w, job_index(w, need), wanted);
}

static int unknown_job(const struct workflow *w, const char *key, struct err *e)
{
	CLEAN_BUF struct buf known = BUF_INIT(600);

	for (size_t i = 0; i < w->n_jobs; i++)
		buf_addf(&known, " %s", w->jobs[i].key);
	return err_set(e, ERR_INPUT, "--job %.100s: no such job, expected one of:%s", key,
		buf_cstr(&known));
}

static int choose(
	const struct workflow *w, const struct local_choice *choice, bool *wanted, struct err *e)
{
	for (size_t i = 0; choice->jobs.n == 0 && i < w->n_jobs; i++)
		wanted[i] = true;
	strv_each (key, &choice->jobs) {
		size_t i = job_index(w, key);

		if (i == SIZE_MAX)
			return unknown_job(w, key, e);
		want(w, i, wanted);
	}
	return 0;
}

/* Whether a row is among what --matrix asks for: of each name that both know, one value. used[i]
 * is set for each choice whose name and value exist somewhere. */
static bool row_wanted(const struct pairs *row, const struct strv *filters, bool *used)
{
	bool all = true;

	for (size_t i = 0; i < row->n; i++) {
		CLEAN_STR char *text = matrix_value_text(row->v[i].value);
		CLEAN_STR char *exact = xasprintf("%s=%s", row->v[i].key, text);
		size_t name = strlen(row->v[i].key) + 1;
		bool asked = false, met = false;

		for (size_t k = 0; k < filters->n; k++) {
			asked |= strncmp(filters->v[k], exact, name) == 0;
			used[k] |= str_eq(filters->v[k], exact);
			met |= str_eq(filters->v[k], exact);
		}
		all &= !asked || met;
	}
	return all;
}

/* ---- making ---- */

static int64_t next_id(const struct local_plan *p)
{
	int64_t id = 0;

	for (size_t i = 0; i < p->n; i++)
		id = p->v[i].id > id ? p->v[i].id : id;
	return id + 1;
}

/* Room for one more job at `at`. */
static struct local_job *insert_job(struct local_plan *p, size_t at)
{
	int64_t id = next_id(p);

	p->v = xrealloc(p->v, (p->n + 1) * sizeof(*p->v));
	memmove(&p->v[at + 1], &p->v[at], (p->n - at) * sizeof(*p->v));
	p->v[at] = (struct local_job){ .id = id };
	p->n++;
	return &p->v[at];
}

/* The legs of the job from `at` on, those that --matrix wants; *ret_n of them. */
static int insert_legs(struct local_plan *p, size_t at, const struct workflow_job *job, bool *used,
	size_t *ret_n, struct err *e)
{
	CLEAN_MATRIX struct matrix m = { 0 };
	struct leg_place place;
	bool tainted = false;

	*ret_n = 0;
	if (render_strategy(p, job, &place, &m, &tainted, e) < 0)
		return -1;
	place.legs = (int64_t)m.n;
	for (size_t i = 0; i < m.n; i++) {
		if (!row_wanted(&m.rows[i], &p->choice->matrix, used))
			continue;
		struct local_job *j = insert_job(p, at + (*ret_n)++);
		place.leg = (int64_t)i;
		j->job = job;
		j->place = place;
		j->timeout_minutes = job->timeout_minutes.value;
		j->matrix_tainted = tainted;
		j->row = TAKE_VALUE(m.rows[i], ((struct pairs){ 0 }));
		name_job(p, j);
	}
	return 0;
}

static void add_waiting(struct local_plan *p, const struct workflow_job *job)
{
	struct local_job *j = insert_job(p, p->n);

	j->job = job;
	j->waits = true;
	j->place = (struct leg_place){ .fail_fast = true, .legs = 1 };
	j->timeout_minutes = job->timeout_minutes.value;
	j->name = xstrdup(job->key);
}

/* *ret_empty: the job, when --matrix leaves nothing of it. */
static int add_legs(struct local_plan *p, const struct workflow_job *job, bool *used,
	const char **ret_empty, struct err *e)
{
	size_t n = 1;

	if (leg_waits(job))
		add_waiting(p, job);
	else if (insert_legs(p, p->n, job, used, &n, e) < 0)
		return -1;
	if (n == 0)
		*ret_empty = job->key;
	return 0;
}

int local_plan_unfold(struct local_plan *p, size_t i, size_t *ret_n, struct err *e)
{
	const struct workflow_job *job = p->v[i].job;
	bool *used = xcalloc(p->choice->matrix.n + 1, sizeof(*used));
	int rc = insert_legs(p, i + 1, job, used, ret_n, e);

	free(used);
	if (rc == 0 && *ret_n == 0)
		rc = err_set(e, ERR_INPUT, "--matrix leaves no combination of job %s", job->key);
	if (rc < 0)
		return -1;
	job_release(&p->v[i]);
	memmove(&p->v[i], &p->v[i + 1], (p->n - i - 1) * sizeof(*p->v));
	p->n--;
	return 0;
}

static bool needs_placed(const struct workflow *w, size_t job, const bool *placed)
{
	strv_each (need, &w->jobs[job].needs)
		if (!placed[job_index(w, need)])
			return false;
	return true;
}

/* Always the first job of the file whose needs are placed: the order of the file where it can be.
 */
static int place_jobs(
	struct local_plan *p, const bool *wanted, bool *used, const char **ret_empty, struct err *e)
{
	const struct workflow *w = p->workflow;
	bool placed[WORKFLOW_JOBS_MAX] = { false };

	for (size_t i = 0; i < w->n_jobs;) {
		if (placed[i] || !wanted[i] || !needs_placed(w, i, placed)) {
			i++;
			continue;
		}
		if (add_legs(p, &w->jobs[i], used, ret_empty, e) < 0)
			return -1;
		placed[i] = true;
		i = 0;
	}
	return 0;
}

static int check_filters(const struct strv *filters, struct err *e)
{
	strv_each (filter, filters) {
		const char *eq = strchr(filter, '=');

		if (!eq || eq == filter)
			return err_set(
				e, ERR_INPUT, "--matrix \"%.100s\": expected name=value", filter);
	}
	return 0;
}

bool local_plan_waits(const struct local_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].waits)
			return true;
	return false;
}

int local_plan_make(struct local_plan *ret, const struct workflow *w,
	const struct local_choice *choice, const struct local_event *ev, struct err *e)
{
	bool wanted[WORKFLOW_JOBS_MAX] = { false };
	bool *used = xcalloc(choice->matrix.n + 1, sizeof(*used));
	const char *empty = NULL;
	int rc = check_filters(&choice->matrix, e);

	*ret = (struct local_plan){ .workflow = w, .event = ev, .choice = choice };
	if (rc == 0)
		rc = choose(w, choice, wanted, e);
	if (rc == 0)
		rc = place_jobs(ret, wanted, used, &empty, e);
	for (size_t i = 0; rc == 0 && i < choice->matrix.n; i++)
		if (!used[i] && !local_plan_waits(ret))
			rc = err_set(e, ERR_INPUT, "--matrix \"%.100s\": no job has that value",
				choice->matrix.v[i]);
	if (rc == 0 && empty)
		rc = err_set(e, ERR_INPUT, "--matrix leaves no combination of job %s", empty);
	free(used);
	return rc;
}
