/*
 * The keys are those of GitHub's API; Forgejo's clients read `status` where GitHub has `state`, so
 * an entry has both. `url` leads to the API, what people open to a page where there is one.
 */
#include "coordinator/view/check.h"

#include <inttypes.h>

#include "coordinator/queue/gate.h"
#include "coordinator/view/row_json.h"

/* ---- what the states come to ---- */

const char *check_state_text(enum check_state s)
{
	static const char *const names[] = {
		[CHECK_SUCCESS] = "success",
		[CHECK_PENDING] = "pending",
		[CHECK_FAILURE] = "failure",
		[CHECK_ERROR] = "error",
	};

	return names[s];
}

static bool is_allowed_failure(const struct job_row *job)
{
	return job->continue_on_error && (job->state.conclusion == CONCLUSION_FAILURE ||
						 job->state.conclusion == CONCLUSION_TIMED_OUT);
}

static enum check_state state_of(enum conclusion c)
{
	return c == CONCLUSION_SUCCESS || c == CONCLUSION_SKIPPED || c == CONCLUSION_NEUTRAL
		       ? CHECK_SUCCESS
		       : CHECK_FAILURE;
}

enum check_state check_state_of(const struct run_row *run, const struct job_row *job)
{
	const struct state *s = job ? &job->state : &run->state;

	if (!status_terminal(s->status))
		return CHECK_PENDING;
	if (!job && run->problems)
		return CHECK_ERROR;
	return job && is_allowed_failure(job) ? CHECK_SUCCESS : state_of(s->conclusion);
}

const char *check_run_status(struct state s)
{
	return s.status == STATUS_QUEUED    ? "queued"
	       : s.status == STATUS_RUNNING ? "in_progress"
					    : "completed";
}

const char *check_run_conclusion(const struct job_row *job)
{
	if (!status_terminal(job->state.status))
		return NULL;
	return is_allowed_failure(job) ? "neutral" : conclusion_text(job->state.conclusion);
}

char *check_context(const struct run_row *run, const struct job_row *job)
{
	return job ? xasprintf("%s / %s (%s)", run->workflow_name, job->name, run->event)
		   : xasprintf("%s (%s)", run->workflow_name, run->event);
}

static char *ended_text(const char *how, const struct job_row *job)
{
	if (!job->started_at.us || !job->completed_at.us)
		return xstrdup(how);
	return xasprintf("%s after %.1f s", how,
		(double)(job->completed_at.us - job->started_at.us) / (double)USEC_PER_SEC);
}

static char *waiting_text(const struct run_row *run, const struct job_row *job)
{
	if (job->state.status == STATUS_RUNNING)
		return xstrdup(job->cancel_requested ? "is being cancelled" : "running");
	if (run->awaits_approval)
		return xstrdup("waits for approval");
	if (run->pending || job->pending)
		return xstrdup("waits for its concurrency group");
	if (job->gate == GATE_WAITS)
		return xstrdup("waits for its environment");
	return xstrdup(job->ready ? "waits for a runner" : "waits for other jobs");
}

static char *run_text(const struct run_row *run)
{
	if (!status_terminal(run->state.status))
		return xstrdup("the run is not over");
	if (run->problems)
		return xstrdup(run->refused ? "the run was refused: its problems say why"
					    : "the run has no jobs: its workflow file is broken");
	return xasprintf("the run ended: %s", conclusion_text(run->state.conclusion));
}

char *check_description(const struct run_row *run, const struct job_row *job)
{
	if (!job)
		return run_text(run);
	if (!status_terminal(job->state.status))
		return waiting_text(run, job);
	if (is_allowed_failure(job))
		return ended_text("failed, as its workflow allows,", job);
	switch (job->state.conclusion) {
	case CONCLUSION_SUCCESS:
		return ended_text("succeeded", job);
	case CONCLUSION_SKIPPED:
		return xstrdup("skipped");
	case CONCLUSION_CANCELLED:
		return ended_text("cancelled", job);
	case CONCLUSION_TIMED_OUT:
		return ended_text("timed out", job);
	case CONCLUSION_NEUTRAL:
		return ended_text("ended neutral", job);
	case CONCLUSION_ACTION_REQUIRED:
		return xstrdup("somebody must act");
	case CONCLUSION_NONE:
	case CONCLUSION_FAILURE:
		break;
	}
	return ended_text("failed", job);
}

