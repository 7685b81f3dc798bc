/*
 * A job's artifacts: a place for one is asked for here and filled at its signed URL
 * (api/object.c). What goes beyond the deployed protocol stands in headers, as bodies are strict:
 *   Shithub-Artifact-Overwrite: true
 *   Shithub-Artifact-Retention-Days: 1..90
 *   Shithub-Artifact-Digest: sha256:…   (who says it may be sent to a bucket, and completes)
 * and in a call of our own, .../artifacts/list, which gives the run's artifacts in pages.
 */
#include "coordinator/api/call.h"

#include <inttypes.h>
#include "coordinator/api/body.h"
#include "coordinator/object/artifact.h"
#include "coordinator/object/object.h"
#include "coordinator/object/objects.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/state.h"

enum { PAGE = 12 }; /* with URLs of 600 bytes an answer stays below its cap */
#define DAY_US (24 * 3600 * USEC_PER_SEC)

/* What was sent to a bucket may be completed so long after its URL has ended: whoever began in time
 * is let finish. */
#define COMPLETE_GRACE_US (45 * 60 * USEC_PER_SEC)

/* The URL says whole seconds. */
static struct wall url_end(struct wall now)
{
	return (struct wall){ (now.us + OBJECT_URL_LIFETIME_US) / USEC_PER_SEC * USEC_PER_SEC };
}

static int read_digest(struct httpd_request *r, const char **ret, struct err *e)
{
	const char *digest = httpd_header(r, "Shithub-Artifact-Digest");

	if (digest && !artifact_digest_valid(digest))
		return err_set(e, ERR_INPUT,
			"Shithub-Artifact-Digest: expected sha256: and 64 lower-case hex digits");
	*ret = digest;
	return 0;
}

static int read_headers(
	struct httpd_request *r, int64_t *ret_days, bool *ret_overwrite, struct err *e)
{
	const char *days = httpd_header(r, "Shithub-Artifact-Retention-Days");
	const char *overwrite = httpd_header(r, "Shithub-Artifact-Overwrite");

	if (days && !parse_i64(days, 1, ARTIFACT_DAYS_MAX, ret_days))
		return err_set(e, ERR_INPUT,
			"Shithub-Artifact-Retention-Days: expected a number from 1 to %d",
			ARTIFACT_DAYS_MAX);
	if (overwrite && !str_eq(overwrite, "true") && !str_eq(overwrite, "false"))
		return err_set(e, ERR_INPUT, "Shithub-Artifact-Overwrite: expected true or false");
	*ret_overwrite = str_eq(overwrite, "true");
	return 0;
}

static int write_upload(struct api_call *c, const struct artifact_spec *spec, int64_t id,
	struct json_writer *w, struct err *e)
{
	CLEAN_STR char *url = NULL;
	struct object_grant grant = { .method = "PUT",
		.run_id = spec->run_id,
		.name = spec->name,
		.artifact_id = id,
		.size = spec->size_bytes,
		.expires_at = spec->upload_until };

	if (object_url(&c->app->keys, c->app->public_url, &grant, &url, e) < 0)
		return -1;
	json_kv_int(w, "artifact_id", id);
	json_kv_str(w, "upload_url", url);
	return 0;
}

/* The header binds the URL to these bytes; the store checks them. */
static int write_bucket_upload(struct api_call *c, const struct artifact_spec *spec,
	const char *digest, int64_t id, struct json_writer *w, struct err *e)
{
	struct objects *o = c->app->objects;
	CLEAN_STR char *key = artifact_key(o, spec->run_id, spec->name, id, digest);
	CLEANUP(object_upload_url_release) struct object_upload_url url = { 0 };

	if (object_put_url(o, key, digest, c->now, url_end(c->now), &url, e) < 0)
		return -1;
	json_kv_int(w, "artifact_id", id);
	json_kv_str(w, "upload_url", url.url);
	json_key(w, "upload_headers");
	json_begin_array(w);
	json_str(w, url.header);
	json_end_array(w);
	json_kv_bool(w, "complete", true);
	return 0;
}

