/*
 * On a terminal one picture, drawn again over the last one when it changed; anywhere else a line
 * for each change, so that a file of them can be read. Both come from two readings of the whole
 * run, which is what the store keeps consistent.
 */
#include "coordinator/admin/run_watch.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"
#include "coordinator/admin/admin.h"
#include "coordinator/admin/live.h"
#include "coordinator/admin/run_log.h"
#include "coordinator/view/run.h"

enum { PICTURE_MS = 500 };

static const struct table_column columns[] = {
	{ "JOB", TABLE_NUMBER },
	{ "NAME" },
	{ "STATE", TABLE_STATE },
	{ "TOOK" },
	{ "RUNNER" },
};

/* ---- a picture ---- */

static void add_span(struct table *t, struct wall from, struct wall to, struct wall now)
{
	table_span(t, from, to.us ? to : now);
}

static void add_step(struct table *t, const struct step_row *s, struct wall now)
{
	CLEAN_STR char *name = terminal_step_name(s->name, s->run, s->uses);

	table_text(t, " ");
	table_addf(t, "  %" PRId64 " %s", s->index, name);
	table_text(t, state_word(s->state));
	add_span(t, s->started_at, s->completed_at, now);
	table_text(t, " ");
}

static void add_job(struct table *t, const struct run_view *v, size_t i, struct wall now)
{
	const struct job_row *j = &v->jobs.v[i];

	table_int(t, j->id);
	table_text(t, j->name);
	table_text(t, state_word(j->state));
	add_span(t, j->started_at, j->completed_at, now);
	if (v->runners[i] || status_terminal(j->state.status) || !j->ready) {
		table_text(t, v->runners[i]);
		return;
	}
	CLEAN_BUF struct buf labels = BUF_INIT(KIB(64));
	strv_each (label, &j->runs_on)
		buf_addf(&labels, "%s%s", label_i ? "," : "", label);
	table_addf(t, "waits for %s", buf_cstr(&labels));
}

static void print_head(FILE *to, const struct run_view *v, struct terminal_style style)
{
	const struct run_row *r = &v->run;
	const char *word = run_state_word(r);
	const char *color = style.color ? terminal_word_color(word) : NULL;
	CLEAN_STR char *name = text_printable(r->run_name ? r->run_name : r->workflow_name);

	fprintf(to, "run %" PRId64 " (#%" PRId64 " of %s)  %.60s  %s%s%s\n", r->id, r->run_index,
		v->repo, name, color ? color : "", word, color ? TERMINAL_COLOR_OFF : "");
}

/* The picture with or without steps; the caller frees it. */
static char *picture_with(
	const struct run_view *v, struct terminal_style style, bool steps, size_t *ret_lines)
{
	CLEAN_TABLE struct table t = TABLE(columns);
	struct wall now = wall_now();
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	if (!to)
		BUG("no memory for a picture");
	for (size_t i = 0; i < v->jobs.n; i++) {
		add_job(&t, v, i, now);
		if (!steps || v->jobs.v[i].state.status != STATUS_RUNNING)
			continue;
		for (size_t k = 0; k < v->steps[i].n; k++)
			add_step(&t, &v->steps[i].v[k], now);
	}
	print_head(to, v, style);
	table_print(&t, to, style);
	fclose(to);
	*ret_lines = 2 + table_rows(&t);
	return text;
}

/* No more lines than the terminal has: what scrolled away could not be drawn over. */
static char *picture(const struct run_view *v, struct terminal_style style, size_t *ret_lines)
{
	size_t room = style.height > 3 ? style.height - 1 : 24, kept = 0;
	char *text = picture_with(v, style, true, ret_lines);

	if (*ret_lines > room) {
		free(text);
		text = picture_with(v, style, false, ret_lines);
	}
	if (*ret_lines <= room)
		return text;
	char *end = text;
	while (++kept < room) {
		end += strcspn(end, "\n");
		end += *end == '\n';
	}
	*end = '\0';
	char *cut = xasprintf("%s… %zu more lines\n", text, *ret_lines - (room - 1));
	free(text);
	*ret_lines = room;
	return cut;
}

/* ---- changes ---- */

static void say(const char *what, const char *name, const char *rest)
{
	char when[WALL_TEXT_MAX];

	wall_format(wall_now(), when);
	printf("%.19sZ %s%s%s%s\n", when, what, *name ? " " : "", name, rest);
}

/* The same job a reading ago; NULL: it was not there. */
static const struct job_row *job_before(const struct run_view *before, int64_t id, size_t *ret_i)
{
	for (size_t i = 0; i < before->jobs.n; i++)
		if (before->jobs.v[i].id == id) {
			*ret_i = i;
			return &before->jobs.v[i];
		}
	return NULL;
}

