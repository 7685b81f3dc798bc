/*
 * One run. Everything is loaded before anything is written. Jobs that wait say why, each for
 * itself: that is the question people come with.
 */
#include "coordinator/pages/pages.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "coordinator/pages/graph.h"
#include "coordinator/pages/markdown.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/show.h"
#include "coordinator/pages/timeline.h"
#include "coordinator/store/annotation.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/run.h"
#include "coordinator/store/step.h"
#include "coordinator/view/explain.h"

enum { ANNOTATIONS_SHOWN = 100, ARTIFACTS_SHOWN = 500, SUMMARIES_READ = 40, LINES_BEFORE = 200 };
#define SUMMARIES_SHOWN_BYTES KIB(64) /* of their text, together */

struct run_page {
	struct place at;
	struct run_row run;
	struct job_list jobs;
	struct graph graph;
	struct job_waits waits;
	struct annotation_list annotations;
	struct annotation_counts counts;
	struct artifact_list artifacts;
	struct summary_list summaries;
};

static void run_page_release(struct run_page *p)
{
	graph_release(&p->graph);
	job_waits_release(&p->waits);
	job_list_release(&p->jobs);
	annotation_list_release(&p->annotations);
	artifact_list_release(&p->artifacts);
	summary_list_release(&p->summaries);
	run_row_release(&p->run);
	place_release(&p->at);
}

static int run_page_load(struct app *a, struct httpd_request *r, struct run_page *p, struct err *e)
{
	if (place_of(a, r, PLACE_RUN, &p->at, e) < 0)
		return -1;
	const int64_t id = p->at.run.id;
	const struct annotation_spec spec = { .run_id = id,
		.page = { .limit = ANNOTATIONS_SHOWN } };
	if (store_run_get(a->store, id, &p->run, e) < 0 ||
		store_job_list(a->store, id, &p->jobs, e) < 0 ||
		store_annotation_counts(a->store, id, 0, &p->counts, e) < 0 ||
		store_annotation_list(a->store, &spec, &p->annotations, e) < 0 ||
		store_summary_list(a->store, id, SUMMARIES_READ, &p->summaries, e) < 0 ||
		store_artifact_list(
			a->store, id, NULL, 0, ARTIFACTS_SHOWN, wall_now(), &p->artifacts, e) < 0)
		return -1;
	graph_make(&p->jobs, &p->graph);
	return status_terminal(p->run.state.status) ? 0
						    : job_waits_load(a->store, id, 0, &p->waits, e);
}

/* ---- what it is ---- */

static void write_lead(struct html *h, const struct run_page *p)
{
	const struct run_brief *b = &p->at.run;
	const struct run_row *run = &p->run;
	CLEAN_STR char *title = run_title(b);
	CLEAN_STR char *sha = xasprintf("%.7s", run->head_sha);
	CLEAN_STR char *commit = xasprintf("%s/commits/%s", p->at.url, run_checked_sha(run));
	CLEAN_STR char *parent =
		run->parent_run_id ? xasprintf("%s/runs/%" PRId64, p->at.url, run->parent_run_id)
				   : NULL;

	html_run_begin(h, &(struct html_run_begin){ .word = run_brief_word(b),
				  .title = title,
				  .event = run->event,
				  .ref = run->head_ref,
				  .actor = run->actor,
				  .when = run->created_at,
				  .state = word_shown(run_brief_word(b)),
				  .took = span_of(h, run->started_at, run->completed_at),
				  .workflow = run->workflow_name,
				  .index = run->run_index,
				  .commit_url = commit,
				  .sha = sha,
				  .sha_full = run->head_sha,
				  .again = run->attempt > 1,
				  .attempt = run->attempt,
				  .parent = run->parent_run_id,
				  .parent_url = parent,
				  .pull = run->pull_number,
				  .trust = run_trust_text(run),
				  .approved_by = run->approved_by,
				  .approve_reason = run->approve_reason,
				  .group = run->concurrency_group });
}

static void write_note(struct html *h, const char *kind, const char *title, const char *text)
{
	if (!str_empty(text))
		html_run_note(h, &(struct html_run_note){ kind, title, text });
}

static void write_notes(struct html *h, const struct run_row *run)
{
	write_note(h, "bad", "The workflow cannot run", run->problems);
	write_note(h, "info", "Why it ended", run->reason);
	if (run->awaits_approval && run->state.status == STATUS_QUEUED)
		write_note(h, "wait", "Waiting for approval",
			"Nothing of this commit runs before somebody with write access has "
			"approved it.");
}

/* ---- what may be done with it ---- */

static void write_act(struct html *h, const struct run_page *p, const char *what, const char *label)
{
	CLEAN_STR char *url = xasprintf("%s/%s", p->at.run_url, what);

	html_act(h, &(struct html_act){ url, p->at.viewer.form_token, label });
}

