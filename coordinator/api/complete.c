/*
 * An artifact that was sent to a bucket is not there for others before we have seen that the bucket
 * has it: .../artifacts/complete, a call of our own that the answer to .../upload asks for. The
 * bucket is asked first, while the call waits; then the call has its effect as every other, so a
 * repeat asks once more and gets the stored answer.
 */
#include "coordinator/api/call.h"

#include <inttypes.h>

#include "coordinator/api/body.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/syncer.h"
#include "coordinator/store/artifact.h"

struct complete {
	struct app *app;
	struct httpd_request *request; /* NULL: the client has gone */
	struct artifact_body body;
	struct err why; /* it is refused before the bucket is asked */
	char *key;
	bool asking;                    /* it is the syncer's */
	int64_t size;                   /* that the bucket has */
	char digest[OBJECT_DIGEST_MAX]; /* that it says, "": it does not */
	struct sync_task task;
};

static void complete_free(struct complete *c)
{
	artifact_body_release(&c->body);
	free(c->key);
	free(c);
}

/* ---- the effect ---- */

static int row_check(
	struct api_call *call, const struct complete *c, struct artifact_row *row, struct err *e)
{
	if (store_artifact_get(call->app->store, c->body.id, row, e) < 0)
		return -1;
	if (row->run_id != call->job.run_id || row->job_id != call->job.id)
		return err_set(e, ERR_NOT_FOUND, "there is no such artifact");
	return 0;
}

static int bucket_check(const struct complete *c, const struct artifact_row *row, struct err *e)
{
	if (row->digest && !str_eq(row->digest, c->body.digest))
		return err_set(e, ERR_CONFLICT, "the artifact is there with another SHA-256");
	if (c->task.failed) {
		*e = c->task.error;
		return err_is(e, ERR_NOT_FOUND)
			       ? err_set(e, ERR_NOT_FOUND,
					 "the bucket has no object of this artifact and SHA-256")
			       : -1;
	}
	if (c->size != row->size_bytes)
		return err_set(e, ERR_CONFLICT,
			"the object has %" PRId64 " bytes, announced were %" PRId64, c->size,
			row->size_bytes);
	if (*c->digest && !str_eq(c->digest, c->body.digest))
		return err_set(e, ERR_CONFLICT, "the object's SHA-256 is %s, announced was %s",
			c->digest, c->body.digest);
	return 0;
}

static int complete_effect(struct api_call *call, struct json_writer *w, struct err *e)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };
	const struct complete *c = httpd_close_data(call->request);

	if (c->why.class != ERR_NONE) {
		*e = c->why;
		return -1;
	}
	if (row_check(call, c, &row, e) < 0 || bucket_check(c, &row, e) < 0 ||
		store_artifact_uploaded(call->app->store, row.id, c->body.digest, e) < 0)
		return -1;
	if (!row.digest)
		metric_add(&call->app->metrics, METRIC_ARTIFACTS, 1);
	json_kv_int(w, "artifact_id", row.id);
	return 0;
}

/* ---- asking the bucket ---- */

static int complete_work(void *data, struct err *e)
{
	struct complete *c = data;

	return object_stat(c->app->objects, c->key, &c->size, c->digest, e);
}

static void complete_done(void *data)
{
	struct complete *c = data;
	struct app *a = c->app;

	c->asking = false;
	if (!c->request) {
		complete_free(c);
		return;
	}
	httpd_turn_begin(a->httpd);
	job_call(&(struct api_call){ .app = a, .request = c->request }, complete_effect, 200);
	httpd_turn_end(a->httpd);
}

static void on_close(struct httpd_request *r UNUSED, void *data)
{
	struct complete *c = data;

	c->request = NULL;
	if (!c->asking) /* else complete_done does */
		complete_free(c);
}

static int complete_begin(struct complete *c, struct err *e)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };
	struct app *a = c->app;

	if (artifact_complete_parse(httpd_body(c->request), &c->body, e) < 0 ||
		store_artifact_get(a->store, c->body.id, &row, e) < 0)
		return -1;
	if (!objects_presign(a->objects) || !a->syncer)
		return err_set(e, ERR_INPUT,
			"artifacts of this coordinator are complete when they are uploaded");
	c->key = artifact_key(a->objects, row.run_id, row.name, row.id, c->body.digest);
	return 0;
}

void api_artifact_complete(struct httpd_request *r, void *app)
{
	struct complete *c = xcalloc(1, sizeof(*c));

	c->app = app;
	c->request = r;
	httpd_on_close(r, on_close, c);
	if (complete_begin(c, &c->why) < 0) { /* in the order of refusals that all calls have */
		job_call(&(struct api_call){ .app = app, .request = r }, complete_effect, 200);
		return;
	}
	c->task = (struct sync_task){ .work = complete_work, .done = complete_done, .data = c };
	c->asking = true;
	httpd_hold(r);
	syncer_submit(c->app->syncer, &c->task);
}
