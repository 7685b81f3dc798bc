/*
 * One runner. A runner of ours says itself what keeps it from work; one of another make falls
 * silent then, or asks for nothing. So what is known here is said as well: since when it is silent,
 * what waits for it meanwhile, and which command on the host says the rest.
 */
#include "coordinator/pages/site/site.h"

#include <inttypes.h>
#include <pages/parts.h>

#include "base/codec.h"
#include "base/limits.h"
#include "coordinator/pages/show.h"
#include "coordinator/pages/site/sight.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/view/runner.h"

enum { JOBS_SHOWN = 100 };

struct runner_page {
	struct sight sight;
	struct runner_row runner;
	struct matching waiting;
	struct job_list jobs;
};

static void runner_page_release(struct runner_page *p)
{
	sight_release(&p->sight);
	runner_row_release(&p->runner);
	job_list_release(&p->jobs);
}

/* One text for a runner that is not there and for one that the caller may not see. */
static int find_runner(struct app *a, struct httpd_request *r, struct runner_page *p, struct err *e)
{
	int64_t id = 0;

	if (sight_of(a, r, &p->sight, e) < 0)
		return -1;
	if (!httpd_param_id(r, "id", &id) || store_runner_get(a->store, id, &p->runner, NULL) < 0 ||
		!sight_runner(&p->sight, &p->runner))
		return err_set(e, ERR_NOT_FOUND, "there is no such runner");
	return 0;
}

static int runner_page_load(
	struct app *a, struct httpd_request *r, struct runner_page *p, struct err *e)
{
	if (find_runner(a, r, p, e) < 0)
		return -1;
	const struct offer offer = offer_of(&p->runner);
	const struct running_spec spec = { .runner_id = p->runner.id,
		.page = { .limit = JOBS_SHOWN } };
	if (!p->runner.revoked_at.us && store_matching(a->store, &offer, &p->waiting, e) < 0)
		return -1;
	return store_running_list(a->store, &spec, &p->jobs, e);
}

static void write_note(
	struct html *h, const char *kind, const char *title, const char *text, struct wall when)
{
	html_runner_note(h, &(struct html_runner_note){
				    .kind = kind, .title = title, .text = text, .when = when });
}

static void write_silence(struct html *h, const struct runner_row *r)
{
	if (!runner_heard_of(r).us)
		write_note(h, "wait", "Never heard of",
			"It was registered, and no program has used its token yet.",
			(struct wall){ 0 });
	else
		write_note(h, "bad", "Offline",
			"Its host, its network or the runner itself is down. On the host, "
			"`shithubd-runner doctor` says what is wrong with disk, engine and "
			"network. It was heard of last:",
			runner_heard_of(r));
}

/* The runner's own words name paths of its host: for those who may see which host that is. */
static void write_trouble(struct html *h, const struct runner_page *p)
{
	const struct runner_row *r = &p->runner;
	bool fresh = runner_in_trouble(r, h->now), told = p->sight.reader != 0;
	CLEAN_STR char *text =
		xasprintf("%s%s%s It began:", told ? r->trouble_text : "", told ? ". " : "",
			fresh ? "It takes no jobs until that is over."
			      : "That is what it said before it fell silent.");

	write_note(h, "bad", trouble_title(r->trouble), text, r->trouble_since);
}

static void write_notes(struct html *h, const struct runner_page *p)
{
	const struct runner_row *r = &p->runner;
	const char *none = "No reason was given.";

	if (r->revoked_at.us) {
		write_note(h, "bad", "Revoked", r->revoke_reason ? r->revoke_reason : none,
			r->revoked_at);
		return;
	}
	if (r->drained_at.us)
		write_note(h, "wait", "Drained: it gets no more jobs",
			r->drain_reason ? r->drain_reason : none, r->drained_at);
	if (r->trouble)
		write_trouble(h, p);
	if (runner_in_trouble(r, h->now))
		return;
	if (!runner_online(r, h->now))
		write_silence(h, r);
	else if (runner_deaf(r, &p->waiting, h->now))
		write_note(h, "bad", "Deaf: it takes nothing although jobs wait for it",
			"A full disk or an engine that is down keeps it from work, or it asks with "
			"other labels than it has here. On the host, `shithubd-runner status` says "
			"which. The oldest of these jobs waits since:",
			p->waiting.oldest_at);
}

