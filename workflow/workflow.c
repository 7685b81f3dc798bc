/*
 * The file's top level, and what only the whole file can show: needs that name no job, and needs
 * in a circle.
 */
#include "workflow/workflow.h"

#include <stddef.h>

#include "workflow/check.h"
#include "workflow/parts.h"

void read_concurrency(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = {
		{ "group", read_text, offsetof(struct workflow_concurrency, group) },
		{ "cancel-in-progress", read_bool_value,
			offsetof(struct workflow_concurrency, cancel_in_progress) },
	};
	struct workflow_concurrency *c = target;

	c->line = n->at.line;
	c->column = n->at.column;
	if (n->kind == YAML_SCALAR)
		read_text(r, n, &c->group);
	else if (reader_map(r, n, fields, ARRAY_LEN(fields), c) && !yaml_get(n, "group"))
		reader_problem(r, n, "no group, expected the key group");
}

void concurrency_release(struct workflow_concurrency *c)
{
	free(c->group);
	free(c->cancel_in_progress.expression);
}

const struct workflow_job *workflow_job_find(const struct workflow *w, const char *key)
{
	for (size_t i = 0; i < w->n_jobs; i++)
		if (str_eq(w->jobs[i].key, key))
			return &w->jobs[i];
	return NULL;
}

/* False when a need is unknown: a cycle search over such a graph would only repeat that. */
static bool check_needs_known(struct reader *r, const struct yaml_node *jobs,
	const struct workflow *w, const struct workflow_job *job)
{
	const struct yaml_node *at = yaml_get(yaml_get(jobs, job->key), "needs");
	bool fine = true;

	strv_each (need, &job->needs) {
		if (workflow_job_find(w, need))
			continue;
		reader_problem(
			r, at, "no job \"%.100s\", expected the key of a job of this file", need);
		fine = false;
	}
	return fine;
}

struct needs {
	bool of[WORKFLOW_JOBS_MAX][WORKFLOW_JOBS_MAX]; /* [job][needed job] */
	bool done[WORKFLOW_JOBS_MAX];
	size_t n;
};

static bool ready(const struct needs *g, size_t job)
{
	for (size_t k = 0; k < g->n; k++)
		if (g->of[job][k] && !g->done[k])
			return false;
	return true;
}

/* Repeatedly takes away the jobs whose needs are all taken away; what stays waits for a cycle. */
static void resolve(struct needs *g)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < g->n; i++) {
			if (g->done[i] || !ready(g, i))
				continue;
			g->done[i] = changed = true;
		}
	}
}

static void check_cycles(struct reader *r, const struct yaml_node *jobs, const struct workflow *w)
{
	struct needs g = { .n = w->n_jobs };

	for (size_t i = 0; i < w->n_jobs; i++)
		strv_each (need, &w->jobs[i].needs)
			g.of[i][workflow_job_find(w, need) - w->jobs] = true;
	resolve(&g);
	for (size_t i = 0; i < w->n_jobs; i++) {
		if (g.done[i])
			continue;
		size_t mark = reader_push(r, w->jobs[i].key);
		reader_problem(r, yaml_get(yaml_get(jobs, w->jobs[i].key), "needs"),
			"part of (or waiting for) a cycle of needs, expected none");
		reader_pop(r, mark);
	}
}

static void check_needs(struct reader *r, const struct yaml_node *jobs, const struct workflow *w)
{
	bool known = true;
	size_t mark = reader_push(r, "jobs");

	for (size_t i = 0; i < w->n_jobs; i++) {
		size_t job = reader_push(r, w->jobs[i].key);
		size_t needs = reader_push(r, "needs");

		known &= check_needs_known(r, jobs, w, &w->jobs[i]);
		reader_pop(r, needs);
		reader_pop(r, job);
	}
	if (known)
		check_cycles(r, jobs, w);
	reader_pop(r, mark);
}

static void read_file(struct reader *r, const struct yaml_node *root, struct workflow *w)
{
	static const struct reader_field fields[] = {
		{ "name", read_text, offsetof(struct workflow, name) },
		{ "on", read_on, offsetof(struct workflow, on) },
		{ "permissions", read_permissions, offsetof(struct workflow, permissions) },
		{ "env", read_env, offsetof(struct workflow, env) },
		{ "concurrency", read_concurrency, offsetof(struct workflow, concurrency) },
		{ "defaults", read_defaults, offsetof(struct workflow, defaults) },
		{ "jobs", read_jobs, 0 },
		{ "run-name", read_text, offsetof(struct workflow, run_name) },
	};

	if (!root || yaml_is_null(root)) {
		reader_problem(r, root, "file is empty, expected the keys on and jobs");
		return;
	}
	if (!reader_map(r, root, fields, ARRAY_LEN(fields), w))
		return;
	if (!yaml_get(root, "on"))
		reader_problem(
			r, root, "no key \"on\", expected the events that start the workflow");
	if (!yaml_get(root, "jobs"))
		reader_problem(r, root, "no key \"jobs\", expected a map of jobs");
	check_needs(r, yaml_get(root, "jobs"), w);
}

int workflow_parse(
	const char *file, const char *text, size_t n, struct workflow *ret, struct strv *problems)
{
	struct reader r = { .file = file, .problems = problems, .path = BUF_INIT(300) };
	struct yaml_where at = { 1, 1 };
	struct err e = { 0 };
	CLEAN_YAML struct yaml_doc *doc = yaml_doc_parse(text, n, &at, &e);

	*ret = (struct workflow){ 0 };
	if (!doc) {
		strv_addf(problems, "%s:%u:%u: %s", file, at.line, at.column, e.text);
		return -1;
	}
	read_file(&r, yaml_doc_root(doc), ret);
	check_expressions(&r, doc);
	buf_release(&r.path);
	if (r.n_problems > WORKFLOW_PROBLEMS_MAX)
		strv_addf(problems, "%s: %zu more problems", file,
			r.n_problems - WORKFLOW_PROBLEMS_MAX);
	if (r.n_problems > 0) {
		workflow_release(ret);
		return -1;
	}
	return 0;
}

void workflow_release(struct workflow *w)
{
	free(w->name);
	free(w->run_name);
	on_release(&w->on);
	permissions_release(&w->permissions);
	pairs_release(&w->env);
	concurrency_release(&w->concurrency);
	defaults_release(&w->defaults);
	jobs_release(w);
	*w = (struct workflow){ 0 };
}