static void write_rerun_job(struct html *h, const struct run_page *p)
{
	CLEAN_STR char *url = xasprintf("%s/rerun-job", p->at.run_url);

	html_rerun_job_begin(h, &(struct html_rerun_job_begin){ url, p->at.viewer.form_token });
	for (size_t i = 0; i < p->jobs.n; i++) {
		CLEAN_STR char *id = xasprintf("%" PRId64, p->jobs.v[i].id);

		html_option(h, &(struct html_option){ .value = id, .label = p->jobs.v[i].name });
	}
	html_rerun_job_end(h, &(struct html_rerun_job_end){ 0 });
}

/* For those who may, and what is possible now. */
static void write_acts(struct html *h, struct app *a, const struct run_page *p)
{
	const struct run_row *run = &p->run;
	bool over = status_terminal(run->state.status);
	CLEAN_STR char *approve = xasprintf("%s/approve", p->at.run_url);

	if (!p->at.viewer.session ||
		access_run(a, &p->at.viewer.who, run->id, ROLE_WRITE, NULL, NULL) < 0)
		return;
	if (run->awaits_approval && !over)
		html_approve(h, &(struct html_approve){ approve, p->at.viewer.form_token });
	html_acts_begin(h, &(struct html_acts_begin){ 0 });
	if (!over)
		write_act(h, p, "cancel", "Cancel run");
	if (over)
		write_act(h, p, "rerun", "Re-run all jobs");
	if (over && p->jobs.n && run->state.conclusion != CONCLUSION_SUCCESS &&
		run->state.conclusion != CONCLUSION_SKIPPED)
		write_act(h, p, "rerun-failed-jobs", "Re-run failed jobs");
	if (over && p->jobs.n > 1)
		write_rerun_job(h, p);
	html_acts_end(h, &(struct html_acts_end){ 0 });
}

/* ---- jobs ---- */

static const char *job_word(const struct job_row *j)
{
	return state_word(j->state);
}

static void write_waits(struct html *h, const struct run_page *p, const struct job_row *job)
{
	for (size_t i = 0; i < p->waits.n; i++) {
		const struct wait_reasons *l = &p->waits.v[i].reasons;

		for (size_t k = 0; p->waits.v[i].job_id == job->id && k < l->n; k++)
			html_job_wait(h, &(struct html_job_wait){ l->v[k].text });
	}
}

static void write_job(struct html *h, const struct run_page *p, const struct job_row *job)
{
	bool waits = job->state.status == STATUS_QUEUED;
	CLEAN_STR char *url = xasprintf("%s/jobs/%" PRId64, p->at.run_url, job->id);
	CLEAN_STR char *kept = job_kept(job)
				       ? xasprintf("%s/runs/%" PRId64 "/jobs/%" PRId64, p->at.url,
						 job->source_run_id, job->source_id)
				       : NULL;

	html_job_row(h, &(struct html_job_row){ .url = url,
				.word = job_word(job),
				.name = job->name,
				.took = span_of(h, job->started_at, job->completed_at),
				.reason = waits ? NULL : job->reason });
	if (waits)
		write_waits(h, p, job);
	html_job_row_end(h, &(struct html_job_row_end){ kept });
}

static bool is_bad(struct state s)
{
	return s.conclusion == CONCLUSION_FAILURE || s.conclusion == CONCLUSION_TIMED_OUT;
}

/* Of hundreds of legs those that failed are what somebody looks for. */
static void write_legs(struct html *h, const struct run_page *p, const struct card *card, bool bad)
{
	for (size_t i = card->first; i < p->jobs.n; i++) {
		const struct job_row *job = &p->jobs.v[i];

		if (str_eq(job->key, card->key) && is_bad(job->state) == bad)
			write_job(h, p, job);
	}
}

static void write_card(struct html *h, const struct run_page *p, const struct card *card)
{
	CLEAN_STR char *needs = joined(&p->jobs.v[card->first].needs);

	html_card_begin(h, &(struct html_card_begin){ .key = card->key,
				   .legs = card->jobs > 1 ? (int64_t)card->jobs : 0,
				   .done = (int64_t)card->done,
				   .needs = needs });
	write_legs(h, p, card, true);
	write_legs(h, p, card, false);
	html_card_end(h, &(struct html_card_end){ 0 });
}

static void write_graph(struct html *h, const struct run_page *p)
{
	if (!p->jobs.n)
		return;
	html_graph_begin(h, &(struct html_graph_begin){ 0 });
	for (size_t stage = 0; stage < p->graph.stages; stage++) {
		html_stage_begin(h, &(struct html_stage_begin){ 0 });
		for (size_t i = 0; i < p->graph.n; i++)
			if (p->graph.v[i].stage == stage)
				write_card(h, p, &p->graph.v[i]);
		html_stage_end(h, &(struct html_stage_end){ 0 });
	}
	html_graph_end(h, &(struct html_graph_end){ 0 });
}