static void write_lead(struct html *h, const struct runner_page *p)
{
	const struct runner_row *r = &p->runner;
	CLEAN_STR char *labels = joined(&r->labels), *allowed = joined(&r->allowed_labels);
	CLEAN_STR char *refused = joined(&r->refused_labels);
	const char *word = runner_word(r, h->now);
	const char *scope = r->scope_repo ? r->scope_repo : r->scope_owner;

	html_runner_begin(h, &(struct html_runner_begin){ .word = word,
				     .name = r->name,
				     .state = word_shown(word),
				     .busy = r->active_jobs,
				     .capacity = r->capacity,
				     .seen = runner_heard_of(r),
				     .labels = labels ? labels : "none",
				     .allowed = str_eq(labels, allowed) ? NULL : allowed,
				     .refused = refused,
				     .scope = scope ? scope : "all repositories",
				     .host = p->sight.reader ? r->host_name : NULL,
				     .version = r->version,
				     .registered = r->created_at,
				     .waiting = p->waiting.jobs });
}

static int write_job(struct html *h, struct app *a, const struct runner_page *p,
	const struct job_row *job, struct err *e)
{
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	struct html_runner_job row = { .word = state_word(job->state), .when = job->claimed_at };
	CLEAN_STR char *url = NULL, *name = NULL;

	if (access_repo(a, viewer_pat(&p->sight.viewer), job->repo_id, ROLE_READ, NULL) == 0) {
		if (store_repo_get(a->store, job->repo_id, &repo, e) < 0)
			return -1;
		name = xasprintf("%s/%s", repo.owner, repo.name);
		url = xasprintf("/%s/runs/%" PRId64 "/jobs/%" PRId64, name, job->run_id, job->id);
		row.url = url;
		row.name = job->name;
		row.repo = name;
	}
	html_runner_job(h, &row);
	return 0;
}

static int write_jobs(struct html *h, struct app *a, const struct runner_page *p, struct err *e)
{
	if (!p->jobs.n)
		return 0;
	html_runner_jobs_begin(h, &(struct html_runner_jobs_begin){ 0 });
	for (size_t i = 0; i < p->jobs.n; i++)
		if (write_job(h, a, p, &p->jobs.v[i], e) < 0)
			return -1;
	html_list_end(h, &(struct html_list_end){ 0 });
	return 0;
}

static void write_records(struct html *h, const struct runner_page *p)
{
	struct buf url = BUF_INIT(KIB(4));

	if (!viewer_is_admin(&p->sight.viewer) || str_empty(p->runner.host_name))
		return;
	buf_adds(&url, "/hygiene?host=");
	percent_encode(&url, p->runner.host_name);
	html_runner_records(h, &(struct html_runner_records){ buf_cstr(&url) });
	buf_release(&url);
}

void page_runner(struct httpd_request *r, void *app)
{
	CLEANUP(runner_page_release) struct runner_page p = { 0 };
	CLEAN_HTML struct html h;
	struct err e = { 0 };

	html_init(&h, PAGE_MAX_BYTES);
	if (runner_page_load(app, r, &p, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	CLEAN_STR char *title = xasprintf("Runner %s", p.runner.name);
	page_begin(&h, &p.sight.viewer, NULL, title);
	write_lead(&h, &p);
	write_notes(&h, &p);
	write_records(&h, &p);
	if (write_jobs(&h, app, &p, &e) < 0)
		page_fail(r, &e);
	else
		page_reply(r, 200, &h);
}
