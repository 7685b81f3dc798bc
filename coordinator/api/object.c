/*
 * Objects over HTTP, for whoever holds a signed URL. Answers are 403 for a URL that is wrong or too
 * late, 404 for an artifact that is gone, 409 when other bytes arrived before, 411 without a
 * length.
 */
#include "coordinator/api/api.h"

#include <inttypes.h>

#include "base/log.h"
#include "coordinator/api/body.h"
#include "coordinator/object/artifact.h"
#include "coordinator/object/fetch.h"
#include "coordinator/object/object.h"
#include "coordinator/object/reader.h"
#include "coordinator/object/syncer.h"
#include "coordinator/object/upload.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/store.h"

struct put {
	struct app *app;
	struct httpd_request *request; /* NULL: the client has gone */
	struct sync_task sync;
	bool syncing; /* the upload is the syncer's */
	struct object_grant grant;
	struct object_upload *upload;
	char digest[OBJECT_DIGEST_MAX]; /* when all bytes came */
	char *key;
	bool there; /* the same bytes came before */
	bool failed;
	struct err error; /* why */
	const char *late; /* it may go well another time: what is waited for; NULL: else */
};

/* The grant that a request claims to have, checked. */
static int read_grant(struct app *a, struct httpd_request *r, const char *method,
	struct object_grant *g, struct err *e)
{
	const char *id = httpd_query(r, "id"), *expires = httpd_query(r, "expires"),
		   *size = httpd_query(r, "size");
	int64_t seconds = 0;

	*g = (struct object_grant){ .method = method, .name = httpd_param(r, "name") };
	if (!httpd_param_id(r, "run", &g->run_id) || !artifact_name_valid(g->name) || !id ||
		!parse_i64(id, 1, INT64_MAX, &g->artifact_id) || !size ||
		!parse_i64(size, 0, INT64_MAX, &g->size) || !expires ||
		!parse_i64(expires, 0, INT64_MAX / USEC_PER_SEC, &seconds))
		return err_set(e, ERR_AUTH, "the signature is wrong or has expired");
	g->expires_at = (struct wall){ seconds * USEC_PER_SEC };
	return object_grant_check(&a->keys, g, httpd_query(r, "signature"), wall_now(), e);
}

static void refuse_object(struct httpd_request *r, const struct err *e)
{
	if (err_is(e, ERR_AUTH))
		httpd_error(r, 403, "%s", e->text);
	else
		httpd_reply_err(r, e);
}

/* ---- PUT ---- */

static ssize_t on_bytes(void *data, const char *p, size_t n)
{
	struct put *put = data;

	/* bytes after an error are read and dropped, so that the client can read why */
	if (!put->failed && object_upload_add(put->upload, p, n, &put->error) < 0)
		put->failed = true;
	return (ssize_t)n;
}

static void put_free(struct put *put)
{
	object_upload_free(put->upload);
	free(put->key);
	free(put);
}

static void on_put_close(struct httpd_request *r UNUSED, void *data)
{
	struct put *put = data;

	put->request = NULL;
	if (!put->syncing) /* else on_synced frees it */
		put_free(put);
}

static int check_length(struct httpd_request *r, int64_t want, struct err *e)
{
	const char *text = httpd_header(r, "Content-Length");
	int64_t n = -1;

	if (text && parse_i64(text, 0, INT64_MAX, &n) && n == want)
		return 0;
	return err_set(e, ERR_INPUT, "Content-Length is %s, expected %" PRId64,
		text ? text : "missing", want);
}

void object_put_begin(struct httpd_request *r, void *app)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };
	struct put *put = xcalloc(1, sizeof(*put));
	struct app *a = app;
	struct err e = { 0 };

	put->app = a;
	put->request = r;
	httpd_on_close(r, on_put_close, put);
	if (read_grant(a, r, "PUT", &put->grant, &e) < 0 ||
		check_length(r, put->grant.size, &e) < 0 ||
		store_artifact_get(a->store, put->grant.artifact_id, &row, &e) < 0) {
		refuse_object(r, &e);
		return;
	}
	put->upload = object_upload_begin(a->objects, put->grant.size, &e);
	if (!put->upload) {
		refuse_object(r, &e);
		return;
	}
	httpd_set_sink(r, on_bytes, put);
}

static void refuse_put(struct put *put)
{
	struct httpd_request *r = put->request;

	if (!r || put->late)
		log_warn("objects", "upload_failed", F_ERR(&put->error));
	if (r && put->late) {
		httpd_add_header(r, "Retry-After", "2");
		httpd_error(r, 503, "%s, try again", put->late);
	} else if (r) {
		refuse_object(r, &put->error);
	}
}

