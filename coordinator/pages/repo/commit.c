/*
 * A commit: one list, as its commit statuses and its check runs are the same entries (view/check.h)
 * in two forms of the API.
 */
#include "coordinator/pages/repo/repo.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/show.h"
#include "coordinator/view/check.h"

struct commit_page {
	struct place at;
	char sha[RUN_SHA_MAX];
	struct checks checks;
};

static void commit_page_release(struct commit_page *p)
{
	checks_release(&p->checks);
	place_release(&p->at);
}

/* A commit without runs is not there for these pages: they know commits by their runs. */
static int commit_page_load(
	struct app *a, struct httpd_request *r, struct commit_page *p, struct err *e)
{
	if (place_of(a, r, PLACE_REPO, &p->at, e) < 0 ||
		store_run_sha(a->store, p->at.repo.id, httpd_param(r, "sha"), p->sha, e) < 0 ||
		store_run_heads(
			a->store, p->at.repo.id, RUNS_OF_COMMIT, p->sha, &p->checks.runs, e) < 0)
		return -1;
	if (!p->checks.runs.n)
		return err_set(e, ERR_NOT_FOUND, "no run is known of this commit");
	return checks_load(a->store, &p->checks, e);
}

static const char *word_of(enum check_state s)
{
	switch (s) {
	case CHECK_SUCCESS:
		return "success";
	case CHECK_PENDING:
		return "queued";
	case CHECK_FAILURE:
	case CHECK_ERROR:
		break;
	}
	return "failure";
}

static const char *sentence_of(enum check_state s)
{
	switch (s) {
	case CHECK_SUCCESS:
		return "All checks passed";
	case CHECK_PENDING:
		return "Some checks are not over";
	case CHECK_FAILURE:
	case CHECK_ERROR:
		break;
	}
	return "Some checks failed";
}

static int write_lead(struct html *h, struct app *a, const struct commit_page *p, struct err *e)
{
	CLEANUP(run_brief_release) struct run_brief run = { 0 };
	const enum check_state state = checks_combined(&p->checks);
	CLEAN_STR char *sha = xasprintf("%.7s", p->sha);
	CLEAN_STR char *api = xasprintf(
		"/api/v1/repos/%s/%s/commits/%s", p->at.repo.owner, p->at.repo.name, p->sha);

	if (store_run_brief(a->store, p->checks.runs.v[0].id, &run, e) < 0)
		return -1;
	CLEAN_STR char *title = run_title(&run);
	html_commit_begin(h, &(struct html_commit_begin){ .word = word_of(state),
				     .title = title,
				     .state = sentence_of(state),
				     .sha = sha,
				     .sha_full = p->sha,
				     .api = api });
	return 0;
}

static int write_check(struct html *h, struct app *a, const struct commit_page *p,
	const struct check *c, struct err *e)
{
	const struct job_row *job = c->job;
	CLEAN_STR char *context = check_context(c->run, job);
	CLEAN_STR char *description = check_description(c->run, job);
	CLEAN_STR char *run_url = xasprintf("%s/runs/%" PRId64, p->at.url, c->run->id);
	CLEAN_STR char *url =
		job ? xasprintf("%s/jobs/%" PRId64, run_url, job->id) : xstrdup(run_url);
	struct annotation_counts n = { 0 };

	if (job && store_annotation_counts(a->store, job->source_run_id, job->source_id, &n, e) < 0)
		return -1;
	const struct wall began = job ? job->started_at : c->run->started_at;
	html_check_row(
		h, &(struct html_check_row){ .word = job ? state_word(job->state)
							 : word_of(check_state_of(c->run, NULL)),
			   .url = url,
			   .context = context,
			   .description = description,
			   .failures = n.failures,
			   .warnings = n.warnings,
			   .notices = n.notices,
			   .when = c->run->created_at,
			   .took = span_of(
				   h, began, job ? job->completed_at : c->run->completed_at) });
	return 0;
}

void page_commit(struct httpd_request *r, void *app)
{
	CLEANUP(commit_page_release) struct commit_page p = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (commit_page_load(app, r, &p, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	CLEAN_STR char *title = xasprintf("Commit %.7s", p.sha);
	page_begin(&h, &p.at.viewer, &p.at, title);
	int rc = write_lead(&h, app, &p, &e);
	for (size_t i = 0; rc == 0 && i < p.checks.n; i++)
		rc = write_check(&h, app, &p, &p.checks.v[i], &e);
	html_list_end(&h, &(struct html_list_end){ 0 });
	if (rc < 0)
		page_fail(r, &e);
	else
		page_reply(r, 200, &h);
}
