/*
 * Reading what runs did, with a personal access token of either scope: GET /runs/{id} is the JSON
 * of `admin run show`, the logs are their bytes as stored, streamed chunk by chunk.
 */
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/api.h"
#include "coordinator/run_view.h"
#include "coordinator/step_log.h"

#define RUN_JSON_MAX MIB(32)

static int reader_auth(struct app *a, struct httpd_request *r, struct err *e)
{
	CLEANUP(pat_row_release) struct pat_row who = { 0 };
	return auth_pat(a, httpd_bearer(r), &who, e);
}

static int id_of(struct httpd_request *r, const char *name, int64_t *ret, struct err *e)
{
	return httpd_param_id(r, name, ret) ? 0 : err_set(e, ERR_NOT_FOUND, "there is no such id");
}

void api_run_get(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	struct json_writer w;
	int64_t id;
	CLEANUP(run_view_release) struct run_view view = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(RUN_JSON_MAX);

	if (reader_auth(a, r, &e) || id_of(r, "id", &id, &e) ||
		run_view_load(a->store, id, &view, &e)) {
		httpd_reply_err(r, &e);
		return;
	}
	json_writer_init(&w, &out, false);
	run_view_write(&w, &view);
	if (json_writer_finish(&w, &e))
		httpd_reply_err(r, &e);
	else
		httpd_reply_json(r, 200, &out);
}

/* ---- logs ---- */

static ssize_t log_read(void *data, char *out, size_t max)
{
	struct err e = { 0 };
	ssize_t n = step_log_read(data, out, max, &e);
	if (n < 0)
		log_error("http", "log_read_failed", F_ERR(&e));
	return n > 0 ? n : n == 0 ? HTTPD_END : HTTPD_ABORT;
}

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	step_log_free(data);
}

/* Leaves only the step of that id. */
static int steps_pick(struct step_list *l, int64_t step_id, struct err *e)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].id == step_id)
			l->v[n++] = l->v[i];
		else
			step_row_release(&l->v[i]);
	}
	l->n = n;
	return n ? 0 : err_set(e, ERR_NOT_FOUND, "the job has no such step");
}

static int steps_load(struct app *a, struct httpd_request *r, bool one, struct job_row *job,
	struct step_list *ret, struct err *e)
{
	int64_t id, step = 0;
	if (reader_auth(a, r, e) || id_of(r, "id", &id, e) || (one && id_of(r, "step", &step, e)) ||
		store_job_get(a->store, id, job, e) || store_step_list(a->store, id, ret, e))
		return -1;
	return one ? steps_pick(ret, step, e) : 0;
}

static void log_answer(struct httpd_request *r, struct app *a, bool one)
{
	CLEANUP(step_list_release) struct step_list steps = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct err e = { 0 };
	if (steps_load(a, r, one, &job, &steps, &e)) {
		httpd_reply_err(r, &e);
		return;
	}
	struct step_log *l = step_log_new(a->store, a->data_dir, job.run_id, &steps);
	httpd_on_close(r, on_close, l);
	httpd_add_header(r, "X-Content-Type-Options", "nosniff");
	httpd_reply_stream(r, 200, "text/plain; charset=utf-8", log_read, l);
}

void api_job_log(struct httpd_request *r, void *app)
{
	log_answer(r, app, false);
}

void api_step_log(struct httpd_request *r, void *app)
{
	log_answer(r, app, true);
}
