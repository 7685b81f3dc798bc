/*
 * From a workflow to rows of the store. What several legs of a job have in common (steps, env,
 * permissions) is made once and shared; a leg owns its name, labels and matrix values only.
 */
#include "coordinator/trigger/plan.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/limits.h"
#include "coordinator/store/repo.h"
#include "coordinator/queue/run_create.h"
#include "coordinator/environment/secret.h"
#include "coordinator/trigger/contexts.h"
#include "workflow/leg.h"
#include "workflow/expr/render.h"

struct plan_leg {
	char *name, *matrix;
	char *group; /* of its concurrency; NULL: none */
	struct concurrency_spec concurrency;
	struct strv runs_on;
	char *environment, *environment_url; /* NULL: none */
	int64_t timeout_minutes;
	bool continue_on_error;
};
/* What a plan is made of. */
struct making {
	const struct workflow *workflow;
	const struct plan_event *event;
	const struct plan_values *values;
};
struct plan_shared {
	struct run_step_spec *steps;
	struct pairs env;
	char *permissions; /* NULL: none given */
};

static const char *first_given(const char *a, const char *b, const char *c)
{
	return a ? a : b ? b : c;
}

static void fill_step(struct run_step_spec *out, const struct workflow_step *s,
	const struct workflow_job *job, const struct workflow *w)
{
	*out = (struct run_step_spec){
		.step_id = s->id,
		.name = s->name,
		.cond = s->condition,
		.run = s->run,
		.uses = s->uses,
		.timeout_minutes = s->timeout_minutes.value,
		.continue_on_error = s->continue_on_error.value,
		.timeout_expression = s->timeout_minutes.expression,
		.continue_expression = s->continue_on_error.expression,
		.env = &s->env,
		.with = &s->with,
	};
	if (!s->run)
		return;
	out->working_directory = first_given(s->working_directory, job->defaults.working_directory,
		w->defaults.working_directory);
	out->shell = first_given(s->shell, job->defaults.shell, w->defaults.shell);
}

static void merge_env(struct pairs *out, const struct pairs *a, const struct pairs *b)
{
	for (size_t i = 0; i < a->n; i++)
		pairs_set(out, a->v[i].key, a->v[i].value);
	for (size_t i = 0; i < b->n; i++)
		pairs_set(out, b->v[i].key, b->v[i].value);
}

static int permissions_text(const struct workflow_permissions *p, char **ret, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(16));
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	for (size_t i = 0; i < p->scopes.n; i++)
		json_kv_str(&w, p->scopes.v[i].key, p->scopes.v[i].value);
	json_end_object(&w);
	if (json_writer_finish(&w, e) < 0)
		return -1;
	*ret = buf_take(&out);
	return 0;
}

static int plan_shared_fill(struct plan_shared *out, const struct workflow *w,
	const struct workflow_job *job, struct err *e)
{
	const struct workflow_permissions *permissions =
		job->permissions.given ? &job->permissions : &w->permissions;

	merge_env(&out->env, &w->env, &job->env);
	out->steps = xcalloc(job->n_steps + 1, sizeof(*out->steps));
	for (size_t k = 0; k < job->n_steps; k++)
		fill_step(&out->steps[k], &job->steps[k], job, w);
	return permissions->given ? permissions_text(permissions, &out->permissions, e) : 0;
}

/* ---- legs ---- */

/* *ret_group is the caller's and lives as long as *ret. */
static int render_concurrency(const struct workflow_concurrency *c, const struct plan_event *ev,
	const struct expr_context *x, char **ret_group, struct concurrency_spec *ret, struct err *e)
{
	CLEAN_BUF struct buf group = BUF_INIT(KIB(4));
	bool cancels = false;
	unsigned flags = 0;

	if (!c->group)
		return 0;
	if (ev->group_pull)
		buf_addf(&group, "refs/pull/%" PRId64 "/", ev->group_pull);
	size_t prefix = group.len;
	if (render_text(c->group, strlen(c->group), x, &group, &flags, e) < 0)
		return err_wrap(e, "concurrency: group");
	if (group.len == prefix)
		return err_set(e, ERR_INPUT,
			"concurrency: group: \"%.100s\" gives no text, expected a name", c->group);
	if (workflow_bool_render(&c->cancel_in_progress, x, &cancels, e) < 0)
		return err_wrap(e, "concurrency: cancel-in-progress");
	*ret_group = buf_take(&group);
	*ret = (struct concurrency_spec){ *ret_group, cancels };
	return 0;
}

/* *ret stays NULL without a text, and when expressions leave nothing of it. */
static int render_optional(
	const char *text, const char *key, const struct expr_context *c, char **ret, struct err *e)
{
	CLEAN_BUF struct buf out = BUF_INIT(LIMIT_NAME);
	unsigned flags = 0;

	if (!text)
		return 0;
	if (render_text(text, strlen(text), c, &out, &flags, e) < 0)
		return err_wrap(e, "%s", key);
	if (out.len)
		*ret = buf_take(&out);
	return 0;
}