/* ---- entries ---- */

void checks_release(struct checks *c)
{
	for (size_t i = 0; c->jobs && i < c->runs.n; i++)
		job_list_release(&c->jobs[i]);
	free(c->jobs);
	free(c->v);
	run_list_release(&c->runs);
	*c = (struct checks){ 0 };
}

static void add_check(struct checks *c, const struct run_row *run, const struct job_row *job)
{
	c->v = xrealloc(c->v, (c->n + 1) * sizeof(*c->v));
	c->v[c->n++] = (struct check){ run, job };
}

int checks_load(struct store *s, struct checks *c, struct err *e)
{
	c->jobs = xcalloc(c->runs.n + 1, sizeof(*c->jobs));
	for (size_t i = 0; i < c->runs.n; i++) {
		if (store_job_list(s, c->runs.v[i].id, &c->jobs[i], e) < 0)
			return -1;
		for (size_t k = 0; k < c->jobs[i].n; k++)
			add_check(c, &c->runs.v[i], &c->jobs[i].v[k]);
		if (!c->jobs[i].n)
			add_check(c, &c->runs.v[i], NULL);
	}
	return 0;
}

enum check_state checks_combined(const struct checks *c)
{
	bool pending = !c->n;

	for (size_t i = 0; i < c->n; i++) {
		enum check_state s = check_state_of(c->v[i].run, c->v[i].job);

		if (s == CHECK_FAILURE || s == CHECK_ERROR)
			return CHECK_FAILURE;
		pending = pending || s == CHECK_PENDING;
	}
	return pending ? CHECK_PENDING : CHECK_SUCCESS;
}

/* ---- JSON ---- */

static void kv_url(struct json_writer *w, const char *key, char *url)
{
	json_kv_str(w, key, url);
	free(url);
}

static char *repo_url(const struct check_place *at)
{
	return xasprintf("%s/api/v1/repos/%s/%s", at->url, at->repo->owner, at->repo->name);
}

static char *run_url(const struct check_place *at, int64_t run_id)
{
	return xasprintf("%s/api/v1/runs/%" PRId64, at->url, run_id);
}

char *check_page_url(const struct check_place *at, int64_t run_id, const struct job_row *job)
{
	if (!at->pages)
		return run_url(at, run_id);
	CLEAN_STR char *run = xasprintf(
		"%s/%s/%s/runs/%" PRId64, at->url, at->repo->owner, at->repo->name, run_id);
	return job ? xasprintf("%s/jobs/%" PRId64, run, job->id) : TAKE(run);
}

int64_t check_id(const struct check *c)
{
	return c->job ? c->job->id : -c->run->id;
}

static struct wall updated_at(const struct check *c)
{
	if (!c->job)
		return c->run->completed_at.us ? c->run->completed_at : c->run->created_at;
	return c->job->completed_at.us ? c->job->completed_at
	       : c->job->started_at.us ? c->job->started_at
				       : c->job->created_at;
}

void check_write_status(struct json_writer *w, const struct check *c, const struct check_place *at)
{
	const char *state = check_state_text(check_state_of(c->run, c->job));

	json_begin_object(w);
	json_kv_int(w, "id", check_id(c));
	json_kv_str(w, "state", state);
	json_kv_str(w, "status", state);
	kv_url(w, "context", check_context(c->run, c->job));
	kv_url(w, "description", check_description(c->run, c->job));
	kv_url(w, "target_url", check_page_url(at, c->run->id, c->job));
	kv_url(w, "url", run_url(at, c->run->id));
	kv_time(w, "created_at", c->job ? c->job->created_at : c->run->created_at);
	kv_time(w, "updated_at", updated_at(c));
	json_end_object(w);
}

