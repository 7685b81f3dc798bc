/*
 * Text is for a terminal and may change; JSON is stable. Both come from the same plan, so what
 * `-n` shows is what would run.
 */
#include "runner/local/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"
#include "runner/report/terminal.h"

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
		{ "schedule", w->on.n_crons > 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].given)
			strv_add(&events, all[i].name);
	return joined(&events, ", ");
}

/* ---- text ---- */

/* One line, whatever the names in it hold: they come from a file of somebody else. */
PRINTF_LIKE(2, 3) static void print_line(bool bold, const char *fmt, ...)
{
	CLEAN_STR char *text = NULL, *safe = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		BUG("out of memory");
	va_end(ap);
	safe = text_printable(text);
	printf("%s%s%s\n", bold ? TERMINAL_COLOR_BOLD : "", safe, bold ? TERMINAL_COLOR_OFF : "");
}

void local_print_note(const char *fmt, ...)
{
	CLEAN_STR char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		BUG("out of memory");
	va_end(ap);
	print_line(false, "[shithub] %s", text);
	fflush(stdout);
}

void local_print_left_out(const struct strv *paths)
{
	enum { SHOWN = 10 };
	CLEAN_BUF struct buf names = BUF_INIT(KIB(64));

	for (size_t i = 0; i < paths->n && i < SHOWN; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", paths->v[i]);
	if (paths->n > SHOWN)
		buf_addf(&names, " and %zu more", paths->n - SHOWN);
	if (paths->n)
		local_print_note(
			"repositories in the repository are left out: %s", buf_cstr(&names));
}

void local_print_jobs(const char *file, const struct workflow *w)
{
	CLEAN_STR char *events = events_of(w);

	print_line(
		false, "%s%s%s (on %s)", file, w->name ? ": " : "", w->name ? w->name : "", events);
	for (size_t i = 0; i < w->n_jobs; i++) {
		const struct workflow_job *job = &w->jobs[i];
		CLEAN_STR char *needs = joined(&job->needs, ", ");
		size_t legs = leg_count(job);

		CLEAN_STR char *combinations =
			job->strategy.template ? xstrdup(", a matrix from an expression")
			: job->strategy.has_matrix
				? xasprintf(", %zu combination%s", legs, legs == 1 ? "" : "s")
				: xstrdup("");

		print_line(false, "  %-20s %s%s%zu step%s%s%s%s", job->key,
			job->name ? job->name : "", job->name ? ", " : "", job->n_steps,
			job->n_steps == 1 ? "" : "s", combinations, *needs ? ", needs " : "",
			needs);
	}
}

static void print_matrix(const struct pairs *row)
{
	CLEAN_BUF struct buf line = BUF_INIT(MATRIX_BYTES_MAX * 2);

	if (row->n == 0)
		return;
	for (size_t i = 0; i < row->n; i++) {
		CLEAN_STR char *text = matrix_value_text(row->v[i].value);

		buf_addf(&line, " %s=%s", row->v[i].key, text);
	}
	print_line(false, "     matrix:%s", buf_cstr(&line));
}

static void print_job(const struct local_job *j, bool color)
{
	CLEAN_STR char *needs = joined(&j->job->needs, ", ");

	print_line(color, "%2" PRId64 ". %s%s%s", j->id, j->name, *needs ? "  needs " : "", needs);
	print_matrix(&j->row);
	if (j->waits)
		print_line(false, "     made when the jobs it needs are over");
	if (j->job->condition)
		print_line(false, "     if: %s", j->job->condition);
	for (size_t i = 0; i < j->job->n_steps; i++) {
		const struct workflow_step *s = &j->job->steps[i];
		CLEAN_STR char *name = terminal_step_name(s->name, s->run, s->uses);

		print_line(false, "     ▶ %s%s%s", name, s->condition ? "  if: " : "",
			s->condition ? s->condition : "");
	}
}

void local_print_plan(const struct local_plan *p, bool color)
{
	print_line(false, "%s%s%s, event %s, %zu job%s", p->event->workflow_file,
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
	CLEAN_STR char *name = terminal_step_name(s->name, s->run, s->uses);

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
	if (j->waits)
		json_kv_bool(w, "waits_for_needs", true);
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
