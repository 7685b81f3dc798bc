/*
 * Reading what runs did, with a personal access token of a user who may read the repository:
 * GET /runs/{id} is the JSON of `admin run show`, the logs are their bytes as stored, streamed
 * chunk by chunk.
 */
#include "base/limits.h"
#include "base/log.h"
#include "coordinator/api/api.h"
#include "coordinator/api/caller.h"
#include "coordinator/api/page.h"
#include "coordinator/object/fetch.h"
#include "coordinator/object/stored_log.h"
#include "coordinator/store/job.h"
#include "coordinator/store/step.h"
#include "coordinator/store/run.h"
#include "coordinator/view/annotation.h"
#include "coordinator/view/run.h"

#define RUN_JSON_MAX MIB(32)

void api_run_get(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct err e = { 0 };
	struct json_writer w;
	CLEANUP(caller_release) struct caller c = { 0 };
	CLEANUP(run_view_release) struct run_view view = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(RUN_JSON_MAX);

	json_writer_init(&w, &out, false);
	if (caller_of_run(a, r, ROLE_READ, &c, &e) == 0 &&
		run_view_load(a->store, c.id, &view, &e) == 0)
		run_view_write(&w, &view);
	caller_answer(r, 200, &w, &out, &e);
}

/* ---- annotations ---- */

struct annotations_answer {
	struct annotation_counts counts;
	struct annotation_list list; /* one more than is shown, if there are more */
	size_t shown;
	bool more;
};

static void annotations_release_answer(struct annotations_answer *l)
{
	annotation_list_release(&l->list);
}

static int annotations_load(
	struct app *a, struct httpd_request *r, struct annotations_answer *ret, struct err *e)
{
	struct annotation_spec spec = { 0 };
	struct api_page page;
	const char *job = httpd_query(r, "job");
	CLEANUP(caller_release) struct caller c = { 0 };
	CLEANUP(run_row_release) struct run_row run = { 0 };

	if (caller_of_run(a, r, ROLE_READ, &c, e) < 0 || api_page_of(r, false, &page, e) < 0 ||
		store_run_get(a->store, c.id, &run, e) < 0)
		return -1;
	spec.run_id = c.id;
	if (job && !parse_i64(job, 1, INT64_MAX, &spec.job_id))
		return err_set(e, ERR_INPUT, "job \"%.40s\": expected the id of a job", job);
	spec.page = (struct page){ .limit = page.limit + 1, .after = page.after };
	if (store_annotation_counts(a->store, spec.run_id, spec.job_id, &ret->counts, e) < 0)
		return -1;
	if (store_annotation_list(a->store, &spec, &ret->list, e) < 0)
		return -1;
	ret->more = ret->list.n > (size_t)page.limit;
	ret->shown = ret->more ? (size_t)page.limit : ret->list.n;
	return 0;
}

static void annotations_write(struct json_writer *w, const struct annotations_answer *l)
{
	json_begin_object(w);
	json_kv_int(w, "total_count", l->counts.notices + l->counts.warnings + l->counts.failures);
	kv_annotation_counts(w, "annotation_counts", &l->counts);
	json_key(w, "annotations");
	json_begin_array(w);
	for (size_t i = 0; i < l->shown; i++)
		annotation_write(w, &l->list.v[i]);
	json_end_array(w);
	json_end_object(w);
}

void api_run_annotations(struct httpd_request *r, void *app)
{
	static const char *const kept[] = { "job", NULL };
	CLEANUP(annotations_release_answer) struct annotations_answer l = { 0 };
	CLEAN_BUF struct buf out = BUF_INIT(RUN_JSON_MAX);
	struct json_writer w;
	struct err e = { 0 };

	json_writer_init(&w, &out, false);
	if (annotations_load(app, r, &l, &e) == 0)
		annotations_write(&w, &l);
	if (l.more)
		api_page_more(r, app, l.list.v[l.shown - 1].id, kept);
	caller_answer(r, 200, &w, &out, &e);
}

/* ---- logs ---- */

static ssize_t log_read(void *data, char *out, size_t max)
{
	struct err e = { 0 };
	ssize_t n = stored_log_read(data, out, max, &e);

	if (n < 0)
		log_error("http", "log_read_failed", F_ERR(&e));
	return n > 0 ? n : n == 0 ? HTTPD_END : HTTPD_ABORT;
}

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	stored_log_free(data);
}

/* Leaves only the step of that id. */
static int steps_pick(struct job_steps *l, int64_t step_id, struct err *e)
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
	struct job_steps *ret, struct err *e)
{
	CLEANUP(caller_release) struct caller c = { 0 };
	int64_t step = 0;

	if (caller_of_job(a, r, ROLE_READ, &c, e) < 0 ||
		(one && caller_id(r, "step", &step, e) < 0) ||
		store_job_get(a->store, c.id, job, e) < 0 ||
		store_step_list(a->store, job->source_id, ret, e) < 0)
		return -1;
	return one ? steps_pick(ret, step, e) : 0;
}

static void log_answer(struct httpd_request *r, struct app *a, bool one)
{
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	struct err e = { 0 };

	if (steps_load(a, r, one, &job, &steps, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
	if (fetch_logs_first(r, a, job.source_run_id, &steps, one ? api_step_log : api_job_log))
		return;
	struct stored_log *l = stored_log_new(a->store, a->objects, job.source_run_id, &steps);
	httpd_on_close(r, on_close, l);
	if (stored_log_check(l, &e) < 0) {
		httpd_reply_err(r, &e);
		return;
	}
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
