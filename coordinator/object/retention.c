/*
 * Retention, in the order runs, artifacts, logs: what goes with its run need not be archived
 * first. Every step can stop anywhere: what was done stays done, and the next pass goes on.
 */
#include "coordinator/object/retention.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/object/artifact.h"
#include "coordinator/object/log_times.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/stored_log.h"
#include "coordinator/object/upload.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/hygiene.h"
#include "coordinator/store/jwt.h"
#include "coordinator/store/log.h"
#include "coordinator/store/retired.h"

enum { STEPS_AT_ONCE = 100 };

/* ---- logs ---- */

struct copy {
	struct object_upload *to;
	struct err *e;
};

static int copy_chunk(void *data, const char *p, size_t n)
{
	struct copy *c = data;

	return object_upload_add(c->to, p, n, c->e);
}

static int log_copy(
	struct app *a, const struct old_step *step, char digest[OBJECT_DIGEST_MAX], struct err *e)
{
	CLEAN_STR char *key = stored_log_key(step->run_id, step->job_id, step->id);
	struct copy c = { object_upload_begin(a->objects, step->log_bytes, e), e };
	int rc = !c.to || store_log_each(a->store, step->id, copy_chunk, &c, e) < 0 ||
				 object_upload_digest(c.to, digest, e) < 0 ||
				 object_upload_sync(c.to, key, e) < 0 ||
				 object_upload_commit(c.to, e) < 0
			 ? -1
			 : 0;

	object_upload_free(c.to);
	return rc < 0 ? err_wrap(e, "log of step %" PRId64, step->id) : 0;
}

static void add_time(void *data, int64_t bytes, struct wall at)
{
	log_times_add(data, bytes, at);
}

static int times_keep(struct app *a, int64_t step_id, struct err *e)
{
	CLEANUP(log_times_maker_release) struct log_times_maker m = { 0 };
	CLEAN_BUF struct buf packed = BUF_INIT(LOG_TIMES_MAX);

	if (store_log_arrivals(a->store, step_id, add_time, &m, e) < 0)
		return -1;
	log_times_pack(&m, &packed);
	return store_log_times_put(a->store, step_id, buf_slice(&packed), e);
}

static int log_archived(struct app *a, int64_t step_id, const char *digest, struct wall now,
	int64_t *ret_chunks, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 || times_keep(a, step_id, e) < 0 ||
		store_step_archived(a->store, step_id, digest, now, ret_chunks, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

/* A crash in between leaves object and chunks: the next time makes the object anew. */
static int logs_archive(
	struct app *a, struct wall before, struct wall now, int64_t *ret, struct err *e)
{
	for (;;) {
		CLEANUP(old_steps_release) struct old_steps l = { 0 };

		if (store_steps_old(a->store, before, STEPS_AT_ONCE, &l, e) < 0)
			return -1;
		for (size_t i = 0; i < l.n; i++) {
			char digest[OBJECT_DIGEST_MAX];
			int64_t n = 0;

			if (log_copy(a, &l.v[i], digest, e) < 0 ||
				log_archived(a, l.v[i].id, digest, now, &n, e) < 0)
				return -1;
			*ret += n;
		}
		if (!l.n)
			return 0;
	}
}

/* ---- the others ---- */

static int blobs_prune(struct app *a, struct wall now, int64_t *ret, struct err *e)
{
	int n;

	do {
		if (artifact_prune(a, now, &n, e) < 0)
			return -1;
		*ret += n;
	} while (n == ARTIFACT_PRUNE_MAX);
	return 0;
}

static int runs_prune(struct app *a, struct wall before, int64_t *ret, struct err *e)
{
	int64_t id;
	int rc;

	while ((rc = store_run_old(a->store, before, &id, e)) > 0) {
		if (object_delete_run(a->objects, id, e) < 0 ||
			store_run_delete(a->store, id, e) < 0)
			return err_wrap(e, "run %" PRId64, id);
		*ret += 1;
	}
	return rc;
}

/* Other bytes of the artifact are there, or were before it went. */
static int superseded_remove(
	struct app *a, const char *key, const struct artifact_row *row, struct err *e)
{
	if (!row->digest) /* some are on their way */
		return 0;
	CLEAN_STR char *own =
		artifact_key(a->objects, row->run_id, row->name, row->id, row->digest);
	return str_eq(key, own) ? 0 : object_delete(a->objects, key, e);
}

/* What a crash, or an upload that came too late, left in a bucket. */
static int orphan_remove(void *data, const char *key, int64_t size UNUSED, struct err *e)
{
	CLEANUP(artifact_row_release) struct artifact_row row = { 0 };
	struct app *a = data;
	int64_t id = artifact_of_key(key);
	struct err own = { 0 };

	if (!id)
		return 0;
	if (store_artifact_get(a->store, id, &row, &own) == 0)
		return superseded_remove(a, key, &row, e);
	if (err_is(&own, ERR_NOT_FOUND))
		return object_delete(a->objects, key, e);
	if (e)
		*e = own;
	return -1;
}

static int leftovers_remove(struct app *a, struct wall now, struct err *e)
{
	int64_t aborted;

	if (objects_tidy(a->objects, now, &aborted, e) < 0)
		return -1;
	return objects_far(a->objects) ? objects_each(a->objects, orphan_remove, a, e) : 0;
}

static void count_removed(struct app *a, const struct retention_done *d)
{
	metric_add(&a->metrics, METRIC_PRUNED_CHUNKS, d->chunks);
	metric_add(&a->metrics, METRIC_PRUNED_BLOBS, d->blobs);
	metric_add(&a->metrics, METRIC_PRUNED_RUNS, d->runs);
	metric_add(&a->metrics, METRIC_PRUNED_JWT, d->jwt_used);
}

int retention_run(struct app *a, const struct retention *r, struct wall now,
	struct retention_done *ret, struct err *e)
{
	*ret = (struct retention_done){ 0 };
	bool failed =
		runs_prune(a, (struct wall){ now.us - r->runs_us }, &ret->runs, e) < 0 ||
		blobs_prune(a, now, &ret->blobs, e) < 0 ||
		logs_archive(a, (struct wall){ now.us - r->chunks_us }, now, &ret->chunks, e) < 0 ||
		store_jwt_prune(a->store, (struct wall){ now.us - r->jwt_us }, INT64_MAX,
			&ret->jwt_used, e) < 0 ||
		store_hygiene_prune(a->store, (struct wall){ now.us - r->evidence_us },
			&ret->evidence, e) < 0 ||
		leftovers_remove(a, now, e) < 0;
	count_removed(a, ret);
	return metrics_flush(&a->metrics, a->store, failed ? NULL : e) < 0 || failed ? -1 : 0;
}
