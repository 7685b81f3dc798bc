/*
 * The pool as everybody may see it who may see its work: reasons why a job waits name runners, so
 * their names, labels and states are no secret. Hosts are shown to those who are known alone, a
 * runner of one owner or repository to those who may read something of it.
 */
#include "coordinator/pages/pages.h"

#include <pages/parts.h>

#include "base/limits.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/show.h"
#include "coordinator/view/runner.h"

enum { REPOS_ASKED = 10000 };

struct runners_page {
	struct viewer viewer;
	int64_t reader; /* access_reader */
	struct runner_list runners;
	struct readable_list readable;
};

static void runners_page_release(struct runners_page *p)
{
	viewer_release(&p->viewer);
	runner_list_release(&p->runners);
	readable_list_release(&p->readable);
}

static bool may_see(const struct runners_page *p, const struct runner_row *r)
{
	if (!r->scope_repo_id && !r->scope_owner)
		return true;
	for (size_t i = 0; i < p->readable.n; i++) {
		const struct readable_row *repo = &p->readable.v[i];

		if (r->scope_repo_id ? repo->repo_id == r->scope_repo_id
				     : str_eq(repo->owner, r->scope_owner))
			return true;
	}
	return p->reader && p->viewer.who.site_admin;
}

static int runners_load(
	struct app *a, struct httpd_request *r, struct runners_page *p, struct err *e)
{
	if (viewer_of(a, r, &p->viewer, e) < 0 || store_runner_list(a->store, &p->runners, e) < 0)
		return -1;
	p->reader = access_reader(viewer_pat(&p->viewer));
	const struct readable_spec spec = {
		.user_id = p->reader, .owner = "", .name = "", .limit = REPOS_ASKED
	};
	return store_readable_list(a->store, &spec, &p->readable, e);
}

/* The state in one word: what keeps it from work before whether it works. */
static const char *word_of(const struct runner_row *r, struct wall now)
{
	const char *mood = runner_mood(r, now);

	return str_eq(mood, "online") ? runner_work_status(r, now) : mood;
}

static void write_runner(struct html *h, const struct runners_page *p, const struct runner_row *r)
{
	CLEAN_STR char *labels = joined(&r->labels);
	const char *word = word_of(r, h->now);

	html_runner_row(h, &(struct html_runner_row){ .word = word,
				   .name = r->name,
				   .state = word,
				   .labels = labels ? labels : "no labels",
				   .scope = r->scope_repo ? r->scope_repo : r->scope_owner,
				   .version = r->version,
				   .host = p->reader ? r->host_name : NULL,
				   .reason = r->revoked_at.us ? r->revoke_reason : r->drain_reason,
				   .busy = r->active_jobs,
				   .capacity = r->capacity,
				   .seen = r->last_heartbeat_at });
}

static void write_runners(struct html *h, const struct runners_page *p)
{
	struct html_runners_begin sum = { 0 };

	for (size_t i = 0; i < p->runners.n; i++) {
		const struct runner_row *r = &p->runners.v[i];
		bool counts = may_see(p, r) && !r->revoked_at.us;
		bool online = counts && runner_online(r, h->now);

		sum.all += counts;
		sum.online += online;
		sum.busy += online ? r->active_jobs : 0;
		sum.capacity += online ? r->capacity : 0;
	}
	html_runners_begin(h, &sum);
	html_list_begin(h, &(struct html_list_begin){ 0 });
	for (size_t i = 0; i < p->runners.n; i++)
		if (may_see(p, &p->runners.v[i]))
			write_runner(h, p, &p->runners.v[i]);
	html_list_end(h, &(struct html_list_end){ 0 });
	if (!sum.all)
		html_none(h, &(struct html_none){ "No runner is registered here." });
}

void page_runners(struct httpd_request *r, void *app)
{
	CLEANUP(runners_page_release) struct runners_page p = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (runners_load(app, r, &p, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	page_begin(&h, &p.viewer, NULL, "Runners");
	write_runners(&h, &p);
	page_reply(r, 200, &h);
}
