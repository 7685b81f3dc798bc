/*
 * `jobs:` and what a job is made of. What excludes each other (run and uses) is checked against
 * the file and not against the struct: a bad value must not look like a missing one.
 */
#include <stddef.h>
#include <strings.h>

#include "base/codec.h"
#include "base/limits.h"
#include "workflow/parts.h"
#include "workflow/expr/render.h"

#define JOB(member) offsetof(struct workflow_job, member)
#define STEP(member) offsetof(struct workflow_step, member)

static const char *const scopes[] = { "actions", "artifact-metadata", "attestations", "checks",
	"contents", "deployments", "discussions", "id-token", "issues", "models", "packages",
	"pages", "pull-requests", "repository-projects", "security-events", "statuses" };

static const char *const known_uses[] = { "actions/checkout@v4", "actions/setup-python@v5",
	"shithub/upload-artifact@v1", "shithub/download-artifact@v1" };

static bool in_table(const char *const *table, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(table[i], text))
			return true;
	return false;
}

static void permissions_all(struct workflow_permissions *p, const char *level)
{
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
		pairs_set(&p->scopes, scopes[i], level);
}

static void read_scope(struct reader *r, const struct yaml_node *key, const struct yaml_node *value,
	struct workflow_permissions *p)
{
	static const char *const levels[] = { "read", "write", "none" };
	const char *level = reader_text(r, value, "read, write or none");

	if (!in_table(scopes, ARRAY_LEN(scopes), key->text))
		reader_problem(r, key, "unknown permission, expected one like contents or issues");
	else if (level && !in_table(levels, ARRAY_LEN(levels), level))
		reader_problem(r, value, "\"%.100s\", expected read, write or none", level);
	else if (level)
		pairs_set(&p->scopes, key->text, level);
}

void read_permissions(struct reader *r, const struct yaml_node *n, void *target)
{
	struct workflow_permissions *p = target;

	p->given = true;
	if (n->kind == YAML_SCALAR && str_eq(n->text, "read-all")) {
		permissions_all(p, "read");
	} else if (n->kind == YAML_SCALAR && str_eq(n->text, "write-all")) {
		permissions_all(p, "write");
	} else if (reader_kind(r, n, YAML_MAP, "read-all, write-all or a map of permissions")) {
		for (size_t i = 0; i < n->count; i++) {
			size_t mark = reader_push(r, n->keys[i]->text);

			read_scope(r, n->keys[i], n->items[i], p);
			reader_pop(r, mark);
		}
	}
}

static void read_run_defaults(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = {
		{ "shell", read_text, offsetof(struct workflow_run_defaults, shell) },
		{ "working-directory", read_text,
			offsetof(struct workflow_run_defaults, working_directory) },
	};

	reader_map(r, n, fields, ARRAY_LEN(fields), target);
}

void read_defaults(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = { { "run", read_run_defaults, 0 } };

	reader_map(r, n, fields, ARRAY_LEN(fields), target);
}

static void read_id(struct reader *r, const struct yaml_node *n, void *target)
{
	const char *text = reader_text(r, n, "a name");

	if (text && !is_name(text, "-"))
		reader_problem(
			r, n, "bad name \"%.100s\", expected letters, digits, '-' and '_'", text);
	else if (text)
		*(char **)target = xstrdup(text);
}

/* Without a value it counts as absent, which means success(). */
static void read_condition(struct reader *r, const struct yaml_node *n, void *target)
{
	if (yaml_is_null(n) || (n->kind == YAML_SCALAR && !n->text[strspn(n->text, " \t\r\n")]))
		return;
	read_text(r, n, target);
}

static void read_uses(struct reader *r, const struct yaml_node *n, void *target)
{
	const char *text = reader_text(r, n, "the name of an action");

	if (text && !in_table(known_uses, ARRAY_LEN(known_uses), text))
		reader_problem(r, n, "unknown action \"%.100s\", expected one of: %s %s %s %s",
			text, known_uses[0], known_uses[1], known_uses[2], known_uses[3]);
	else if (text)
		*(char **)target = xstrdup(text);
}

/* Reports against the file, not the struct: a bad value must not look like a missing one. */
static void check_step(struct reader *r, const struct yaml_node *n)
{
	bool run = yaml_get(n, "run"), uses = yaml_get(n, "uses");

	if (run && uses)
		reader_problem(r, n, "both run and uses, expected one of them");
	else if (!run && !uses)
		reader_problem(r, n, "neither run nor uses, expected one of them");
	else if (run && yaml_get(n, "with"))
		reader_problem(
			r, yaml_get(n, "with"), "\"with\" beside run, expected it beside uses");
	else if (uses && yaml_get(n, "shell"))
		reader_problem(
			r, yaml_get(n, "shell"), "\"shell\" beside uses, expected it beside run");
	else if (uses && yaml_get(n, "working-directory"))
		reader_problem(r, yaml_get(n, "working-directory"),
			"\"working-directory\" beside uses, expected it beside run");
}

