/*
 * The state is the one that the change came to, not today's: a receiver that was away hears every
 * step of a job in order. Names and times that belong to a later state are left out.
 */
#include "coordinator/webhook/payload.h"

#include <inttypes.h>
#include <openssl/hmac.h>

#include "coordinator/store/job.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/run.h"
#include "coordinator/store/runner.h"
#include "coordinator/view/check.h"
#include "coordinator/view/row_json.h"

enum { DESCRIPTION_MAX = 140 }; /* bytes that GitHub takes */

struct subject {
	const struct delivery_row *d;
	const struct payload_links *links;
	struct repo_row repo;
	struct run_row run;
	struct job_row job; /* id 0: none */
	struct runner_row runner;
};

static void subject_release(struct subject *x)
{
	repo_row_release(&x->repo);
	run_row_release(&x->run);
	job_row_release(&x->job);
	runner_row_release(&x->runner);
}

/* Rows as they were when the change came. */
static int subject_load(
	struct store *s, const struct webhook_row *hook, struct subject *x, struct err *e)
{
	const struct delivery_row *d = x->d;

	if (!d->run_id)
		return hook->repo_id ? store_repo_get(s, hook->repo_id, &x->repo, e) : 0;
	if (store_run_get(s, d->run_id, &x->run, e) < 0 ||
		store_repo_get(s, x->run.repo_id, &x->repo, e) < 0 ||
		(d->job_id && store_job_get(s, d->job_id, &x->job, e) < 0))
		return -1;
	if (d->runner_id)
		IGNORE_RESULT(store_runner_get(s, d->runner_id, &x->runner, NULL),
			"a runner that is gone has no name");
	struct state *st = d->job_id ? &x->job.state : &x->run.state;
	struct wall *started = d->job_id ? &x->job.started_at : &x->run.started_at;
	struct wall *completed = d->job_id ? &x->job.completed_at : &x->run.completed_at;
	*st = d->state;
	if (d->state.status == STATUS_QUEUED)
		started->us = 0;
	if (!status_terminal(d->state.status))
		completed->us = 0;
	return 0;
}

/* ---- format "json" ---- */

static const char *action_of(const struct delivery_row *d)
{
	if (!d->has_state)
		return "ping";
	if (status_terminal(d->state.status))
		return "completed";
	if (d->state.status == STATUS_RUNNING)
		return "in_progress";
	return d->job_id ? "queued" : "requested";
}

static void kv_branch(struct json_writer *w, const char *ref)
{
	static const char heads[] = "refs/heads/";

	json_kv_str(w, "head_branch", str_starts(ref, heads) ? ref + strlen(heads) : ref);
}

static struct check_place place_of(const struct subject *x)
{
	return (struct check_place){ x->links->public_url, &x->repo, x->links->pages };
}

static void kv_url(struct json_writer *w, const char *key, const struct subject *x)
{
	CLEAN_STR char *url = xasprintf("%s/api/v1/runs/%" PRId64, x->links->public_url, x->run.id);

	json_kv_str(w, key, url);
}

static void kv_page(struct json_writer *w, const char *key, const struct subject *x)
{
	const struct check_place at = place_of(x);
	CLEAN_STR char *url = check_page_url(&at, x->run.id, x->job.id ? &x->job : NULL);

	json_kv_str(w, key, url);
}

static void write_run(struct json_writer *w, const struct subject *x)
{
	const struct run_row *r = &x->run;

	json_begin_object(w);
	json_kv_int(w, "id", r->id);
	json_kv_int(w, "run_number", r->run_index);
	json_kv_int(w, "run_attempt", r->attempt);
	json_kv_str(w, "name", r->workflow_name);
	json_kv_str(w, "path", r->workflow_file);
	json_kv_str(w, "display_title", r->run_name ? r->run_name : r->workflow_name);
	json_kv_str(w, "event", r->event);
	json_kv_str(w, "head_sha", run_checked_sha(r));
	kv_branch(w, r->head_ref);
	json_kv_str(w, "status", check_run_status(r->state));
	json_kv_str(w, "conclusion", conclusion_text(r->state.conclusion));
	kv_time(w, "created_at", r->created_at);
	kv_time(w, "run_started_at", r->started_at);
	kv_time(w, "updated_at", x->d->changed_at);
	kv_url(w, "url", x);
	kv_page(w, "html_url", x);
	json_end_object(w);
}

