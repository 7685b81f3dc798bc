/*
 * A run on the terminal: jobs with their steps below them, and what a queued job waits for. Names
 * come out of workflow files, that is from whoever can push: nothing of theirs can steer a
 * terminal.
 */
#include "coordinator/admin/run_show.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/limits.h"
#include "base/terminal/style.h"
#include "coordinator/store/job.h"
#include "coordinator/store/run.h"
#include "coordinator/store/state.h"
#include "coordinator/store/step.h"

void print_clean(const char *s, size_t n)
{
	CLEAN_STR char *text = xstrndup(s, n), *safe = text_printable(text);

	fputs(safe, stdout);
}

static void print_name(const char *before, const char *s, const char *after)
{
	fputs(before, stdout);
	print_clean(s, strlen(s));
	fputs(after, stdout);
}

static void print_word(const char *word, bool color)
{
	const char *on = color ? terminal_word_color(word) : NULL;

	printf("  %s%s%s", on ? on : "", word, on ? TERMINAL_COLOR_OFF : "");
}

static void print_state(struct state s, bool color)
{
	print_word(state_word(s), color);
}

static void print_span(struct wall from, struct wall to)
{
	if (from.us && to.us)
		printf("  %.3f s", (double)(to.us - from.us) / (double)USEC_PER_SEC);
}

/* First line of the script stands in for a missing name. */
static void print_step_name(const struct step_row *s)
{
	const char *text = s->name ? s->name : s->uses ? s->uses : s->run ? s->run : "";

	print_clean(text, strcspn(text, "\r\n"));
}

/* Nothing when text is NULL. */
void print_note(const char *what, const char *text)
{
	if (!text)
		return;
	printf("  %s", what);
	print_name(" ", text, "\n");
}

static void print_step(const struct step_row *s, bool color)
{
	printf("  step %" PRId64 " ", s->index);
	print_step_name(s);
	print_state(s->state, color);
	print_span(s->started_at, s->completed_at);
	printf("  %" PRId64 " bytes of log\n", s->log_bytes);
}

static void print_job(const struct run_view *v, size_t i, bool color)
{
	const struct job_row *j = &v->jobs.v[i];

	printf("job %" PRId64, j->id);
	print_name(" ", j->name, "");
	print_state(j->state, color);
	print_span(j->started_at, j->completed_at);
	if (v->runners[i])
		print_name("  on ", v->runners[i], "");
	printf("\n");
	if (j->state.status == STATUS_QUEUED && j->ready) {
		printf("  Waiting for runner with labels:");
		strv_each (label, &j->runs_on)
			print_name(label_i ? ", " : " ", label, "");
		printf("\n");
	}
	if (j->state.status == STATUS_QUEUED && j->pending)
		print_note("Waiting for the concurrency group", j->concurrency_group);
	print_note("Reason:", j->reason);
	print_note("Environment:", j->environment);
	print_note("Environment's URL:", j->environment_url);
	for (size_t k = 0; k < v->steps[i].n; k++)
		print_step(&v->steps[i].v[k], color);
}

static void print_annotation(const struct annotation_row *a)
{
	printf("  %s ", a->level);
	if (a->path)
		print_clean(a->path, strlen(a->path));
	if (a->start_line)
		printf(":%" PRId64, a->start_line);
	printf("%s", a->path ? ": " : "");
	if (a->title) {
		print_clean(a->title, strlen(a->title));
		printf(": ");
	}
	print_clean(a->message, strcspn(a->message, "\r\n"));
	printf("\n");
}

static void print_annotations(const struct run_view *v)
{
	if (v->annotations.n)
		printf("annotations:\n");
	for (size_t i = 0; i < v->annotations.n; i++)
		print_annotation(&v->annotations.v[i]);
	if (v->counts.dropped)
		printf("  %" PRId64 " more are in the logs alone\n", v->counts.dropped);
}

/* A line each, as the parser found them. */
static void print_problems(const char *text)
{
	printf("problems of the workflow file:\n");
	while (*text) {
		size_t n = strcspn(text, "\n");

		print_clean(text, n);
		printf("\n");
		text += n + (text[n] == '\n');
	}
}

static void print_origin(const struct run_row *r)
{
	if (r->run_name)
		print_name("", r->run_name, "\n");
	print_name("workflow ", r->workflow_name, "");
	print_name(" (", r->workflow_file, ")\n");
	print_name("Triggered via ", r->event, "");
	print_name(" on ", r->head_ref, "");
	print_name(" at ", r->head_sha, "");
	if (r->actor)
		print_name(" by ", r->actor, "");
	printf("\n");
}

static void print_pull(const struct run_row *r)
{
	if (!r->pull_number)
		return;
	printf("  Pull request %" PRId64 ", head %s, %s\n", r->pull_number, r->pull_head,
		run_trust_text(r));
	if (r->awaits_approval && r->state.status == STATUS_QUEUED)
		printf("  Waiting for approval: shithubd admin run approve %" PRId64 "\n", r->id);
	print_note("Approved by", r->approved_by);
	print_note("Approved because:", r->approve_reason);
}

void run_view_print(const struct run_view *v, bool color)
{
	const struct run_row *r = &v->run;

	printf("run %" PRId64 " (#%" PRId64 " of %s)", r->id, r->run_index, v->repo);
	print_word(run_state_word(r), color);
	print_span(r->started_at, r->completed_at);
	printf("\n");
	print_origin(r);
	if (r->pending && !status_terminal(r->state.status))
		print_note("Waiting for the concurrency group", r->concurrency_group);
	print_note("Reason:", r->reason);
	print_pull(r);
	if (r->problems)
		print_problems(r->problems);
	for (size_t i = 0; i < v->jobs.n; i++)
		print_job(v, i, color);
	print_annotations(v);
}