static void read_step(struct reader *r, const struct yaml_node *n, struct workflow_step *s)
{
	static const struct reader_field fields[] = {
		{ "name", read_text, STEP(name) },
		{ "id", read_id, STEP(id) },
		{ "if", read_condition, STEP(condition) },
		{ "run", read_script, STEP(run) },
		{ "uses", read_uses, STEP(uses) },
		{ "working-directory", read_text, STEP(working_directory) },
		{ "env", read_env, STEP(env) },
		{ "continue-on-error", read_bool_value, STEP(continue_on_error) },
		{ "with", read_with, STEP(with) },
		{ "shell", read_text, STEP(shell) },
		{ "timeout-minutes", read_minutes, STEP(timeout_minutes) },
	};

	if (reader_map(r, n, fields, ARRAY_LEN(fields), s))
		check_step(r, n);
}

static void check_step_ids(
	struct reader *r, const struct yaml_node *list, const struct workflow_job *job)
{
	for (size_t i = 0; i < job->n_steps; i++)
		for (size_t k = 0; job->steps[i].id && k < i; k++)
			if (job->steps[k].id &&
				strcasecmp(job->steps[i].id, job->steps[k].id) == 0) {
				size_t mark = reader_push_index(r, i);

				reader_problem(r, list->items[i],
					"id \"%.100s\" is used twice (case does not count), "
					"expected one "
					"step of that id",
					job->steps[i].id);
				reader_pop(r, mark);
				break;
			}
}

static void read_steps(struct reader *r, const struct yaml_node *n, void *target)
{
	/* called with the job itself, which holds two members of it */
	struct workflow_job *job = target;

	if (!reader_kind(r, n, YAML_LIST, "a list of steps"))
		return;
	if (n->count == 0)
		reader_problem(r, n, "empty list, expected at least one step");
	if (n->count > LIMIT_STEPS) {
		reader_problem(r, n, "%zu steps, expected at most %d", n->count, LIMIT_STEPS);
		return;
	}
	job->steps = xcalloc(n->count + 1, sizeof(*job->steps));
	for (size_t i = 0; i < n->count; i++) {
		size_t mark = reader_push_index(r, i);

		read_step(r, n->items[i], &job->steps[job->n_steps++]);
		reader_pop(r, mark);
	}
	check_step_ids(r, n, job);
}

static void read_labels(struct reader *r, const struct yaml_node *n, void *target)
{
	struct strv *labels = target;

	read_strv(r, n, labels);
	strv_each (label, labels)
		/* with an expression in it: checked when it is rendered */
		if (!label_valid(label) && !render_has_expression(label, strlen(label)))
			reader_problem(r, n, "bad label \"%.100s\", expected " LABEL_RULE, label);
}

/* A group is one more label that a runner must have. */
static void read_runs_on(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = {
		{ "group", read_labels, 0 },
		{ "labels", read_labels, 0 },
	};

	if (n->kind != YAML_MAP)
		read_labels(r, n, target);
	else if (reader_map(r, n, fields, ARRAY_LEN(fields), target) && n->count == 0)
		reader_problem(r, n, "empty map, expected group, labels or both");
}

static void read_environment(struct reader *r, const struct yaml_node *n, void *target)
{
	static const struct reader_field fields[] = {
		{ "name", read_text, offsetof(struct workflow_environment, name) },
		{ "url", read_text, offsetof(struct workflow_environment, url) },
	};
	struct workflow_environment *env = target;

	if (yaml_is_null(n) || (n->kind == YAML_SCALAR && !*n->text))
		return; /* none, as in other services */
	if (n->kind == YAML_SCALAR)
		read_text(r, n, &env->name);
	else if (reader_map(r, n, fields, ARRAY_LEN(fields), env) && !yaml_get(n, "name"))
		reader_problem(r, n, "no name, expected the key name");
}

