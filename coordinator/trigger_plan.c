#include "coordinator/trigger_plan.h"

#include "base/json.h"
#include "base/limits.h"

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

static int fill_job(struct run_plan *p, size_t i, const struct workflow *w, struct err *e)
{
	const struct workflow_job *job = &w->jobs[i];
	struct run_step_spec *steps = xcalloc(job->n_steps + 1, sizeof(*steps));

	p->jobs[i] = (struct run_job_spec){
		.key = job->key,
		.name = job->name,
		.runs_on = &job->runs_on,
		.needs = &job->needs,
		.cond = job->condition,
		.timeout_minutes = job->timeout_minutes,
		.env = &p->env[i],
		.steps = steps,
		.n_steps = job->n_steps,
	};
	p->n_jobs = i + 1;
	merge_env(&p->env[i], &w->env, &job->env);
	for (size_t k = 0; k < job->n_steps; k++)
		fill_step(&steps[k], &job->steps[k], job, w);
	const struct workflow_permissions *permissions =
		job->permissions.given ? &job->permissions : &w->permissions;
	if (permissions->given && permissions_text(permissions, &p->permissions[i], e) < 0)
		return -1;
	p->jobs[i].permissions_json = p->permissions[i];
	return 0;
}

int run_plan_make(struct run_plan *p, const struct workflow *w, struct err *e)
{
	*p = (struct run_plan){
		.jobs = xcalloc(w->n_jobs + 1, sizeof(*p->jobs)),
		.env = xcalloc(w->n_jobs + 1, sizeof(*p->env)),
		.permissions = xcalloc(w->n_jobs + 1, sizeof(*p->permissions)),
	};
	for (size_t i = 0; i < w->n_jobs; i++)
		if (fill_job(p, i, w, e) < 0) {
			run_plan_release(p);
			return -1;
		}
	return 0;
}

void run_plan_release(struct run_plan *p)
{
	for (size_t i = 0; i < p->n_jobs; i++) {
		free((void *)p->jobs[i].steps);
		pairs_release(&p->env[i]);
		free(p->permissions[i]);
	}
	free(p->jobs);
	free(p->env);
	free(p->permissions);
	*p = (struct run_plan){ 0 };
}