/* Whether or not the client is still there: what came whole is not sent again in vain. */
static void end_put(struct put *put)
{
	struct httpd_request *r = put->request;

	if (!put->failed && !put->there)
		put->failed = artifact_publish(put->app, put->grant.artifact_id, put->upload,
				      put->digest, &put->error) < 0;
	if (put->failed) {
		refuse_put(put);
	} else if (r) {
		httpd_add_header(r, "Shithub-Digest", put->digest);
		httpd_reply(r, 200, NULL, NULL, 0);
	}
}

static void on_synced(void *data)
{
	struct put *put = data;
	struct app *a = put->app;

	put->syncing = false;
	put->failed = put->sync.failed;
	put->error = put->sync.error;
	if (put->failed && err_is(&put->error, ERR_TIMEOUT))
		put->late = "the object store does not answer";
	if (put->failed && err_is(&put->error, ERR_CANCELLED))
		put->late = "the coordinator stops";
	httpd_turn_begin(a->httpd);
	end_put(put);
	if (!put->request)
		put_free(put);
	httpd_turn_end(a->httpd);
}

static int sync_work(void *data, struct err *e)
{
	const struct put *put = data;

	return object_upload_sync(put->upload, put->key, e);
}

/* Bytes that a bucket has are not sent to it once more, nor beside an upload of the same, and
 * others not in vain. */
static int bucket_ready(struct put *put, struct err *e)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };
	struct app *a = put->app;

	if (store_artifact_get(a->store, put->grant.artifact_id, &row, e) < 0)
		return -1;
	if (row.digest && !str_eq(row.digest, put->digest))
		return err_set(e, ERR_CONFLICT, "other bytes of the artifact were uploaded before");
	put->there = row.digest != NULL;
	if (put->there || !a->syncer || !syncer_busy(a->syncer, put->key))
		return 0;
	put->late = "the same bytes are on their way already";
	return err_set(e, ERR_TIMEOUT, "%s", put->late);
}

static int put_ready(struct put *put, struct err *e)
{
	struct objects *o = put->app->objects;

	if (object_upload_digest(put->upload, put->digest, e) < 0)
		return -1;
	put->key = artifact_key(
		o, put->grant.run_id, put->grant.name, put->grant.artifact_id, put->digest);
	return objects_far(o) ? bucket_ready(put, e) : 0;
}

void object_put(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct put *put = httpd_close_data(r);

	put->failed = put->failed || put_ready(put, &put->error) < 0;
	if (!put->failed && !put->there && !a->syncer)
		put->failed = sync_work(put, &put->error) < 0;
	if (put->failed || put->there || !a->syncer) {
		end_put(put);
		return;
	}
	put->sync = (struct sync_task){
		.work = sync_work, .done = on_synced, .data = put, .name = put->key
	};
	put->syncing = true;
	httpd_hold(r);
	syncer_submit(a->syncer, &put->sync);
}

/* ---- GET ---- */

struct get {
	struct object_reader *object;
};

static ssize_t on_read(void *data, char *out, size_t max)
{
	struct get *get = data;
	struct err e = { 0 };
	ssize_t n = object_reader_read(get->object, out, max, &e);

	if (n < 0)
		log_error("http", "object_read_failed", F_ERR(&e));
	return n > 0 ? n : n == 0 ? HTTPD_END : HTTPD_ABORT;
}

static void on_get_close(struct httpd_request *r UNUSED, void *data)
{
	struct get *get = data;

	object_reader_free(get->object);
	free(get);
}

/* 1: it is on its way here, and the handler is called again. */
static int open_granted(struct app *a, struct httpd_request *r, struct artifact_row *row,
	struct get *get, struct err *e)
{
	struct fetch_list wanted = { 0 };
	struct object_grant g;

	if (read_grant(a, r, "GET", &g, e) < 0 ||
		store_artifact_get(a->store, g.artifact_id, row, e) < 0)
		return -1;
	if (!row->digest || row->expires_at.us <= wall_now().us)
		return err_set(e, ERR_NOT_FOUND, "there is no such artifact");
	CLEAN_STR char *key = artifact_key(a->objects, g.run_id, g.name, row->id, row->digest);
	fetch_add(&wanted, a, key, row->size_bytes);
	if (fetch_first(r, a, &wanted, object_get))
		return 1;
	get->object = object_reader_open(a->objects, key, row->size_bytes, row->digest, e);
	return get->object ? 0 : -1;
}

void object_get(struct httpd_request *r, void *app)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };
	struct get *get = xcalloc(1, sizeof(*get));
	struct err e = { 0 };
	int rc = open_granted(app, r, &row, get, &e);

	if (rc > 0) {
		free(get);
		return;
	}
	httpd_on_close(r, on_get_close, get);
	if (rc < 0) {
		refuse_object(r, &e);
		return;
	}
	httpd_add_header(r, "Shithub-Digest", row.digest);
	httpd_reply_stream(r, 200, "application/gzip", on_read, get);
}
