/* See local_plan.h. */
#include "runner/local_plan.h"

#include "base/limits.h"
#include "workflow/leg.h"
#include "workflow/render.h"

void local_event_release(struct local_event *ev)
{
	json_free(ev->payload);
	pairs_release(&ev->inputs);
	pairs_release(&ev->vars);
	pairs_release(&ev->secrets);
	pairs_release(&ev->env);
	*ev = (struct local_event){ 0 };
}

void local_plan_release(struct local_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		pairs_release(&p->v[i].row);
		free(p->v[i].name);
	}
	free(p->v);
	*p = (struct local_plan){ 0 };
}

/* ---- contexts ---- */

static void set_text(struct expr_arena *a, struct expr_value *o, const char *name, const char *text)
{
	expr_set(a, o, name, text ? expr_string(a, text, 0) : expr_null());
}

static struct expr_value shithub_context(
	const struct local_plan *p, const struct workflow_job *job, struct expr_arena *a)
{
	const struct local_event *ev = p->event;
	struct expr_value o = expr_object(a);
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "event_name", ev->name },
		{ "sha", ev->sha },
		{ "ref", ev->ref },
		{ "repository", ev->repository },
		{ "actor", ev->actor },
		{ "workflow", p->workflow->name },
		{ "job", job->key },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		set_text(a, &o, texts[i].name, texts[i].value);
	if (ev->payload)
		expr_set(a, &o, "event", expr_from_json(a, json_root(ev->payload), EXPR_TAINTED));
	return o;
}

static struct expr_value needs_context(
	const struct local_plan *p, const struct workflow_job *job, struct expr_arena *a)
{
	struct expr_value all = expr_object(a);

	strv_each (need, &job->needs) {
		struct expr_value one = expr_object(a);

		set_text(a, &one, "result", local_plan_result(p, need));
		expr_set(a, &one, "outputs", expr_object(a));
		expr_set(a, &all, need, one);
	}
	return all;
}

struct expr_context local_plan_context(const struct local_plan *p, const struct workflow_job *job,
	const struct pairs *row, struct expr_arena *a, enum expr_status status)
{
	struct expr_context c = { .root = expr_object(a), .status = status };

	expr_set(a, &c.root, "shithub", shithub_context(p, job, a));
	expr_set(a, &c.root, "needs", needs_context(p, job, a));
	expr_set(a, &c.root, "vars", expr_from_pairs(a, &p->event->vars, 0));
	expr_set(a, &c.root, "inputs", expr_from_pairs(a, &p->event->inputs, EXPR_TAINTED));
	if (row)
		expr_set(a, &c.root, "matrix", leg_matrix(row, a));
	expr_root_finish(a, &c.root);
	return c;
}

/* ---- names ---- */

static void name_job(const struct local_plan *p, struct local_job *j)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = local_plan_context(p, j->job, &j->row, a, EXPR_NO_STATUS);

	j->name = leg_name(j->job, &j->row, &c);
}

/* ---- choosing ---- */

