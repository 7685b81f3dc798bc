/*
 * What waits, and why: the oldest runs with their jobs, each with the reasons that the command line
 * gives. Who asks sees the jobs of repositories that may be read; the others are left out of the
 * numbers as well. A page reads so many runs and no more, however long the queue is.
 */
#include "coordinator/pages/site/site.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/query.h"
#include "coordinator/pages/show.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/store/brief/queue.h"
#include "coordinator/view/explain.h"
#include "coordinator/view/runner.h"

enum { RUNS_SHOWN = 20, JOBS_OF_RUN_SHOWN = 5 };

struct queue_page {
	struct app *app;
	struct viewer viewer;
	int64_t after, next; /* the last run of the page before, of this one; next 0: no more */
	struct queue_list labels;
	struct queued_runs runs; /* those that are shown */
	struct runner_list runners;
	int64_t asked_repo; /* of which we know … */
	bool readable;      /* … whether it may be read */
};

static void queue_page_release(struct queue_page *p)
{
	viewer_release(&p->viewer);
	queue_list_release(&p->labels);
	queued_runs_release(&p->runs);
	runner_list_release(&p->runners);
}

static bool may_read(struct queue_page *p, int64_t repo_id)
{
	if (p->asked_repo != repo_id) {
		p->asked_repo = repo_id;
		p->readable =
			access_repo(p->app, viewer_pat(&p->viewer), repo_id, ROLE_READ, NULL) == 0;
	}
	return p->readable;
}

/* Rows of what may not be read move behind the others and are not counted. */
static void labels_pick(struct queue_page *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->labels.n; i++) {
		struct queue_row row = p->labels.v[i];

		if (!may_read(p, row.repo_id))
			continue;
		p->labels.v[i] = p->labels.v[n];
		p->labels.v[n++] = row;
	}
	struct queue_list others = { p->labels.v + n, p->labels.n - n };
	CLEANUP(queue_list_release) struct queue_list dropped = { 0 };
	dropped.v = xcalloc(others.n + 1, sizeof(*dropped.v));
	dropped.n = others.n;
	if (others.n)
		memcpy(dropped.v, others.v, others.n * sizeof(*others.v));
	p->labels.n = n;
}

static void runs_pick(struct queue_page *p)
{
	struct queued_runs *l = &p->runs;
	size_t n = 0, i = 0;

	for (; i < l->n && n < RUNS_SHOWN; i++)
		if (l->v[i].waits && may_read(p, l->v[i].repo_id))
			l->v[n++] = l->v[i];
	bool walked = l->n == QUEUED_RUNS_WALKED;
	if (i < l->n || walked)
		p->next = n == RUNS_SHOWN ? l->v[n - 1].id : l->v[l->n - 1].id;
	l->n = n;
}

static int queue_page_load(
	struct app *a, struct httpd_request *r, struct queue_page *p, struct err *e)
{
	const struct wall online_since = { wall_now().us - RUNNER_STALE_US };

	p->app = a;
	if (viewer_of(a, r, &p->viewer, e) < 0 || query_number(r, "after", &p->after, e) < 0 ||
		store_queue(a->store, &p->labels, e) < 0)
		return -1;
	labels_pick(p);
	if (queue_count_runners(a->store, &p->labels, online_since, e) < 0 ||
		store_queued_runs(a->store, p->after, &p->runs, e) < 0 ||
		store_runner_list(a->store, &p->runners, e) < 0)
		return -1;
	queue_merge(&p->labels);
	runs_pick(p);
	return 0;
}

/* ---- by labels ---- */

static void write_labels(struct html *h, const struct queue_row *q)
{
	CLEAN_STR char *labels = joined(&q->labels);

	html_queue_labels(h, &(struct html_queue_labels){ .word = q->runners ? "queued" : "warning",
				     .labels = labels ? labels : "no labels",
				     .jobs = q->jobs,
				     .one = q->jobs == 1,
				     .since = q->since,
				     .online = q->runners,
				     .one_runner = q->runners == 1,
				     .offline = q->offline,
				     .troubled = q->troubled });
}