static const struct reader_field job_fields[] = {
	{ "name", read_text, JOB(name) },
	{ "runs-on", read_runs_on, JOB(runs_on) },
	{ "needs", read_strv, JOB(needs) },
	{ "if", read_condition, JOB(condition) },
	{ "timeout-minutes", read_minutes, JOB(timeout_minutes) },
	{ "permissions", read_permissions, JOB(permissions) },
	{ "env", read_env, JOB(env) },
	{ "defaults", read_defaults, JOB(defaults) },
	{ "steps", read_steps, 0 },
	{ "strategy", read_strategy, JOB(strategy) },
	{ "outputs", read_with, JOB(outputs) },
	{ "services", NULL, 0, "expected a step that starts what the job needs" },
	{ "container", NULL, 0, "expected none: the runner's operator chooses the image" },
	{ "environment", read_environment, JOB(environment) },
	{ "concurrency", read_concurrency, JOB(concurrency) },
	{ "continue-on-error", read_bool_value, JOB(continue_on_error) },
	{ "uses", NULL, 0, "expected the steps of the other workflow in this file" },
	{ "with", NULL, 0, "expected inputs of a step or env" },
	{ "secrets", NULL, 0, "expected none: a job has the secrets of its repository" },
};

static void read_job(struct reader *r, const struct yaml_node *n, struct workflow_job *job)
{
	if (!is_name(job->key, "-") || str_starts(job->key, "__"))
		reader_problem(r, n,
			"bad job key, expected letters, digits, '_' and '-', and no \"__\" at the "
			"start");
	if (!reader_map(r, n, job_fields, ARRAY_LEN(job_fields), job))
		return;
	if (!yaml_get(n, "runs-on") && !yaml_get(n, "uses"))
		reader_problem(r, n, "no runs-on, expected a label");
	if (!yaml_get(n, "steps") && !yaml_get(n, "uses"))
		reader_problem(r, n, "no steps, expected a list of steps");
}

/* Expressions find jobs by name without regard to case. */
static void check_job_key(struct reader *r, const struct yaml_node *jobs, size_t job)
{
	size_t len = strlen(jobs->keys[job]->text);

	if (len > LIMIT_JOB_KEY)
		reader_problem(r, jobs->keys[job], "a key of %zu bytes, expected at most %d", len,
			LIMIT_JOB_KEY);
	for (size_t k = 0; k < job; k++)
		if (strcasecmp(jobs->keys[k]->text, jobs->keys[job]->text) == 0)
			reader_problem(r, jobs->keys[job],
				"differs from job \"%.100s\" in case only, expected another key",
				jobs->keys[k]->text);
}

void read_jobs(struct reader *r, const struct yaml_node *n, void *target)
{
	struct workflow *w = target;

	if (!reader_kind(r, n, YAML_MAP, "a map of jobs"))
		return;
	if (n->count == 0)
		reader_problem(r, n, "empty map, expected at least one job");
	if (n->count > WORKFLOW_JOBS_MAX) {
		reader_problem(r, n, "%zu jobs, expected at most %d", n->count, WORKFLOW_JOBS_MAX);
		return;
	}
	w->jobs = xcalloc(n->count + 1, sizeof(*w->jobs));
	for (size_t i = 0; i < n->count; i++) {
		struct workflow_job *job = &w->jobs[w->n_jobs++];
		size_t mark = reader_push(r, n->keys[i]->text);

		job->key = xstrdup(n->keys[i]->text);
		check_job_key(r, n, i);
		job->timeout_minutes.value = WORKFLOW_TIMEOUT_DEFAULT;
		read_job(r, n->items[i], job);
		reader_pop(r, mark);
	}
}

void permissions_release(struct workflow_permissions *p)
{
	pairs_release(&p->scopes);
}

void defaults_release(struct workflow_run_defaults *d)
{
	free(d->shell);
	free(d->working_directory);
}

static void step_release(struct workflow_step *s)
{
	free(s->id);
	free(s->continue_on_error.expression);
	free(s->timeout_minutes.expression);
	free(s->name);
	free(s->condition);
	free(s->run);
	free(s->uses);
	free(s->working_directory);
	free(s->shell);
	pairs_release(&s->env);
	pairs_release(&s->with);
}

static void job_release(struct workflow_job *j)
{
	free(j->key);
	free(j->timeout_minutes.expression);
	free(j->continue_on_error.expression);
	free(j->name);
	free(j->condition);
	strv_release(&j->runs_on);
	strv_release(&j->needs);
	free(j->environment.name);
	free(j->environment.url);
	concurrency_release(&j->concurrency);
	permissions_release(&j->permissions);
	pairs_release(&j->env);
	pairs_release(&j->outputs);
	defaults_release(&j->defaults);
	strategy_release(&j->strategy);
	for (size_t i = 0; i < j->n_steps; i++)
		step_release(&j->steps[i]);
	free(j->steps);
}

void jobs_release(struct workflow *w)
{
	for (size_t i = 0; i < w->n_jobs; i++)
		job_release(&w->jobs[i]);
	free(w->jobs);
}