static int render_limits(struct plan_leg *leg, const struct workflow_job *job,
	const struct expr_context *c, struct err *e)
{
	if (workflow_number_render(
		    &job->timeout_minutes, c, LIMIT_TIMEOUT_MINUTES, &leg->timeout_minutes, e) < 0)
		return err_wrap(e, "timeout-minutes");
	if (workflow_bool_render(&job->continue_on_error, c, &leg->continue_on_error, e) < 0)
		return err_wrap(e, "continue-on-error");
	return 0;
}

static int fill_leg(struct plan_leg *leg, const struct workflow_job *job, const struct making *m,
	const struct pairs *row, const struct leg_place *place, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = plan_context(m->event, m->values, job, row, a);

	expr_set(a, &c.root, "strategy", leg_strategy(place, a));
	leg->name = leg_name(job, row, &c);
	leg->matrix = matrix_row_json(row);
	if (leg_runs_on(job, &c, &leg->runs_on, e) < 0 || render_limits(leg, job, &c, e) < 0 ||
		render_optional(job->environment.name, "environment", &c, &leg->environment, e) <
			0 ||
		render_optional(
			job->environment.url, "environment: url", &c, &leg->environment_url, e) < 0)
		return -1;
	return render_concurrency(
		&job->concurrency, m->event, &c, &leg->group, &leg->concurrency, e);
}

static void put_spec(struct run_plan *p, size_t at, const struct plan_shared *shared,
	const struct workflow_job *job, const struct leg_place *place)
{
	const struct plan_leg *leg = &p->legs[at];

	p->jobs[at] = (struct run_job_spec){
		.key = job->key,
		.name = leg->name,
		.runs_on = &leg->runs_on,
		.needs = &job->needs,
		.cond = job->condition,
		.timeout_minutes = leg->timeout_minutes,
		.permissions_json = shared->permissions,
		.env = &shared->env,
		.steps = shared->steps,
		.n_steps = job->n_steps,
		.leg = place->leg,
		.legs = place->legs,
		.matrix_json = leg->matrix,
		.fail_fast = place->fail_fast,
		.max_parallel = place->max_parallel,
		.outputs = &job->outputs,
		.asks_status = render_condition_asks_status(job->condition),
		.concurrency = leg->concurrency,
		.continue_on_error = leg->continue_on_error,
		.environment = leg->environment,
		.environment_url = leg->environment_url,
	};
}

static int add_leg(struct run_plan *p, const struct plan_shared *shared,
	const struct workflow_job *job, const struct making *by, const struct pairs *row,
	const struct leg_place *place, struct err *e)
{
	if (p->n_jobs == WORKFLOW_JOBS_MAX)
		return err_set(e, ERR_LIMIT,
			"more than %d jobs with all combinations of the matrices",
			WORKFLOW_JOBS_MAX);
	size_t at = p->n_jobs++;
	if (fill_leg(&p->legs[at], job, by, row, place, e) < 0)
		return -1;
	put_spec(p, at, shared, job, place);
	return 0;
}

/* One row that stands for the legs until the needs of the job are over. */
static void add_waiting(
	struct run_plan *p, const struct plan_shared *shared, const struct workflow_job *job)
{
	const struct leg_place place = { .fail_fast = true, .legs = 1 };
	size_t at = p->n_jobs++;

	p->legs[at].name = xstrdup(job->key);
	p->legs[at].timeout_minutes = job->timeout_minutes.value;
	put_spec(p, at, shared, job, &place);
	p->jobs[at].unfolds = UNFOLD_WAITS;
}

static int add_legs(struct run_plan *p, const struct plan_shared *shared,
	const struct workflow_job *job, const struct making *by, struct err *e)
{
	CLEAN_MATRIX struct matrix m = { 0 };
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = plan_context(by->event, by->values, job, NULL, a);
	struct leg_place place;
	bool tainted = false;

	if (leg_place_render(&job->strategy, &c, &place, e) < 0 ||
		leg_rows(job, &c, &m, &tainted, e) < 0)
		return -1;
	place.legs = (int64_t)m.n;
	for (size_t i = 0; i < m.n; i++) {
		place.leg = (int64_t)i;
		if (add_leg(p, shared, job, by, &m.rows[i], &place, e) < 0)
			return -1;
		p->jobs[p->n_jobs - 1].matrix_tainted = tainted;
	}
	return 0;
}

static int add_job(
	struct run_plan *p, const struct workflow_job *job, const struct making *by, struct err *e)
{
	struct plan_shared *shared = &p->shared[p->n_shared++];