static size_t job_index(const struct workflow *w, const char *key)
{
	for (size_t i = 0; i < w->n_jobs; i++)
		if (str_eq(w->jobs[i].key, key))
			return i;
	return SIZE_MAX;
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

/* *ret_empty: the job, when --matrix leaves nothing of it. */
static int add_legs(struct local_plan *p, const struct workflow_job *job,
	const struct local_choice *choice, bool *used, const char **ret_empty, struct err *e)
{
	CLEAN_MATRIX struct matrix m = { 0 };
	size_t first = p->n;

	if (matrix_expand(&job->strategy, &m, e) < 0)
		return err_wrap(e, "jobs.%s.strategy", job->key);
	if (job->outputs.n)
		return err_set(e, ERR_INPUT,
			"jobs.%s.outputs: not supported in local runs, expected a coordinator",
			job->key);
	for (size_t i = 0; i < m.n; i++) {
		struct local_job *j;

		if (!row_wanted(&m.rows[i], &choice->matrix, used))
			continue;
		p->v = xrealloc(p->v, (p->n + 1) * sizeof(*p->v));
		j = &p->v[p->n++];
		*j = (struct local_job){ .job = job, .leg = i, .legs = m.n, .id = (int64_t)p->n };
		j->row = TAKE_VALUE(m.rows[i], ((struct pairs){ 0 }));
		name_job(p, j);
	}
	if (p->n == first)
		*ret_empty = job->key;
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
static int place_jobs(struct local_plan *p, const bool *wanted, const struct local_choice *choice,
	bool *used, const char **ret_empty, struct err *e)
{
	const struct workflow *w = p->workflow;
	bool placed[WORKFLOW_JOBS_MAX] = { false };

	for (size_t i = 0; i < w->n_jobs;) {
		if (placed[i] || !wanted[i] || !needs_placed(w, i, placed)) {
			i++;
			continue;
		}
		if (add_legs(p, &w->jobs[i], choice, used, ret_empty, e) < 0)
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

int local_plan_make(struct local_plan *ret, const struct workflow *w,
	const struct local_choice *choice, const struct local_event *ev, struct err *e)
{
	bool wanted[WORKFLOW_JOBS_MAX] = { false };
	bool *used = xcalloc(choice->matrix.n + 1, sizeof(*used));
	const char *empty = NULL;
	int rc = check_filters(&choice->matrix, e);

	*ret = (struct local_plan){ .workflow = w, .event = ev };
	if (rc == 0)
		rc = choose(w, choice, wanted, e);
	if (rc == 0)
		rc = place_jobs(ret, wanted, choice, used, &empty, e);
	for (size_t i = 0; rc == 0 && i < choice->matrix.n; i++)
		if (!used[i])
			rc = err_set(e, ERR_INPUT, "--matrix \"%.100s\": no job has that value",
				choice->matrix.v[i]);
	if (rc == 0 && empty)
		rc = err_set(e, ERR_INPUT, "--matrix leaves no combination of job %s", empty);
	free(used);
	return rc;
}

/* ---- deciding ---- */

const char *local_plan_result(const struct local_plan *p, const char *key)
{
	/* the worst of its legs */
	static const char *const order[] = { "skipped", "success", "cancelled", "failure" };
	size_t worst = 0;

	for (size_t i = 0; i < p->n; i++) {
		size_t rank = 0;

		if (!str_eq(p->v[i].job->key, key))
			continue;
		if (!p->v[i].result)
			return NULL;
		while (rank < ARRAY_LEN(order) - 1 && !str_eq(order[rank], p->v[i].result))
			rank++; /* timed_out and what else there is counts as failure */
		worst = rank > worst ? rank : worst;
	}
	return order[worst];
}

/* Which jobs failed or wait, directly or not, for one that did. The plan's order makes one pass
 * enough. */
static void mark_failed(const struct local_plan *p, bool *failed)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct workflow_job *job = p->v[i].job;
		const char *result = p->v[i].result;
		bool *mine = &failed[job - p->workflow->jobs];

		*mine |= result && !str_eq(result, "success") && !str_eq(result, "skipped");
		strv_each (need, &job->needs)
			*mine |= failed[job_index(p->workflow, need)];
	}
}

static enum expr_status needs_status(const struct local_plan *p, const struct workflow_job *job)
{
	bool failed[WORKFLOW_JOBS_MAX] = { false };

	mark_failed(p, failed);
	strv_each (need, &job->needs)
		if (failed[job_index(p->workflow, need)])
			return EXPR_FAILURE;
	strv_each (need, &job->needs)
		if (!str_eq(local_plan_result(p, need), "success"))
			return EXPR_SKIPPED;
	return EXPR_SUCCESS;
}

/* A failed leg ends its siblings unless the author wants them all. */
static bool sibling_failed(const struct local_plan *p, const struct local_job *j)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].job == j->job && p->v[i].result && !str_eq(p->v[i].result, "success") &&
			!str_eq(p->v[i].result, "skipped"))
			return j->job->strategy.fail_fast;
	return false;
}

static int stays_out(
	const char *result, const char *why, const char **ret_result, const char **ret_why)
{
	*ret_result = result;
	*ret_why = why;
	return 0;
}

int local_plan_decide(const struct local_plan *p, size_t i, bool cancelled, const char **ret_result,
	const char **ret_why, struct err *e)
{
	const struct local_job *j = &p->v[i];
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	enum expr_status status = needs_status(p, j->job);
	struct expr_context c = local_plan_context(p, j->job, NULL, a, status);
	bool wanted = false;

	if (cancelled)
		return stays_out("cancelled", "the run was cancelled", ret_result, ret_why);
	if (sibling_failed(p, j))
		return stays_out("cancelled", "another job of its matrix failed (fail-fast)",
			ret_result, ret_why);
	if (render_condition(j->job->condition, &c, &wanted, e) < 0)
		return err_wrap(e, "jobs.%s.if", j->job->key);
	if (wanted)
		return 1;
	return stays_out("skipped",
		status == EXPR_SUCCESS ? "its condition is false"
				       : "a job it needs did not succeed",
		ret_result, ret_why);
}