static bool same_state(struct state a, struct state b)
{
	return a.status == b.status && a.conclusion == b.conclusion;
}

static void say_steps(
	const struct job_row *job, const struct job_steps *now, const struct job_steps *before)
{
	CLEAN_STR char *job_name = text_printable(job->name);

	for (size_t i = 0; i < now->n; i++) {
		const struct step_row *s = &now->v[i];
		struct state was = before && i < before->n ? before->v[i].state
							   : (struct state){ STATUS_QUEUED, 0 };

		if (same_state(s->state, was))
			continue;
		CLEAN_STR char *name = terminal_step_name(s->name, s->run, s->uses);
		CLEAN_STR char *what = xasprintf("job %" PRId64, job->id);
		CLEAN_STR char *rest = xasprintf(
			": step %" PRId64 " %s: %s", s->index, name, state_word(s->state));
		say(what, job_name, rest);
	}
}

static void say_job(const struct run_view *v, size_t i, const struct job_row *was)
{
	const struct job_row *j = &v->jobs.v[i];
	bool starts = j->state.status == STATUS_RUNNING && v->runners[i];

	if (was && same_state(j->state, was->state))
		return;
	CLEAN_STR char *name = text_printable(j->name);
	CLEAN_STR char *what = xasprintf("job %" PRId64, j->id);
	CLEAN_STR char *rest = xasprintf(": %s%s%s", state_word(j->state), starts ? " on " : "",
		starts ? v->runners[i] : "");
	say(what, name, rest);
}

static void say_changes(const struct run_view *v, const struct run_view *before)
{
	for (size_t i = 0; i < v->jobs.n; i++) {
		size_t at = 0;
		const struct job_row *was = job_before(before, v->jobs.v[i].id, &at);
		bool ends = status_terminal(v->jobs.v[i].state.status);

		if (!ends)
			say_job(v, i, was);
		say_steps(&v->jobs.v[i], &v->steps[i], was ? &before->steps[at] : NULL);
		if (ends)
			say_job(v, i, was);
	}
	if (before->run.id && same_state(v->run.state, before->run.state))
		return;
	CLEAN_STR char *what = xasprintf("run %" PRId64, v->run.id);
	CLEAN_STR char *rest = xasprintf(": %s", run_state_word(&v->run));
	say(what, "", rest);
}

/* ---- the verb ---- */

struct watch {
	struct admin *a;
	int64_t id;
	bool terminal;
	struct run_view last;
	char *drawn; /* the picture that stands there, NULL: none */
	size_t lines;
};

static void draw(struct watch *w, const struct run_view *v)
{
	size_t lines;
	char *text = picture(v, w->a->style, &lines);

	if (!str_eq(text, w->drawn)) {
		if (w->drawn)
			printf("\033[%zuF\033[J", w->lines);
		fputs(text, stdout);
		w->lines = lines;
	}
	free(w->drawn);
	w->drawn = text;
}

/* 1: the run is over. */
static int watch_round(struct watch *w, struct err *e)
{
	struct run_view v = { 0 };

	if (run_view_load(w->a->store, w->id, &v, e) < 0) {
		run_view_release(&v);
		return -1;
	}
	if (w->terminal)
		draw(w, &v);
	else
		say_changes(&v, &w->last);
	run_view_release(&w->last);
	w->last = v;
	if (fflush(stdout) != 0)
		return err_set(e, ERR_IO, "standard output: write failed");
	return status_terminal(v.run.state.status);
}

static int watch_run(struct admin *a, void *id, struct err *e)
{
	struct watch w = { .a = a, .id = *(int64_t *)id };
	struct live l;
	int rc = 0;

	w.terminal = isatty(STDOUT_FILENO) && a->style.width;
	if (live_begin(&l, e) < 0)
		return -1;
	do
		rc = watch_round(&w, e);
	while (rc == 0 && live_wait(&l, PICTURE_MS));
	if (rc > 0)
		a->code = exit_of_conclusion(w.last.run.state.conclusion);
	run_view_release(&w.last);
	free(w.drawn);
	live_end(&l);
	return rc < 0 ? -1 : 0;
}

int admin_run_watch(int argc, char **argv)
{
	int64_t id = 0;
	const struct cli_flag flags[] = { ADMIN_ID_FLAG(id, "the run") };

	return admin_verb_run(argc, argv,
		&(struct admin_verb){ .flags = flags,
			.n_flags = ARRAY_LEN(flags),
			.options = &id,
			.text_only = true,
			.colored = true,
			.help = "On a terminal a picture that is drawn again; elsewhere a line for "
				"each change.\n"
				"Ends with the run. Exit codes: 0 it succeeded or was skipped, 1 "
				"it did not, 2 usage.",
			.work = watch_run });
}