static int upload_effect(struct api_call *c, struct json_writer *w, struct err *e)
{
	CLEANUP(artifact_body_release) struct artifact_body body = { 0 };
	struct artifact_limits limits = artifact_limits(c->app);
	int64_t days = limits.retention_days, id;
	const char *digest = NULL;
	struct artifact_spec spec = { .run_id = c->job.run_id,
		.job_id = c->job.id,
		.run_bytes_max = limits.max_run_bytes,
		.upload_until = url_end(c->now) };

	if (artifact_upload_parse(httpd_body(c->request), &body, e) < 0 ||
		read_headers(c->request, &days, &spec.overwrite, e) < 0 ||
		read_digest(c->request, &digest, e) < 0)
		return -1;
	if (status_terminal(c->job.state.status))
		return err_set(e, ERR_INPUT, "the job is already %s and takes no more artifacts",
			status_text(c->job.state.status));
	if (body.size_bytes > limits.max_bytes)
		return err_set(e, ERR_LIMIT,
			"an artifact may have %" PRId64 " bytes, this one has %" PRId64,
			limits.max_bytes, body.size_bytes);
	spec.name = body.name;
	spec.size_bytes = body.size_bytes;
	spec.expires_at = (struct wall){ c->now.us + days * DAY_US };
	bool elsewhere =
		digest && objects_presign(c->app->objects) && spec.size_bytes <= OBJECT_PUT_MAX;
	if (elsewhere)
		spec.upload_until.us += COMPLETE_GRACE_US;
	if (store_artifact_add(c->app->store, &spec, c->now, &id, e) < 0)
		return -1;
	return elsewhere ? write_bucket_upload(c, &spec, digest, id, w, e)
			 : write_upload(c, &spec, id, w, e);
}

void api_artifact_upload(struct httpd_request *r, void *app)
{
	struct api_call c = { .app = app, .request = r };

	job_call(&c, upload_effect, 201);
}

static int download_url(
	const struct api_call *c, const struct artifact_row *a, char **ret, struct err *e)
{
	struct objects *o = c->app->objects;
	CLEAN_STR char *key = artifact_key(o, a->run_id, a->name, a->id, a->digest);
	struct object_grant grant = { .method = "GET",
		.run_id = a->run_id,
		.name = a->name,
		.artifact_id = a->id,
		.size = a->size_bytes,
		.expires_at = url_end(c->now) };

	return objects_presign(o) ? object_get_url(o, key, NULL, c->now, url_end(c->now), ret, e)
				  : object_url(&c->app->keys, c->app->public_url, &grant, ret, e);
}

static int write_artifact(
	struct api_call *c, const struct artifact_row *a, struct json_writer *w, struct err *e)
{
	CLEAN_STR char *url = NULL;

	if (download_url(c, a, &url, e) < 0)
		return -1;
	json_begin_object(w);
	json_kv_int(w, "artifact_id", a->id);
	json_kv_str(w, "name", a->name);
	json_kv_int(w, "size_bytes", a->size_bytes);
	json_kv_str(w, "digest", a->digest);
	json_kv_str(w, "download_url", url);
	json_end_object(w);
	return 0;
}

static int list_effect(struct api_call *c, struct json_writer *w, struct err *e)
{
	CLEANUP(artifact_body_release) struct artifact_body body = { 0 };
	CLEANUP(artifact_list_release) struct artifact_list list = { 0 };

	if (artifact_list_parse(httpd_body(c->request), &body, e) < 0 ||
		store_artifact_list(c->app->store, c->job.run_id, body.name, body.after, PAGE + 1,
			c->now, &list, e) < 0)
		return -1;
	json_key(w, "artifacts");
	json_begin_array(w);
	for (size_t i = 0; i < list.n && i < PAGE; i++)
		if (write_artifact(c, &list.v[i], w, e) < 0)
			return -1;
	json_end_array(w);
	if (list.n > PAGE)
		json_kv_int(w, "next_after", list.v[PAGE - 1].id);
	return 0;
}

void api_artifact_list(struct httpd_request *r, void *app)
{
	struct api_call c = { .app = app, .request = r };

	job_call(&c, list_effect, 200);
}
