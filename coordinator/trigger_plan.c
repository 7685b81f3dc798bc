#include "coordinator/trigger_plan.h"

#include "base/json.h"
#include "base/limits.h"
#include "workflow/leg.h"
#include "workflow/render.h"

struct plan_leg {
	char *name, *matrix;
	struct strv runs_on;
};
struct plan_shared {
	struct run_step_spec *steps;
	struct pairs env;
	char *permissions; /* NULL: none given */
};

static const char *first(const char *a, const char *b, const char *c)
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
		.timeout_minutes = s->timeout_minutes,
		.continue_on_error = s->continue_on_error,
		.env = &s->env,
		.with = &s->with,
	};
	if (!s->run)
		return;
	out->working_directory = first(s->working_directory, job->defaults.working_directory,
		w->defaults.working_directory);
	out->shell = first(s->shell, job->defaults.shell, w->defaults.shell);
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

static int share(struct plan_shared *out, const struct workflow *w, const struct workflow_job *job,
	struct err *e)
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

static void set_text(struct expr_arena *a, struct expr_value *o, const char *name, const char *text)
{
	expr_set(a, o, name, text ? expr_string(a, text, 0) : expr_null());
}

static struct expr_value shithub_context(
	const struct plan_event *ev, const struct workflow *w, struct expr_arena *a)
{
	CLEAN_JSON struct json_doc *payload =
		json_parse(ev->payload, strlen(ev->payload), NULL, NULL);
	struct expr_value o = expr_object(a);
	const struct {
		const char *name, *value;
	} texts[] = {
		{ "event_name", ev->name },
		{ "sha", ev->sha },
		{ "ref", ev->ref },
		{ "actor", ev->actor },
		{ "repository", ev->repository },
		{ "workflow", w->name },
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		set_text(a, &o, texts[i].name, texts[i].value);
	if (payload)
		expr_set(a, &o, "event", expr_from_json(a, json_root(payload), EXPR_TAINTED));
	return o;
}

static struct expr_context leg_context(const struct plan_event *ev, const struct workflow *w,
	const struct pairs *row, struct expr_arena *a)
{
	struct expr_context c = { .root = expr_object(a), .status = EXPR_NO_STATUS };

	expr_set(a, &c.root, "shithub", shithub_context(ev, w, a));
	expr_set(a, &c.root, "vars", expr_from_pairs(a, ev->vars, 0));
	expr_set(a, &c.root, "matrix", leg_matrix(row, a));
	expr_root_finish(a, &c.root);
	return c;
}

static int fill_leg(struct plan_leg *leg, const struct workflow *w, const struct workflow_job *job,
	const struct plan_event *ev, const struct pairs *row, struct err *e)
{
	CLEAN_EXPR_ARENA struct expr_arena *a = expr_arena_new();
	struct expr_context c = leg_context(ev, w, row, a);

	leg->name = leg_name(job, row, &c);
	leg->matrix = matrix_row_json(row);
	return leg_runs_on(job, &c, &leg->runs_on, e);
}

static void put_spec(struct run_plan *p, size_t at, const struct plan_shared *shared,
	const struct workflow_job *job, size_t leg, size_t legs)
{
	p->jobs[at] = (struct run_job_spec){
		.key = job->key,
		.name = p->legs[at].name,
		.runs_on = &p->legs[at].runs_on,
		.needs = &job->needs,
		.cond = job->condition,
		.timeout_minutes = job->timeout_minutes,
		.permissions_json = shared->permissions,
		.env = &shared->env,
		.steps = shared->steps,
		.n_steps = job->n_steps,
		.leg = (int64_t)leg,
		.legs = (int64_t)legs,
		.matrix_json = p->legs[at].matrix,
		.fail_fast = !job->strategy.given || job->strategy.fail_fast,
		.max_parallel = job->strategy.max_parallel,
		.outputs = &job->outputs,
		.asks_status = render_condition_asks_status(job->condition),
	};
}

static int add_job(struct run_plan *p, const struct workflow *w, const struct workflow_job *job,
	const struct plan_event *ev, struct err *e)
{
	struct plan_shared *shared = &p->shared[p->n_shared++];
	CLEAN_MATRIX struct matrix m = { 0 };

	if (share(shared, w, job, e) < 0 || matrix_expand(&job->strategy, &m, e) < 0)
		return -1;
	for (size_t i = 0; i < m.n; i++) {
		if (p->n_jobs == WORKFLOW_JOBS_MAX)
			return err_set(e, ERR_LIMIT,
				"more than %d jobs with all combinations of the matrices",
				WORKFLOW_JOBS_MAX);
		size_t at = p->n_jobs++;
		if (fill_leg(&p->legs[at], w, job, ev, &m.rows[i], e) < 0)
			return -1;
		put_spec(p, at, shared, job, i, m.n);
	}
	return 0;
}

int run_plan_make(
	struct run_plan *p, const struct workflow *w, const struct plan_event *ev, struct err *e)
{
	*p = (struct run_plan){
		.jobs = xcalloc(WORKFLOW_JOBS_MAX, sizeof(*p->jobs)),
		.legs = xcalloc(WORKFLOW_JOBS_MAX, sizeof(*p->legs)),
		.shared = xcalloc(w->n_jobs + 1, sizeof(*p->shared)),
	};
	for (size_t i = 0; i < w->n_jobs; i++)
		if (add_job(p, w, &w->jobs[i], ev, e) < 0) {
			run_plan_release(p);
			return err_wrap(e, "jobs.%s", w->jobs[i].key);
		}
	return 0;
}

void run_plan_release(struct run_plan *p)
{
	for (size_t i = 0; i < p->n_jobs; i++) {
		free(p->legs[i].name);
		free(p->legs[i].matrix);
		strv_release(&p->legs[i].runs_on);
	}
	for (size_t i = 0; i < p->n_shared; i++) {
		free(p->shared[i].steps);
		free(p->shared[i].permissions);
		pairs_release(&p->shared[i].env);
	}
	free(p->jobs);
	free(p->legs);
	free(p->shared);
	*p = (struct run_plan){ 0 };
}