static void write_job(struct json_writer *w, const struct subject *x)
{
	const struct job_row *j = &x->job;

	json_begin_object(w);
	json_kv_int(w, "id", j->id);
	json_kv_int(w, "run_id", j->run_id);
	json_kv_int(w, "run_attempt", x->run.attempt);
	json_kv_str(w, "name", j->name);
	json_kv_str(w, "workflow_name", x->run.workflow_name);
	json_kv_str(w, "head_sha", run_checked_sha(&x->run));
	kv_branch(w, x->run.head_ref);
	json_kv_str(w, "status", check_run_status(j->state));
	json_kv_str(w, "conclusion", conclusion_text(j->state.conclusion));
	kv_time(w, "created_at", j->created_at);
	kv_time(w, "started_at", j->started_at);
	kv_time(w, "completed_at", j->completed_at);
	json_kv_strv(w, "labels", &j->runs_on);
	if (x->runner.id)
		json_kv_int(w, "runner_id", x->runner.id);
	else
		json_kv_str(w, "runner_id", NULL);
	json_kv_str(w, "runner_name", x->runner.name);
	kv_url(w, "run_url", x);
	kv_page(w, "html_url", x);
	json_end_object(w);
}

static void write_json(struct json_writer *w, const struct subject *x)
{
	const struct check_place at = place_of(x);

	json_begin_object(w);
	json_kv_str(w, "action", action_of(x->d));
	if (x->job.id) {
		json_key(w, "workflow_job");
		write_job(w, x);
	} else if (x->run.id) {
		json_key(w, "workflow_run");
		write_run(w, x);
	}
	if (x->repo.id)
		kv_repository(w, &at);
	kv_time(w, "changed_at", x->d->changed_at);
	if (x->run.actor) {
		json_key(w, "sender");
		json_begin_object(w);
		json_kv_str(w, "login", x->run.actor);
		json_end_object(w);
	}
	json_end_object(w);
}

/* ---- format "forge" ---- */

static void write_status(struct json_writer *w, const struct subject *x)
{
	const struct job_row *job = x->job.id ? &x->job : NULL;
	CLEAN_STR char *context = check_context(&x->run, job);
	CLEAN_STR char *text = check_description(&x->run, job);

	if (strlen(text) > DESCRIPTION_MAX)
		text[DESCRIPTION_MAX] = 0;
	json_begin_object(w);
	json_kv_str(w, "state", check_state_text(check_state_of(&x->run, job)));
	json_kv_str(w, "context", context);
	json_kv_str(w, "description", text);
	kv_page(w, "target_url", x);
	json_end_object(w);
}

/* The run that was refused left a status of its own at the forge, an error, which no job of a later
 * attempt takes the place of: those attempts say at the same place how they go. 1, 0, -1. */
static int follows_a_refused_one(struct store *s, const struct run_row *run, struct err *e)
{
	int64_t parent = run->parent_run_id;

	while (parent) {
		CLEANUP(run_row_release) struct run_row before = { 0 };

		if (store_run_get(s, parent, &before, e) < 0) {
			if (!err_is(e, ERR_NOT_FOUND))
				return -1;
			err_clear(e); /* retention took it */
			return 0;
		}
		if (before.refused)
			return 1;
		parent = before.parent_run_id;
	}
	return 0;
}

/* 1 yes, 0 no, -1. */
static int forge_hears(struct store *s, const struct subject *x, struct err *e)
{
	CLEANUP(job_list_release) struct job_list jobs = { 0 };

	if (x->job.id)
		return 1;
	if (!x->run.id)
		return 0;
	if (!status_terminal(x->run.state.status))
		return follows_a_refused_one(s, &x->run, e);
	if (store_job_list(s, x->run.id, &jobs, e) < 0)
		return -1;
	return jobs.n == 0 ? 1 : follows_a_refused_one(s, &x->run, e);
}

int payload_write(struct store *s, const struct webhook_row *hook, const struct delivery_row *d,
	const struct payload_links *links, struct buf *out, char **ret_url, struct err *e)
{
	CLEANUP(subject_release) struct subject x = { .d = d, .links = links };
	bool forge = str_eq(hook->format, "forge");
	struct json_writer w;

	if (forge && !d->run_id) {
		*ret_url = xstrdup(hook->url);
		return 1;
	}
	if (subject_load(s, hook, &x, e) < 0)
		return -1;
	int rc = forge ? forge_hears(s, &x, e) : 1;
	if (rc <= 0)
		return rc;
	json_writer_init(&w, out, false);
	if (forge)
		write_status(&w, &x);
	else
		write_json(&w, &x);
	if (json_writer_finish(&w, e) < 0)
		return -1;
	*ret_url = forge ? xasprintf("%s/statuses/%s", hook->url, run_checked_sha(&x.run))
			 : xstrdup(hook->url);
	return 1;
}

int payload_sign(const struct buf *secret, const struct buf *body, char out[SIGNATURE_TEXT_MAX],
	struct err *e)
{
	unsigned char mac[SHA256_LEN];
	unsigned len = sizeof(mac);

	if (!HMAC(EVP_sha256(), buf_cstr(secret), (int)secret->len,
		    (const unsigned char *)buf_cstr(body), body->len, mac, &len))
		return err_set(e, ERR_INTERNAL, "HMAC-SHA256 failed");
	memcpy(out, "sha256=", 7);
	hex_encode(mac, SHA256_LEN, out + 7);
	return 0;
}
