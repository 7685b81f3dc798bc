/*
 * What people do with runs: start one by hand, run one again or a part of it, cancel it, ask why it
 * waits. Starting and ending needs write access to the repository, asking needs read access.
 */
#include "coordinator/api/api.h"

#include "base/json.h"
#include "base/limits.h"
#include "coordinator/api/body.h"
#include "coordinator/act/run.h"
#include "coordinator/api/caller.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/store/job.h"
#include "coordinator/store/repo.h"
#include "coordinator/store/run.h"
#include "coordinator/store/state.h"
#include "coordinator/trigger/trigger.h"
#include "coordinator/view/explain.h"
#include "coordinator/view/row_json.h"

#define EXPLAIN_MAX MIB(4)

static void created_answer(struct httpd_request *r, const struct run_created *run, int64_t parent)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "run_id", run->run_id);
	json_kv_int(&w, "run_index", run->run_index);
	if (parent)
		json_kv_int(&w, "parent_run_id", parent);
	json_end_object(&w);
	caller_answer(r, 201, &w, &out, &e);
}

/* ---- again ---- */

static void rerun(struct app *a, struct httpd_request *r, struct rerun_spec *spec, struct err *e)
{
	struct run_created run;

	if (act_rerun(a, spec, &run, e) < 0)
		httpd_reply_err(r, e);
	else
		created_answer(r, &run, spec->run_id);
}

static void run_again(struct httpd_request *r, struct app *a, bool failed)
{
	struct err e = { 0 };
	CLEANUP(caller_release) struct caller c = { 0 };

	if (caller_of_run(a, r, ROLE_WRITE, &c, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	struct rerun_spec spec = {
		.run_id = c.id, .what = failed ? RERUN_FAILED : RERUN_ALL, .actor = c.who.login
	};
	rerun(a, r, &spec, &e);
}

void api_run_rerun(struct httpd_request *r, void *app)
{
	run_again(r, app, false);
}

void api_run_rerun_failed(struct httpd_request *r, void *app)
{
	run_again(r, app, true);
}

void api_job_rerun(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	CLEANUP(caller_release) struct caller c = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };

	if (caller_of_job(a, r, ROLE_WRITE, &c, &e) < 0 ||
		store_job_get(a->store, c.id, &job, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	struct rerun_spec spec = {
		.run_id = job.run_id, .job_id = c.id, .what = RERUN_JOB, .actor = c.who.login
	};
	rerun(a, r, &spec, &e);
}

/* ---- cancel ---- */

static void cancel_answer(struct httpd_request *r, const struct job_row *job)
{
	struct err e = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct json_writer w;

	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "job_id", job->id);
	json_kv_int(&w, "run_id", job->run_id);
	json_kv_str(&w, "status", status_text(job->state.status));
	json_kv_str(&w, "conclusion", conclusion_text(job->state.conclusion));
	json_kv_bool(&w, "cancel_requested", job->cancel_requested > 0);
	json_end_object(&w);
	caller_answer(r, 200, &w, &out, &e);
}

void api_job_cancel(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	CLEANUP(caller_release) struct caller c = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };

	if (caller_of_job(a, r, ROLE_WRITE, &c, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	CLEAN_STR char *why = xasprintf("cancelled by %s", c.who.login);
	if (store_job_cancel(a->store, c.id, why, wall_now(), &job, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	app_wake(a);
	cancel_answer(r, &job);
}

void api_run_cancel(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	struct json_writer w;
	CLEANUP(caller_release) struct caller c = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));

	if (caller_of_run(a, r, ROLE_WRITE, &c, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	if (act_cancel(a, &c.who, c.id, &e) < 0 || store_run_get(a->store, c.id, &run, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "run_id", c.id);
	kv_state(&w, run.state);
	json_kv_bool(&w, "cancel_requested", true);
	json_end_object(&w);
	caller_answer(r, 200, &w, &out, &e);
}

/* ---- why it waits ---- */

static void explain(struct httpd_request *r, struct app *a, int64_t run_id, int64_t job_id)
{
	struct err e = { 0 };
	struct json_writer w;
	CLEANUP(job_waits_release) struct job_waits waits = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(EXPLAIN_MAX);

	json_writer_init(&w, &out, false);
	if (job_waits_load(a->store, run_id, job_id, &waits, &e) == 0)
		job_waits_write(&w, &waits);
	caller_answer(r, 200, &w, &out, &e);
}

void api_run_explain(struct httpd_request *r, void *app)
{
	struct err e = { 0 };
	CLEANUP(caller_release) struct caller c = { 0 };

	if (caller_of_run(app, r, ROLE_READ, &c, &e) < 0)
		httpd_reply_err(r, &e);
	else
		explain(r, app, c.id, 0);
}

void api_job_explain(struct httpd_request *r, void *app)
{
	struct err e = { 0 };
	CLEANUP(caller_release) struct caller c = { 0 };

	if (caller_of_job(app, r, ROLE_READ, &c, &e) < 0)
		httpd_reply_err(r, &e);
	else
		explain(r, app, 0, c.id);
}

/* ---- by hand ---- */

static void problems_answer(struct httpd_request *r, const struct err *e, const struct strv *lines)
{
	CLEAN_BUF struct buf text = BUF_INIT(KIB(64));

	if (!lines->n) {
		httpd_reply_err(r, e);
		return;
	}
	strv_each (line, lines)
		buf_addf(&text, "%s%s", line_i ? "\n" : "", line);
	httpd_error(r, 400, "%s", buf_cstr(&text));
}

void api_user_begin(struct httpd_request *r, void *app)
{
	struct err e = { 0 };
	CLEANUP(pat_row_release) struct pat_row who = { 0 };

	if (auth_user(app, r, &who, &e) < 0)
		httpd_reply_err(r, &e);
}

static void dispatched(struct app *a, struct httpd_request *r, const struct run_created *run)
{
	metric_add(&a->metrics, METRIC_RUNS, 1);
	app_wake(a);
	created_answer(r, run, 0);
}

void api_dispatch(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	int64_t repo_id;
	struct run_created run;
	CLEANUP(pat_row_release) struct pat_row who = { 0 };
	CLEANUP(dispatch_release) struct dispatch_body body = { 0 };
	CLEANUP(repo_row_release) struct repo_row repo = { 0 };
	CLEANUP(strv_release) struct strv problems = { 0 };
	struct trigger t = trigger_of(a);

	if (auth_user(a, r, &who, &e) < 0 ||
		access_named(a, &who, httpd_param(r, "owner"), httpd_param(r, "name"), ROLE_WRITE,
			&repo_id, &e) < 0 ||
		dispatch_parse(httpd_body(r), &body, &e) < 0 ||
		store_repo_get(a->store, repo_id, &repo, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	const struct trigger_dispatch d = { .workflow = httpd_param(r, "workflow"),
		.ref = body.ref,
		.inputs = &body.inputs,
		.actor = who.login };
	if (trigger_dispatch(&t, &repo, &d, &problems, &run, &e) < 0)
		problems_answer(r, &e, &problems);
	else
		dispatched(a, r, &run);
}
