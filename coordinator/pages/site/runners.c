/* The pool. */
#include "coordinator/pages/site/site.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "coordinator/pages/show.h"
#include "coordinator/pages/site/sight.h"
#include "coordinator/view/runner.h"

struct runners_page {
	struct sight sight;
	struct runner_list runners;
};

static void runners_page_release(struct runners_page *p)
{
	sight_release(&p->sight);
	runner_list_release(&p->runners);
}

/* What keeps it from work, in one line; free it. NULL: nothing that anybody said. */
static char *reason_of(const struct runner_row *r, struct wall now)
{
	if (r->revoked_at.us || r->drained_at.us) {
		const char *said = r->revoked_at.us ? r->revoke_reason : r->drain_reason;

		return said ? xstrdup(said) : NULL;
	}
	return runner_in_trouble(r, now) ? xstrdup(trouble_title(r->trouble)) : NULL;
}

static void write_runner(struct html *h, const struct runners_page *p, const struct runner_row *r)
{
	CLEAN_STR char *labels = joined(&r->labels);
	CLEAN_STR char *url = xasprintf("/runners/%" PRId64, r->id);
	CLEAN_STR char *reason = reason_of(r, h->now);
	const char *word = runner_word(r, h->now);

	html_runner_row(h, &(struct html_runner_row){ .word = word,
				   .url = url,
				   .name = r->name,
				   .state = word_shown(word),
				   .labels = labels ? labels : "no labels",
				   .scope = r->scope_repo ? r->scope_repo : r->scope_owner,
				   .version = r->version,
				   .host = p->sight.reader ? r->host_name : NULL,
				   .reason = reason,
				   .busy = r->active_jobs,
				   .capacity = r->capacity,
				   .seen = runner_heard_of(r) });
}

static void write_runners(struct html *h, const struct runners_page *p)
{
	struct html_runners_begin sum = { 0 };

	for (size_t i = 0; i < p->runners.n; i++) {
		const struct runner_row *r = &p->runners.v[i];
		bool counts = sight_runner(&p->sight, r) && !r->revoked_at.us;
		bool online = counts && runner_online(r, h->now);

		sum.all += counts;
		sum.online += online;
		sum.busy += online ? r->active_jobs : 0;
		sum.capacity += online ? r->capacity : 0;
	}
	html_runners_begin(h, &sum);
	html_list_begin(h, &(struct html_list_begin){ 0 });
	for (size_t i = 0; i < p->runners.n; i++)
		if (sight_runner(&p->sight, &p->runners.v[i]))
			write_runner(h, p, &p->runners.v[i]);
	html_list_end(h, &(struct html_list_end){ 0 });
	if (!sum.all)
		html_none(h, &(struct html_none){ "No runner is registered here." });
}

void page_runners(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEANUP(runners_page_release) struct runners_page p = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (sight_of(a, r, &p.sight, &e) < 0 || store_runner_list(a->store, &p.runners, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	page_begin(&h, &p.sight.viewer, NULL, "Runners");
	write_runners(&h, &p);
	page_reply(r, 200, &h);
}