	if (plan_shared_fill(shared, by->workflow, job, e) < 0)
		return -1;
	if (by->event->needs || !leg_waits(job))
		return add_legs(p, shared, job, by, e);
	if (p->n_jobs == WORKFLOW_JOBS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d jobs", WORKFLOW_JOBS_MAX);
	add_waiting(p, shared, job);
	return 0;
}

/* What concerns the run as a whole. */
static int plan_run(struct run_plan *p, const struct making *by, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = plan_context(by->event, by->values, NULL, NULL, a);

	if (render_optional(by->workflow->run_name, "run-name", &c, &p->run_name, e) < 0)
		return -1;
	return render_concurrency(
		&by->workflow->concurrency, by->event, &c, &p->group, &p->concurrency, e);
}

static int add_jobs(struct run_plan *p, const struct making *by, struct err *e)
{
	const struct workflow *w = by->workflow;

	if (plan_run(p, by, e) < 0)
		return -1;
	for (size_t i = 0; i < w->n_jobs; i++)
		if (add_job(p, &w->jobs[i], by, e) < 0)
			return err_wrap(e, "jobs.%s", w->jobs[i].key);
	return 0;
}

/* The condition of a job whose needs are over decides before its matrix is made. */
static int job_wanted(
	const struct workflow_job *job, const struct making *by, bool *ret, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = plan_context(by->event, by->values, job, NULL, a);

	return render_condition(job->condition, &c, ret, e) < 0 ? err_wrap(e, "if") : 0;
}

static int unfold_job(
	struct run_plan *p, const char *job_key, const struct making *by, struct err *e)
{
	const struct workflow_job *job = workflow_job_find(by->workflow, job_key);
	bool wanted = false;

	if (!job)
		return err_set(e, ERR_NOT_FOUND, "no such job in the workflow");
	if (job_wanted(job, by, &wanted, e) < 0)
		return -1;
	return wanted ? add_job(p, job, by, e) : 0;
}

static int plan_make(struct run_plan *p, const struct workflow *w, const char *job_key,
	const struct plan_event *ev, struct err *e)
{
	CLEANUP(plan_values_release) struct plan_values values = { 0 };
	const struct making by = { w, ev, &values };

	*p = (struct run_plan){
		.jobs = xcalloc(WORKFLOW_JOBS_MAX, sizeof(*p->jobs)),
		.legs = xcalloc(WORKFLOW_JOBS_MAX, sizeof(*p->legs)),
		.shared = xcalloc(w->n_jobs + 1, sizeof(*p->shared)),
		.untrusted = ev->untrusted,
	};
	if (plan_values_read(ev, &values, e) == 0 &&
		(job_key ? unfold_job(p, job_key, &by, e) : add_jobs(p, &by, e)) == 0)
		return 0;
	run_plan_release(p);
	return -1;
}

int run_plan_make(
	struct run_plan *p, const struct workflow *w, const struct plan_event *ev, struct err *e)
{
	return plan_make(p, w, NULL, ev, e);
}

int run_plan_unfold(struct run_plan *p, const struct workflow *w, const char *job_key,
	const struct plan_event *ev, struct err *e)
{
	return plan_make(p, w, job_key, ev, e) < 0 ? err_wrap(e, "jobs.%s", job_key) : 0;
}

void run_plan_release(struct run_plan *p)
{
	for (size_t i = 0; i < p->n_jobs; i++) {
		free(p->legs[i].name);
		free(p->legs[i].matrix);
		free(p->legs[i].group);
		free(p->legs[i].environment);
		free(p->legs[i].environment_url);
		strv_release(&p->legs[i].runs_on);
	}
	for (size_t i = 0; i < p->n_shared; i++) {
		free(p->shared[i].steps);
		free(p->shared[i].permissions);
		pairs_release(&p->shared[i].env);
	}
	free(p->group);
	free(p->run_name);
	free(p->jobs);
	free(p->legs);
	free(p->shared);
	*p = (struct run_plan){ 0 };
}

int trigger_plan(const struct trigger *t, const struct repo_row *row, const struct workflow *w,
	const char *job_key, const struct plan_event *ev, struct run_plan *ret, struct err *e)
{
	struct plan_event whole = *ev;
	CLEANUP(pairs_release) struct pairs vars = { 0 };
	CLEAN_STR char *full = xasprintf("%s/%s", row->owner, row->name);

	if (!ev->untrusted && store_variables(t->store, row->id, NULL, &vars, e) < 0)
		return -1;
	whole.repository = full;
	whole.repository_id = row->id;
	whole.server_url = t->public_url;
	whole.workflow = w->name;
	whole.vars = &vars;
	return job_key ? run_plan_unfold(ret, w, job_key, &whole, e)
		       : run_plan_make(ret, w, &whole, e);
}
