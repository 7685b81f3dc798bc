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
#include "coordinator/store/artifact.h"
#include "coordinator/store/store.h"

struct put {
	struct app *app;
	struct httpd_request *request; /* NULL: the client has gone */
	struct sync_task sync;
	bool syncing; /* the upload is the syncer's */
	struct object_grant grant;
	char *key;
	struct object_upload *upload;
	bool failed;
	struct err error; /* why */
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
	put->key = artifact_key(a->objects, put->grant.run_id, put->grant.name, row.id);
	put->upload = object_upload_begin(a->objects, put->key, put->grant.size, &e);
	if (!put->upload) {
		refuse_object(r, &e);
		return;
	}
	httpd_set_sink(r, on_bytes, put);
}

/* The row says "uploaded" only when the object is in its place. */
static int publish_object(
	struct app *a, struct put *put, char digest[OBJECT_DIGEST_MAX], struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (put->failed) {
		*e = put->error;
		return -1;
	}
	if (object_upload_end(put->upload, digest, e) < 0 || store_begin(a->store, &tx, e) < 0 ||
		store_artifact_uploaded(a->store, put->grant.artifact_id, digest, e) < 0 ||
		object_upload_commit(put->upload, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

static void answer_put(struct put *put)
{
	struct httpd_request *r = put->request;
	char digest[OBJECT_DIGEST_MAX];
	struct err e = { 0 };

	if (publish_object(put->app, put, digest, &e) < 0) {
		refuse_object(r, &e);
		return;
	}
	metric_add(&put->app->metrics, METRIC_ARTIFACTS, 1);
	httpd_add_header(r, "Shithub-Digest", digest);
	httpd_reply(r, 200, NULL, NULL, 0);
}

static void on_synced(void *data)
{
	struct put *put = data;

	put->syncing = false;
	if (!put->request) {
		put_free(put);
		return;
	}
	put->failed = put->sync.failed;
	put->error = put->sync.error;
	httpd_turn_begin(put->app->httpd);
	answer_put(put);
	httpd_turn_end(put->app->httpd);
}

static int sync_work(void *data, struct err *e)
{
	const struct put *put = data;

	return object_upload_sync(put->upload, e);
}

/* In a bucket the bytes stand before the row says so, so nothing may be sent over an object that
 * has its row, nor beside another upload of it. */
static bool bucket_refuses(struct put *put)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };
	struct app *a = put->app;

	if (!objects_far(a->objects))
		return false;
	if (syncer_busy(a->syncer, put->key))
		err_set(&put->error, ERR_TIMEOUT, "another upload of it is under way");
	else if (store_artifact_get(a->store, put->grant.artifact_id, &row, &put->error) == 0 &&
		 row.digest)
		err_set(&put->error, ERR_CONFLICT, "the artifact was uploaded meanwhile");
	put->failed = put->error.class != ERR_NONE;
	return put->failed;
}

void object_put(struct httpd_request *r, void *app)
{
	struct app *a = app;
	struct put *put = httpd_close_data(r);

	if (put->failed || !a->syncer) {
		answer_put(put);
		return;
	}
	if (bucket_refuses(put)) {
		answer_put(put);
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
	struct strv keys = { 0 };
	struct object_grant g;

	if (read_grant(a, r, "GET", &g, e) < 0 ||
		store_artifact_get(a->store, g.artifact_id, row, e) < 0)
		return -1;
	if (!row->digest || row->expires_at.us <= wall_now().us)
		return err_set(e, ERR_NOT_FOUND, "there is no such artifact");
	CLEAN_STR char *key = artifact_key(a->objects, g.run_id, g.name, row->id);
	if (!object_is_here(a->objects, key))
		strv_add(&keys, key);
	if (fetch_first(r, a, &keys, object_get))
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
