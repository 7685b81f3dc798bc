/*
 * The runs of a repository. A page goes on behind the last run of the one before, so that runs that
 * come meanwhile shift nothing. Filters are a form that a browser sends by itself; what is not
 * known in advance (branches, actors) is typed or followed from a row.
 */
#include "coordinator/pages/pages.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "base/codec.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/query.h"
#include "coordinator/pages/show.h"

enum { RUNS_SHOWN = 30, TEXT_MAX = 300 };

static const char *const events[] = { "push", "pull_request", "workflow_dispatch", "schedule" };
static const char *const states[] = { "success", "failure", "cancelled", "timed_out", "skipped",
	"queued", "running", "waiting" };

struct filter {
	char *branch, *event, *state, *actor;
	int64_t before;
};

static void filter_release(struct filter *f)
{
	free(f->branch);
	free(f->event);
	free(f->state);
	free(f->actor);
}

static int known_state(const char *state, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (str_eq(state, states[i]))
			return 0;
	return err_set(e, ERR_INPUT,
		"state \"%.40s\": expected success, failure, cancelled, "
		"timed_out, skipped, queued, running or waiting",
		state);
}

static int filter_read(struct httpd_request *r, struct filter *f, struct err *e)
{
	if (query_text(r, "branch", TEXT_MAX, &f->branch, e) < 0 ||
		query_text(r, "event", TEXT_MAX, &f->event, e) < 0 ||
		query_text(r, "state", TEXT_MAX, &f->state, e) < 0 ||
		query_text(r, "actor", TEXT_MAX, &f->actor, e) < 0 ||
		query_number(r, "before", &f->before, e) < 0)
		return -1;
	return f->state ? known_state(f->state, e) : 0;
}

/* The page with these filters that begins behind `before` (0: at the newest). */
static char *url_of(const struct place *at, const struct filter *f, int64_t before)
{
	struct buf url = BUF_INIT(KIB(16));
	CLEAN_STR char *number = before ? xasprintf("%" PRId64, before) : NULL;

	buf_adds(&url, at->url);
	percent_field(&url, "branch", f->branch);
	percent_field(&url, "event", f->event);
	percent_field(&url, "state", f->state);
	percent_field(&url, "actor", f->actor);
	percent_field(&url, "before", number);
	return buf_take(&url);
}

static void write_options(
	struct html *h, const char *const *words, size_t n, const char *any, const char *chosen)
{
	bool known = !chosen;

	html_option(h, &(struct html_option){ .value = "", .label = any });
	for (size_t i = 0; i < n; i++) {
		bool is = str_eq(words[i], chosen);

		known = known || is;
		html_option(h,
			&(struct html_option){
				.value = words[i], .label = word_shown(words[i]), .chosen = is });
	}
	if (!known)
		html_option(h,
			&(struct html_option){ .value = chosen, .label = chosen, .chosen = true });
}

static void write_filter(struct html *h, const struct place *at, const struct filter *f)
{
	bool any = f->branch || f->event || f->state || f->actor;

	html_runs_begin(h, &(struct html_runs_begin){ .url = at->url, .branch = f->branch });
	write_options(h, events, ARRAY_LEN(events), "any", f->event);
	html_runs_filter_state(h, &(struct html_runs_filter_state){ 0 });
	write_options(h, states, ARRAY_LEN(states), "any", f->state);
	html_runs_filter_rest(h, &(struct html_runs_filter_rest){
					 .actor = f->actor, .clear = any ? at->url : NULL });
}

static void write_run(struct html *h, const struct place *at, const struct run_brief *run)
{
	const struct filter branch = { .branch = (char *)ref_shown(run->head_ref) };
	CLEAN_STR char *url = xasprintf("%s/runs/%" PRId64, at->url, run->id);
	CLEAN_STR char *branch_url = url_of(at, &branch, 0);
	CLEAN_STR char *title = run_title(run);
	CLEAN_STR char *sha = xasprintf("%.7s", run->head_sha);

	html_run_row(h, &(struct html_run_row){ .word = run_brief_word(run),
				.url = url,
				.title = title,
				.workflow = run->workflow_name,
				.index = run->run_index,
				.again = run->attempt > 1,
				.attempt = run->attempt,
				.event = run->event,
				.branch_url = branch_url,
				.ref = ref_shown(run->head_ref),
				.actor = run->actor,
				.sha = sha,
				.when = run->created_at,
				.took = span_of(h, run->started_at, run->completed_at) });
}

static void write_runs(struct html *h, const struct place *at, const struct filter *f,
	const struct run_briefs *l, int64_t next)
{
	CLEAN_STR char *older = next ? url_of(at, f, next) : NULL;
	CLEAN_STR char *newest = f->before ? url_of(at, f, 0) : NULL;

	html_list_begin(h, &(struct html_list_begin){ 0 });
	for (size_t i = 0; i < l->n; i++)
		write_run(h, at, &l->v[i]);
	html_list_end(h, &(struct html_list_end){ 0 });
	if (!l->n)
		html_none(
			h, &(struct html_none){
				   .text = older ? "None of these runs fits. There are older ones."
						 : "No run fits." });
	if (older || newest)
		html_older(h,
			&(struct html_older){ .newest = newest, .older = older, .label = "Older" });
}

/* Of the branch that is filtered for, else of the default branch. */
static void write_badge(
	struct html *h, const struct app *a, const struct place *at, const struct filter *f)
{
	struct buf image = BUF_INIT(KIB(4));
	CLEAN_STR char *name = xasprintf("%s/%s", at->repo.owner, at->repo.name);

	buf_addf(&image, "%s/badge.svg", at->url);
	percent_field(&image, "branch", f->branch);
	CLEAN_STR char *markdown = xasprintf("[![%s](%s%s)](%s%s)", at->repo.name, a->public_url,
		buf_cstr(&image), a->public_url, at->url);
	html_badge(h, &(struct html_badge){ .image = at->repo.private ? NULL : buf_cstr(&image),
			      .ref = f->branch ? f->branch : at->repo.default_branch,
			      .markdown = markdown,
			      .private = at->repo.private,
			      .name = name });
	buf_release(&image);
}

void page_runs(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEAN_PLACE struct place at = { 0 };
	CLEANUP(filter_release) struct filter f = { 0 };
	CLEANUP(run_briefs_release) struct run_briefs l = { 0 };
	CLEAN_HTML struct html h;
	int64_t next;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (place_of(a, r, PLACE_REPO, &at, &e) < 0 || filter_read(r, &f, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	const struct run_brief_spec spec = { .repo_id = at.repo.id,
		.before = f.before,
		.branch = f.branch,
		.event = f.event,
		.state = f.state,
		.actor = f.actor,
		.limit = RUNS_SHOWN };
	if (store_run_briefs(a->store, &spec, &l, &next, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	page_begin(&h, &at.viewer, &at, "Runs");
	write_filter(&h, &at, &f);
	write_runs(&h, &at, &f, &l, next);
	write_badge(&h, a, &at, &f);
	page_reply(r, 200, &h);
}