void kv_repository(struct json_writer *w, const struct check_place *at)
{
	const struct repo_row *r = at->repo;

	json_key(w, "repository");
	json_begin_object(w);
	json_kv_int(w, "id", r->id);
	json_kv_str(w, "name", r->name);
	kv_url(w, "full_name", xasprintf("%s/%s", r->owner, r->name));
	json_key(w, "owner");
	json_begin_object(w);
	json_kv_str(w, "login", r->owner);
	json_end_object(w);
	json_kv_bool(w, "private", r->private);
	json_kv_str(w, "default_branch", r->default_branch);
	kv_url(w, "clone_url", xasprintf("%s/%s/%s.git", at->url, r->owner, r->name));
	json_end_object(w);
}

void checks_write_statuses(struct json_writer *w, const struct checks *c, const char *sha,
	const struct check_place *at, size_t from, size_t to)
{
	CLEAN_STR char *repo = repo_url(at);

	json_begin_object(w);
	json_kv_str(w, "state", check_state_text(checks_combined(c)));
	json_kv_str(w, "sha", sha);
	json_kv_int(w, "total_count", (int64_t)c->n);
	json_key(w, "statuses");
	json_begin_array(w);
	for (size_t i = from; i < to; i++)
		check_write_status(w, &c->v[i], at);
	json_end_array(w);
	kv_repository(w, at);
	kv_url(w, "commit_url", xasprintf("%s/commits/%s", repo, sha));
	kv_url(w, "url", xasprintf("%s/commits/%s/status", repo, sha));
	json_end_object(w);
}

static void kv_output(struct json_writer *w, const struct check *c, const struct check_place *at,
	const struct annotation_counts *n)
{
	CLEAN_STR char *description = check_description(c->run, c->job);

	json_key(w, "output");
	json_begin_object(w);
	json_kv_str(w, "title", description);
	kv_url(w, "summary",
		xasprintf("%s. Annotations: %" PRId64 " failures, %" PRId64 " warnings, %" PRId64
			  " notices, %" PRId64 " more in the log alone.",
			description, n->failures, n->warnings, n->notices, n->dropped));
	json_kv_str(w, "text", c->job ? c->job->reason : c->run->problems);
	json_kv_int(w, "annotations_count", n->failures + n->warnings + n->notices);
	kv_url(w, "annotations_url",
		c->job ? xasprintf("%s/api/v1/runs/%" PRId64 "/annotations?job=%" PRId64, at->url,
				 c->job->source_run_id, c->job->source_id)
		       : xasprintf("%s/api/v1/runs/%" PRId64 "/annotations", at->url, c->run->id));
	json_end_object(w);
}

static void kv_check_suite(struct json_writer *w, const struct check *c)
{
	json_key(w, "check_suite");
	json_begin_object(w);
	json_kv_int(w, "id", c->run->id);
	json_end_object(w);
	json_key(w, "app");
	json_begin_object(w);
	json_kv_str(w, "slug", "shithub-actions");
	json_kv_str(w, "name", "shithub Actions");
	json_end_object(w);
	json_key(w, "pull_requests");
	json_begin_array(w);
	json_end_array(w);
}

void check_write_run(struct json_writer *w, const struct check *c, const struct check_place *at,
	const struct annotation_counts *annotations)
{
	json_begin_object(w);
	json_kv_int(w, "id", check_id(c));
	json_kv_str(w, "name", c->job ? c->job->name : c->run->workflow_name);
	json_kv_str(w, "head_sha", run_checked_sha(c->run));
	kv_url(w, "external_id", xasprintf("%" PRId64, c->run->id));
	kv_url(w, "url", run_url(at, c->run->id));
	kv_url(w, "html_url", check_page_url(at, c->run->id, c->job));
	kv_url(w, "details_url", check_page_url(at, c->run->id, c->job));
	json_kv_str(w, "status", check_run_status(c->job ? c->job->state : c->run->state));
	json_kv_str(w, "conclusion",
		c->job ? check_run_conclusion(c->job) : conclusion_text(c->run->state.conclusion));
	kv_time(w, "started_at", c->job ? c->job->started_at : c->run->created_at);
	kv_time(w, "completed_at", c->job ? c->job->completed_at : c->run->completed_at);
	kv_output(w, c, at, annotations);
	kv_check_suite(w, c);
	json_end_object(w);
}
