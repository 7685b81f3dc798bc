/*
 * A commit's statuses and check runs, in the form of the field's API. A public repository answers
 * anybody; a private one is not there for callers who may not read it.
 */
#include "coordinator/api/api.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/api/caller.h"
#include "coordinator/api/page.h"
#include "coordinator/api/reader.h"
#include "coordinator/view/check.h"

#define ANSWER_MAX MIB(32)

struct commit_call {
	struct app *app;
	struct repo_row repo;
	char sha[RUN_SHA_MAX];
	struct api_page page;
	struct checks checks;
};

static void commit_call_release(struct commit_call *c)
{
	checks_release(&c->checks);
	repo_row_release(&c->repo);
}

static int commit_load(struct commit_call *c, struct httpd_request *r, struct err *e)
{
	struct store *s = c->app->store;

	if (reader_repo(c->app, r, &c->repo, e) < 0 || api_page_of(r, true, &c->page, e) < 0 ||
		store_run_sha(s, c->repo.id, httpd_param(r, "sha"), c->sha, e) < 0 ||
		store_run_heads(s, c->repo.id, RUNS_OF_COMMIT, c->sha, &c->checks.runs, e) < 0)
		return -1;
	return checks_load(s, &c->checks, e);
}

static struct check_place place_of(const struct commit_call *c)
{
	return (struct check_place){ c->app->public_url, &c->repo, c->app->pages };
}

/* ---- statuses ---- */

/* Where the page begins and ends in the entries. An id that is not there any more is refused: a
 * rerun takes the place of entries, and nobody can say where the rest begins. */
static int page_find(const struct commit_call *c, size_t *ret_from, size_t *ret_to, struct err *e)
{
	const struct api_page *p = &c->page;
	size_t from = 0, n = c->checks.n;

	while (p->after && from < n && check_id(&c->checks.v[from]) != p->after)
		from++;
	if (p->after && from == n)
		return err_set(e, ERR_INPUT,
			"after \"%" PRId64 "\": expected the id of an entry of this list",
			p->after);
	from = p->after ? from + 1 : (size_t)((p->number - 1) * p->limit);
	*ret_from = from < n ? from : n;
	*ret_to = n - *ret_from < (size_t)p->limit ? n : *ret_from + (size_t)p->limit;
	return 0;
}

static void page_end(
	const struct commit_call *c, struct httpd_request *r, size_t to, const char *const *kept)
{
	if (to > 0 && to < c->checks.n)
		api_page_more(r, c->app, check_id(&c->checks.v[to - 1]), kept);
}

static int statuses_write(
	struct commit_call *c, struct httpd_request *r, struct json_writer *w, struct err *e)
{
	static const char *const kept[] = { NULL };
	const struct check_place at = place_of(c);
	size_t from, to;

	if (page_find(c, &from, &to, e) < 0)
		return -1;
	checks_write_statuses(w, &c->checks, c->sha, &at, from, to);
	page_end(c, r, to, kept);
	return 0;
}

/* ---- check runs ---- */

static bool is_asked_for(const struct check *c, const char *name, const char *status)
{
	const char *has = c->job ? c->job->name : c->run->workflow_name;
	struct state state = c->job ? c->job->state : c->run->state;

	return (!name || str_eq(name, has)) && (!status || str_eq(status, check_run_status(state)));
}

static int check_filter(const char *status, struct err *e)
{
	if (!status || str_eq(status, "queued") || str_eq(status, "in_progress") ||
		str_eq(status, "completed"))
		return 0;
	return err_set(e, ERR_INPUT, "status \"%.40s\": expected queued, in_progress or completed",
		status);
}

static void keep_asked(struct checks *l, const char *name, const char *status)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (is_asked_for(&l->v[i], name, status))
			l->v[n++] = l->v[i];
	l->n = n;
}

static int check_run_write(
	struct commit_call *c, const struct check *check, struct json_writer *w, struct err *e)
{
	const struct check_place at = place_of(c);
	struct annotation_counts n = { 0 };

	if (check->job && store_annotation_counts(c->app->store, check->job->source_run_id,
				  check->job->source_id, &n, e) < 0)
		return -1;
	check_write_run(w, check, &at, &n);
	return 0;
}

static int check_runs_write(
	struct commit_call *c, struct httpd_request *r, struct json_writer *w, struct err *e)
{
	static const char *const kept[] = { "check_name", "status", NULL };
	const char *status = httpd_query(r, "status");
	size_t from, to;

	if (check_filter(status, e) < 0)
		return -1;
	keep_asked(&c->checks, httpd_query(r, "check_name"), status);
	if (page_find(c, &from, &to, e) < 0)
		return -1;
	json_begin_object(w);
	json_key(w, "check_runs");
	json_begin_array(w);
	for (size_t i = from; i < to; i++)
		if (check_run_write(c, &c->checks.v[i], w, e) < 0)
			return -1;
	json_end_array(w);
	json_kv_int(w, "total_count", (int64_t)c->checks.n);
	json_end_object(w);
	page_end(c, r, to, kept);
	return 0;
}

/* ---- the calls ---- */

typedef int (*commit_write_fn)(
	struct commit_call *c, struct httpd_request *r, struct json_writer *w, struct err *e);

static void commit_answer(struct httpd_request *r, struct app *a, commit_write_fn fn)
{
	CLEANUP(commit_call_release) struct commit_call c = { .app = a };
	CLEAN_BUF struct buf out = BUF_INIT(ANSWER_MAX);
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	if (commit_load(&c, r, &e) == 0)
		IGNORE_RESULT(fn(&c, r, &w, &e), "the answer says it, by e");
	caller_answer(r, 200, &w, &out, &e);
}

void api_commit_status(struct httpd_request *r, void *app)
{
	commit_answer(r, app, statuses_write);
}

void api_commit_check_runs(struct httpd_request *r, void *app)
{
	commit_answer(r, app, check_runs_write);
}
