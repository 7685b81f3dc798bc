/* Calls of people and their tools: a personal access token with repo:write. */
#include "coordinator/api.h"

#include "base/json.h"
#include "base/limits.h"

/* The caller's name in *ret; answers by itself (-1) when the token or its scope does not do. */
static int writer_auth(struct app *a, struct httpd_request *r, struct pat_row *ret)
{
	struct err e = { 0 };
	if (auth_pat(a, httpd_bearer(r), ret, &e)) {
		httpd_reply_err(r, &e);
		return -1;
	}
	if (ret->scopes & SCOPE_REPO_WRITE)
		return 0;
	httpd_error(r, 403, "the token lacks the scope repo:write");
	return -1;
}

static int id_param(struct httpd_request *r, int64_t *ret, struct err *e)
{
	return httpd_param_id(r, "id", ret) ? 0 : err_set(e, ERR_NOT_FOUND, "there is no such id");
}

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
	json_kv_bool(&w, "cancel_requested", job->cancel_requested);
	json_end_object(&w);
	if (json_writer_finish(&w, &e))
		httpd_reply_err(r, &e);
	else
		httpd_reply_json(r, 200, &out);
}

void api_job_cancel(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	int64_t id;
	CLEANUP(pat_row_release) struct pat_row who = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	if (writer_auth(a, r, &who))
		return;
	if (id_param(r, &id, &e) || store_job_cancel(a->store, id, wall_now(), &job, &e)) {
		httpd_reply_err(r, &e);
		return;
	}
	metric_add(&a->metrics, METRIC_JOB_CANCELS, 1);
	app_wake(a);
	cancel_answer(r, &job);
}

static void rerun_answer(struct httpd_request *r, const struct run_created *run, int64_t parent)
{
	struct err e = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct json_writer w;
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "run_id", run->run_id);
	json_kv_int(&w, "run_index", run->run_index);
	json_kv_int(&w, "parent_run_id", parent);
	json_end_object(&w);
	if (json_writer_finish(&w, &e))
		httpd_reply_err(r, &e);
	else
		httpd_reply_json(r, 201, &out);
}

void api_run_rerun(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	int64_t id;
	struct run_created run;
	CLEANUP(pat_row_release) struct pat_row who = { 0 };
	if (writer_auth(a, r, &who))
		return;
	if (id_param(r, &id, &e) || store_run_rerun(a->store, id, who.name, wall_now(), &run, &e)) {
		httpd_reply_err(r, &e);
		return;
	}
	metric_add(&a->metrics, METRIC_RUNS, 1);
	app_wake(a);
	rerun_answer(r, &run, id);
}