static void write_head(struct html *h, const struct queue_page *p)
{
	int64_t jobs = 0;

	for (size_t i = 0; i < p->labels.n; i++)
		jobs += p->labels.v[i].jobs;
	html_queue_begin(h, &(struct html_queue_begin){ .ready = jobs, .one = jobs == 1 });
	if (!p->labels.n)
		return;
	html_queue_labels_begin(h, &(struct html_queue_labels_begin){ 0 });
	for (size_t i = 0; i < p->labels.n; i++)
		write_labels(h, &p->labels.v[i]);
	html_list_end(h, &(struct html_list_end){ 0 });
}

/* ---- by runs ---- */

static void write_job(struct html *h, const char *run_url, const struct job_wait *job)
{
	CLEAN_STR char *url = xasprintf("%s/jobs/%" PRId64, run_url, job->job_id);

	html_queue_job(h, &(struct html_queue_job){ url, job->name });
	for (size_t i = 0; i < job->reasons.n; i++)
		html_job_wait(h, &(struct html_job_wait){ job->reasons.v[i].text });
	html_queue_job_end(h, &(struct html_queue_job_end){ 0 });
}

static void write_run_head(struct html *h, const struct repo_row *repo, const struct run_brief *run,
	const char *repo_url, const char *url)
{
	CLEAN_STR char *title = run_title(run);

	html_queue_run(h, &(struct html_queue_run){ .word = run_brief_word(run),
				  .url = url,
				  .title = title,
				  .repo_url = repo_url,
				  .owner = repo->owner,
				  .repo = repo->name,
				  .workflow = run->workflow_name,
				  .index = run->run_index,
				  .event = run->event,
				  .ref = ref_shown(run->head_ref),
				  .actor = run->actor });
}

static int write_run(
	struct html *h, const struct queue_page *p, const struct queued_run *queued, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(run_brief_release) struct run_brief run = { 0 };
	CLEANUP(job_waits_release) struct job_waits waits = { 0 };
	struct store *s = p->app->store;

	if (store_repo_get(s, queued->repo_id, &repo, e) < 0 ||
		store_run_brief(s, queued->id, &run, e) < 0 ||
		job_waits_first(s, queued->id, JOBS_OF_RUN_SHOWN, &p->runners, &waits, e) < 0)
		return -1;
	CLEAN_STR char *repo_url = xasprintf("/%s/%s", repo.owner, repo.name);
	CLEAN_STR char *url = xasprintf("%s/runs/%" PRId64, repo_url, run.id);
	write_run_head(h, &repo, &run, repo_url, url);
	for (size_t i = 0; i < waits.n; i++)
		write_job(h, url, &waits.v[i]);
	html_queue_run_end(
		h, &(struct html_queue_run_end){
			   .more = (int64_t)waits.left_out, .url = url, .when = run.created_at });
	return 0;
}

static void write_pages(struct html *h, const struct queue_page *p)
{
	CLEAN_STR char *more = p->next ? xasprintf("/queue?after=%" PRId64, p->next) : NULL;

	if (!p->runs.n)
		html_none(h, &(struct html_none){
				     more ? "None of these runs is yours to see. There are more."
					  : "Nothing waits." });
	if (more || p->after)
		html_older(h, &(struct html_older){ .newest = p->after ? "/queue" : NULL,
				      .older = more,
				      .label = "More" });
}

void page_queue(struct httpd_request *r, void *app)
{
	CLEANUP(queue_page_release) struct queue_page p = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (queue_page_load(app, r, &p, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	page_begin(&h, &p.viewer, NULL, "Queue");
	write_head(&h, &p);
	html_queue_runs_begin(&h, &(struct html_queue_runs_begin){ 0 });
	for (size_t i = 0; i < p.runs.n; i++)
		if (write_run(&h, &p, &p.runs.v[i], &e) < 0) {
			page_fail(r, &e);
			return;
		}
	html_list_end(&h, &(struct html_list_end){ 0 });
	write_pages(&h, &p);
	page_reply(r, 200, &h);
}
