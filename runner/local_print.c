/* See local_print.h. */
#include "runner/local_print.h"

#include <stdio.h>

#include "base/limits.h"
#include "runner/local_report.h"

static size_t leg_count(const struct workflow_job *job)
{
	CLEAN_MATRIX struct matrix m = { 0 };
	struct err e = { 0 };

	return matrix_expand(&job->strategy, &m, &e) < 0 ? 0 : m.n;
}

static char *joined(const struct strv *words, const char *between)
{
	struct buf out = BUF_INIT(LIMIT_WORKFLOW_FILE * 2);

	strv_each (word, words)
		buf_addf(&out, "%s%s", out.len ? between : "", word);
	return buf_take(&out);
}

static char *events_of(const struct workflow *w)
{
	CLEANUP(strv_release) struct strv events = { 0 };
	const struct {
		const char *name;
		bool given;
	} all[] = {
		{ "push", w->on.push.given },
		{ "pull_request", w->on.pull_request.given },
		{ "workflow_dispatch", w->on.dispatch.given },
		{ "schedule", w->on.crons.n > 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].given)
			strv_add(&events, all[i].name);
	return joined(&events, ", ");
}

/* ---- text ---- */

void local_print_jobs(const char *file, const struct workflow *w)
{
	CLEAN_STR char *events = events_of(w);

	printf("%s%s%s (on %s)\n", file, w->name ? ": " : "", w->name ? w->name : "", events);
	for (size_t i = 0; i < w->n_jobs; i++) {
		const struct workflow_job *job = &w->jobs[i];
		CLEAN_STR char *needs = joined(&job->needs, ", ");
		size_t legs = leg_count(job);

		printf("  %-20s", job->key);
		if (job->name)
			printf(" %s,", job->name);
		printf(" %zu step%s", job->n_steps, job->n_steps == 1 ? "" : "s");
		if (job->strategy.has_matrix)
			printf(", %zu combination%s", legs, legs == 1 ? "" : "s");
		printf("%s%s\n", *needs ? ", needs " : "", needs);
	}
}

static void print_matrix(const struct pairs *row)
{
	if (row->n == 0)
		return;
	printf("     matrix:");
	for (size_t i = 0; i < row->n; i++) {
		CLEAN_STR char *text = matrix_value_text(row->v[i].value);

		printf(" %s=%s", row->v[i].key, text);
	}
	printf("\n");
}

static void print_job(const struct local_job *j, bool color)
{
	CLEAN_STR char *needs = joined(&j->job->needs, ", ");

	printf("%2lld. %s%s%s%s%s\n", (long long)j->id, color ? LOCAL_COLOR_BOLD : "", j->name,
		color ? LOCAL_COLOR_OFF : "", *needs ? "  needs " : "", needs);
	print_matrix(&j->row);
	if (j->job->condition)
		printf("     if: %s\n", j->job->condition);
	for (size_t i = 0; i < j->job->n_steps; i++) {
		const struct workflow_step *s = &j->job->steps[i];
		CLEAN_STR char *name = local_step_name(s->name, s->run, s->uses);

		printf("     ▶ %s%s%s\n", name, s->condition ? "  if: " : "",
			s->condition ? s->condition : "");
	}
}

void local_print_plan(const struct local_plan *p, bool color)
{
	printf("%s%s%s, event %s, %zu job%s\n", p->event->workflow_file,
		p->workflow->name ? ": " : "", p->workflow->name ? p->workflow->name : "",
		p->event->name, p->n, p->n == 1 ? "" : "s");
	for (size_t i = 0; i < p->n; i++)
		print_job(&p->v[i], color);
}

/* ---- JSON ---- */

static void json_text(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_kv_str(w, key, value);
}

void local_json_jobs(struct json_writer *w, const char *file, const struct workflow *wf)
{
	CLEAN_STR char *events = events_of(wf);

	json_begin_object(w);
	json_kv_str(w, "file", file);
	json_text(w, "name", wf->name);
	json_kv_str(w, "on", events);
	json_key(w, "jobs");
	json_begin_array(w);
	for (size_t i = 0; i < wf->n_jobs; i++) {
		const struct workflow_job *job = &wf->jobs[i];

		json_begin_object(w);
		json_kv_str(w, "key", job->key);
		json_text(w, "name", job->name);
		json_kv_strv(w, "needs", &job->needs);
		json_kv_int(w, "steps", (int64_t)job->n_steps);
		json_kv_int(w, "combinations", (int64_t)leg_count(job));
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void json_step(struct json_writer *w, const struct workflow_step *s)
{
	CLEAN_STR char *name = local_step_name(s->name, s->run, s->uses);

	json_begin_object(w);
	json_kv_str(w, "name", name);
	json_text(w, "id", s->id);
	json_text(w, "if", s->condition);
	json_text(w, "run", s->run);
	json_text(w, "uses", s->uses);
	json_end_object(w);
}

static int json_job(struct json_writer *w, const struct local_job *j, struct err *e)
{
	CLEAN_STR char *row = matrix_row_json(&j->row);
	CLEAN_JSON struct json_doc *doc = json_parse(row, strlen(row), NULL, e);

	if (!doc)
		return err_wrap(e, "matrix of %s", j->name);
	json_begin_object(w);
	json_kv_str(w, "key", j->job->key);
	json_kv_str(w, "name", j->name);
	json_kv_strv(w, "needs", &j->job->needs);
	json_text(w, "if", j->job->condition);
	json_key(w, "matrix");
	json_copy(w, json_root(doc));
	json_key(w, "steps");
	json_begin_array(w);
	for (size_t i = 0; i < j->job->n_steps; i++)
		json_step(w, &j->job->steps[i]);
	json_end_array(w);
	json_end_object(w);
	return 0;
}

int local_json_plan(struct json_writer *w, const struct local_plan *p, struct err *e)
{
	int rc = 0;

	json_begin_object(w);
	json_kv_str(w, "file", p->event->workflow_file);
	json_text(w, "name", p->workflow->name);
	json_kv_str(w, "event", p->event->name);
	json_key(w, "jobs");
	json_begin_array(w);
	for (size_t i = 0; rc == 0 && i < p->n; i++)
		rc = json_job(w, &p->v[i], e);
	json_end_array(w);
	json_end_object(w);
	return rc;
}
