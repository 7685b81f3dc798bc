/*
 * Bytes as they are stored, streamed: logs for reading elsewhere, artifacts. A log is shown as
 * plain text and never as anything else, whatever it holds; an artifact is only ever saved.
 */
#include "coordinator/pages/pages.h"

#include "base/log.h"
#include "coordinator/object/fetch.h"
#include "coordinator/object/reader.h"
#include "coordinator/object/stored_log.h"
#include "coordinator/pages/page.h"
#include "coordinator/store/artifact.h"

#define URL_LIFETIME_US (60 * USEC_PER_SEC)

/* ---- logs ---- */

static ssize_t log_read(void *data, char *out, size_t max)
{
	struct err e = { 0 };
	ssize_t n = stored_log_read(data, out, max, &e);

	if (n < 0)
		log_error("pages", "log_read_failed", F_ERR(&e));
	return n > 0 ? n : n == 0 ? HTTPD_END : HTTPD_ABORT;
}

static void on_log_close(struct httpd_request *r UNUSED, void *data)
{
	stored_log_free(data);
}

/* Leaves only the step of that number, counted from 1 as the pages do. */
static int pick_step(struct job_steps *l, struct httpd_request *r, struct err *e)
{
	int64_t number;
	size_t n = 0;

	if (!httpd_param_id(r, "step", &number))
		number = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].index == number - 1)
			l->v[n++] = l->v[i];
		else
			step_row_release(&l->v[i]);
	}
	l->n = n;
	return n ? 0 : err_set(e, ERR_NOT_FOUND, "the job has no such step");
}

static void raw_log(struct httpd_request *r, struct app *a, bool one)
{
	CLEAN_PLACE struct place at = { 0 };
	CLEANUP(job_steps_release) struct job_steps steps = { 0 };
	struct err e = { 0 };

	if (place_of(a, r, PLACE_JOB, &at, &e) < 0 ||
		store_step_list(a->store, at.job.source_id, &steps, &e) < 0 ||
		(one && pick_step(&steps, r, &e) < 0)) {
		page_fail(r, &e);
		return;
	}
	if (fetch_logs_first(
		    r, a, at.job.source_run_id, &steps, one ? page_step_raw : page_job_raw))
		return;
	struct stored_log *l = stored_log_new(a->store, a->objects, at.job.source_run_id, &steps);
	httpd_on_close(r, on_log_close, l);
	if (stored_log_check(l, &e) < 0) {
		page_fail(r, &e);
		return;
	}
	page_headers(r);
	httpd_reply_stream(r, 200, "text/plain; charset=utf-8", log_read, l);
}

void page_job_raw(struct httpd_request *r, void *app)
{
	raw_log(r, app, false);
}

void page_step_raw(struct httpd_request *r, void *app)
{
	raw_log(r, app, true);
}

/* ---- artifacts ---- */

static ssize_t object_read(void *data, char *out, size_t max)
{
	struct err e = { 0 };
	ssize_t n = object_reader_read(data, out, max, &e);

	if (n < 0)
		log_error("pages", "object_read_failed", F_ERR(&e));
	return n > 0 ? n : n == 0 ? HTTPD_END : HTTPD_ABORT;
}

static void on_object_close(struct httpd_request *r UNUSED, void *data)
{
	object_reader_free(data);
}

/* One of those that the run's page lists: also of an earlier attempt, but of no other run. */
static int find_artifact(
	struct app *a, struct httpd_request *r, struct artifact_list *ret, struct err *e)
{
	CLEAN_PLACE struct place at = { 0 };
	int64_t id = 0;

	if (place_of(a, r, PLACE_RUN, &at, e) < 0)
		return -1;
	if (httpd_param_id(r, "artifact", &id) &&
		store_artifact_list(a->store, at.run.id, NULL, id - 1, 1, wall_now(), ret, e) < 0)
		return -1;
	return ret->n && ret->v[0].id == id
		       ? 0
		       : err_set(e, ERR_NOT_FOUND, "there is no such artifact");
}

/* What is in a bucket is not opened here: the browser is sent there, or waits until it is here. */
static bool artifact_elsewhere(
	struct httpd_request *r, struct app *a, const char *key, const struct artifact_row *row)
{
	CLEAN_STR char *name = xasprintf("%s.tar.gz", row->name), *url = NULL;
	struct wall now = wall_now();
	const struct wall until = { now.us + URL_LIFETIME_US };
	struct fetch_list wanted = { 0 };
	struct err e = { 0 };

	if (!objects_far(a->objects))
		return false;
	if (objects_presign(a->objects) &&
		object_get_url(a->objects, key, name, now, until, &url, &e) == 0) {
		page_headers(r);
		httpd_add_header(r, "Location", url);
		httpd_reply(r, 303, NULL, NULL, 0);
		return true;
	}
	fetch_add(&wanted, a, key, row->size_bytes);
	return fetch_first(r, a, &wanted, page_artifact);
}

void page_artifact(struct httpd_request *r, void *app)
{
	struct app *a = app;
	CLEANUP(artifact_list_release) struct artifact_list l = { 0 };
	struct object_reader *object = NULL;
	struct err e = { 0 };

	if (find_artifact(a, r, &l, &e) == 0) {
		const struct artifact_row *row = &l.v[0];
		CLEAN_STR char *key =
			artifact_key(a->objects, row->run_id, row->name, row->id, row->digest);

		if (artifact_elsewhere(r, a, key, row))
			return;
		object = object_reader_open(a->objects, key, row->size_bytes, row->digest, &e);
	}
	if (!object) {
		page_fail(r, &e);
		return;
	}
	httpd_on_close(r, on_object_close, object);
	page_headers(r);
	/* only letters, digits and a few signs are in a name (label_valid) */
	CLEAN_STR char *disposition = xasprintf("attachment; filename=\"%s.tar.gz\"", l.v[0].name);
	httpd_add_header(r, "Content-Disposition", disposition);
	httpd_reply_stream(r, 200, "application/gzip", object_read, object);
}
