/*
 * What starts by the clock. A line whose branch or file was gone when its time came starts no more
 * runs, and says so; what keeps the jobs of a run from starting all the same is a policy.
 */
#include "coordinator/pages/repo/repo.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/limits.h"
#include "coordinator/pages/page.h"
#include "coordinator/pages/show.h"
#include "coordinator/queue/policy.h"
#include "coordinator/store/run.h"
#include "coordinator/store/schedule.h"

struct schedule_page {
	struct place at;
	struct schedule_list lines;
	struct run_list newest; /* of each workflow file and event of the default branch */
	struct policy policy;
};

static void schedule_page_release(struct schedule_page *p)
{
	schedule_list_release(&p->lines);
	run_list_release(&p->newest);
	policy_release(&p->policy);
	place_release(&p->at);
}

static int schedule_page_load(
	struct app *a, struct httpd_request *r, struct schedule_page *p, struct err *e)
{
	if (place_of(a, r, PLACE_REPO, &p->at, e) < 0)
		return -1;
	const struct repo_row *repo = &p->at.repo;
	CLEAN_STR char *ref = xasprintf("refs/heads/%s", repo->default_branch);
	if (store_schedule_list(a->store, repo->id, &p->lines, e) < 0 ||
		store_run_heads(a->store, repo->id, RUNS_OF_REF, ref, &p->newest, e) < 0)
		return -1;
	return store_policy_load(a->store, repo->owner, repo->id, &p->policy, e);
}

static void write_disabled(struct html *h, const struct policy *policy)
{
	for (size_t i = 0; i < POLICY_LEVELS; i++) {
		const struct policy_row *level = &policy->levels[i];
		const char *why = level->disabled_reason;

		if (!level->disabled_at.us)
			continue;
		CLEAN_STR char *text = xasprintf(
			"Actions are disabled for the %s%s%s. Runs are made when their "
			"time comes, and their jobs wait until actions are enabled again.",
			policy_level_text((enum policy_level)i), why ? ": " : "", why ? why : "");
		html_run_note(h, &(struct html_run_note){ "wait", "Nothing of it starts", text });
	}
}

static const struct run_row *last_run(const struct schedule_page *p, const char *file)
{
	for (size_t i = 0; i < p->newest.n; i++)
		if (str_eq(p->newest.v[i].event, "schedule") &&
			str_eq(p->newest.v[i].workflow_file, file))
			return &p->newest.v[i];
	return NULL;
}

static void write_line(struct html *h, const struct schedule_page *p, const struct schedule_row *l)
{
	const struct run_row *run = last_run(p, l->workflow_file);
	CLEAN_STR char *url = run ? xasprintf("%s/runs/%" PRId64, p->at.url, run->id) : NULL;
	struct html_schedule_row row = { .word = "none",
		.cron = l->cron,
		.file = l->workflow_file,
		.actor = l->actor,
		.run_url = url,
		.next = l->dropped_at.us ? (struct wall){ 0 } : l->next_at,
		.dropped = l->dropped_at,
		.why = l->dropped_why };

	if (run) {
		row.word = run_state_word(run);
		row.run = run->run_index;
		row.state = word_shown(run_state_word(run));
		row.ran = run->created_at;
	}
	if (l->dropped_at.us)
		row.word = "warning";
	html_schedule_row(h, &row);
}

void page_schedule(struct httpd_request *r, void *app)
{
	CLEANUP(schedule_page_release) struct schedule_page p = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (schedule_page_load(app, r, &p, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	page_begin(&h, &p.at.viewer, &p.at, "Schedule");
	html_schedule_begin(&h, &(struct html_schedule_begin){ p.at.repo.default_branch });
	write_disabled(&h, &p.policy);
	html_list_begin(&h, &(struct html_list_begin){ 0 });
	for (size_t i = 0; i < p.lines.n; i++)
		write_line(&h, &p, &p.lines.v[i]);
	html_list_end(&h, &(struct html_list_end){ 0 });
	if (!p.lines.n)
		html_none(&h, &(struct html_none){ "No workflow of the default branch has a line "
						   "under on.schedule." });
	page_reply(r, 200, &h);
}
