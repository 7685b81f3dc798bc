/* The first page: each repository with its newest run, by name, a page at a time. */
#include "coordinator/pages/pages.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/query.h"
#include "coordinator/pages/show.h"

enum { REPOS_SHOWN = 50, CURSOR_MAX = 200 };

static int write_row(struct html *h, struct app *a, const struct readable_row *repo, struct err *e)
{
	CLEANUP(run_briefs_release) struct run_briefs newest = { 0 };
	const struct run_brief_spec spec = { .repo_id = repo->repo_id, .limit = 1 };
	CLEAN_STR char *url = xasprintf("/%s/%s", repo->owner, repo->name);
	CLEAN_STR char *run_url = NULL, *title = NULL;
	int64_t next;

	if (store_run_briefs(a->store, &spec, &newest, &next, e) < 0)
		return -1;
	const struct run_brief *run = newest.n ? newest.v : NULL;
	struct html_repo_row row = { .word = "none",
		.url = url,
		.owner = repo->owner,
		.name = repo->name,
		.private = repo->private };
	if (run) {
		run_url = xasprintf("%s/runs/%" PRId64, url, run->id);
		title = run_title(run);
		row.word = run_brief_word(run);
		row.run_url = run_url;
		row.run_title = title;
		row.ref = ref_shown(run->head_ref);
		row.when = run->created_at;
	}
	html_repo_row(h, &row);
	return 0;
}

/* "owner/name" of the last row of the page before. */
static int list_load(struct app *a, struct httpd_request *r, struct viewer *viewer,
	struct readable_list *ret, bool *ret_first, struct err *e)
{
	CLEAN_STR char *after = NULL;

	if (viewer_of(a, r, viewer, e) < 0 || query_text(r, "after", CURSOR_MAX, &after, e) < 0)
		return -1;
	char *slash = after ? strchr(after, '/') : NULL;
	if (after && !slash)
		return err_set(e, ERR_INPUT, "after: expected OWNER/NAME");
	if (slash)
		*slash = '\0';
	*ret_first = !after;
	const struct readable_spec spec = { .user_id = access_reader(viewer_pat(viewer)),
		.owner = after ? after : "",
		.name = slash ? slash + 1 : "",
		.limit = REPOS_SHOWN + 1 };
	return store_readable_list(a->store, &spec, ret, e);
}

static void write_pages(struct html *h, const struct readable_list *l, bool first)
{
	const struct readable_row *last = l->n > REPOS_SHOWN ? &l->v[REPOS_SHOWN - 1] : NULL;
	CLEAN_STR char *older = last ? xasprintf("/?after=%s/%s", last->owner, last->name) : NULL;

	if (older || !first)
		html_older(
			h, &(struct html_older){
				   .newest = first ? NULL : "/", .older = older, .label = "More" });
}

void page_repos(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEAN_VIEWER struct viewer viewer = { 0 };
	CLEANUP(readable_list_release) struct readable_list l = { 0 };
	CLEAN_HTML struct html h;
	bool first = true;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (list_load(a, r, &viewer, &l, &first, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	page_begin(&h, &viewer, NULL, "Repositories");
	html_repos_begin(&h, &(struct html_repos_begin){ 0 });
	for (size_t i = 0; i < l.n && i < REPOS_SHOWN; i++)
		if (write_row(&h, a, &l.v[i], &e) < 0) {
			page_fail(r, &e);
			return;
		}
	html_list_end(&h, &(struct html_list_end){ 0 });
	if (!l.n)
		html_none(&h,
			&(struct html_none){
				.text = "There is no public repository here. Others are shown to "
					"those who may read them." });
	write_pages(&h, &l, first);
	page_reply(r, 200, &h);
}