/* ---- what it left ---- */

static void write_summary(struct html *h, const struct run_page *p, const struct summary_row *s)
{
	const int64_t step = s->step_index + 1;
	const size_t n = strlen(s->text);
	CLEAN_STR char *url = xasprintf("%s/jobs/%" PRId64 "?step=%" PRId64 "#step-%" PRId64,
		p->at.run_url, s->job_id, step, step);

	html_summary_begin(h, &(struct html_summary_begin){ url, s->job_name, s->step_name });
	html_markdown(h, (struct slice){ s->text, n });
	html_summary_end(h, &(struct html_summary_end){ n > MARKDOWN_MAX, url });
}

/* Reading Markdown costs time, so a page shows so much of it; what is left out is told. */
static void write_summaries(struct html *h, const struct run_page *p)
{
	const struct summary_list *l = &p->summaries;
	size_t i = 0, bytes = 0;

	if (!l->n)
		return;
	html_summaries_begin(h, &(struct html_summaries_begin){ 0 });
	for (; i < l->n && bytes < SUMMARIES_SHOWN_BYTES; i++) {
		write_summary(h, p, &l->v[i]);
		bytes += strlen(l->v[i].text);
	}
	html_summaries_end(h, &(struct html_summaries_end){ .left = (int64_t)(l->n - i) });
}

/* The line of the log that says it; the page of the job begins some lines before. */
static char *annotation_url(const struct run_page *p, const struct annotation_row *a)
{
	const int64_t step = a->step_index + 1;
	const int64_t from = a->log_line > LINES_BEFORE ? a->log_line - LINES_BEFORE : 1;

	if (!a->log_line)
		return xasprintf("%s/jobs/%" PRId64 "?step=%" PRId64 "#step-%" PRId64,
			p->at.run_url, a->job_id, step, step);
	return xasprintf("%s/jobs/%" PRId64 "?step=%" PRId64 "&line=%" PRId64 "#L%" PRId64
			 "-%" PRId64,
		p->at.run_url, a->job_id, step, from, step, a->log_line);
}

static void write_annotations(struct html *h, const struct run_page *p)
{
	const struct annotation_counts *c = &p->counts;
	int64_t all = c->notices + c->warnings + c->failures + c->dropped;

	if (!p->annotations.n)
		return;
	html_annotations_begin(h, &(struct html_annotations_begin){ 0 });
	for (size_t i = 0; i < p->annotations.n; i++) {
		const struct annotation_row *a = &p->annotations.v[i];
		CLEAN_STR char *url = annotation_url(p, a);

		html_annotation(h, &(struct html_annotation){ .word = a->level,
					   .title = a->title,
					   .message = a->message,
					   .path = a->path,
					   .line = a->start_line,
					   .url = url,
					   .job = a->job_name,
					   .step = a->step_name });
	}
	html_annotations_end(
		h, &(struct html_annotations_end){ .dropped = all - (int64_t)p->annotations.n });
}

static void write_artifacts(struct html *h, const struct run_page *p)
{
	if (!p->artifacts.n)
		return;
	html_artifacts_begin(h, &(struct html_artifacts_begin){ 0 });
	for (size_t i = 0; i < p->artifacts.n; i++) {
		const struct artifact_row *a = &p->artifacts.v[i];
		CLEAN_STR char *url = xasprintf("%s/artifacts/%" PRId64, p->at.run_url, a->id);
		CLEAN_STR char *file = xasprintf("%s.tar.gz", a->name);

		html_artifact(h, &(struct html_artifact){ .url = url,
					 .file = file,
					 .name = a->name,
					 .size = a->size_bytes,
					 .expires = a->expires_at });
	}
	html_list_end(h, &(struct html_list_end){ 0 });
}

void page_run(struct httpd_request *r, void *app)
{
	CLEANUP(run_page_release) struct run_page p = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (run_page_load(app, r, &p, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	CLEAN_STR char *name = run_title(&p.at.run);
	CLEAN_STR char *title =
		xasprintf("%s · %s #%" PRId64, name, p.run.workflow_name, p.run.run_index);
	page_begin(&h, &p.at.viewer, &p.at, title);
	write_lead(&h, &p);
	write_notes(&h, &p.run);
	write_acts(&h, app, &p);
	write_graph(&h, &p);
	html_timeline(&h, &p.jobs, p.at.run_url);
	write_annotations(&h, &p);
	write_summaries(&h, &p);
	write_artifacts(&h, &p);
	page_reply(r, 200, &h);
}
