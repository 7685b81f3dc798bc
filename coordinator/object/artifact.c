/*
 * The end of artifacts: an object goes before its row. A crash in between leaves a row, which the
 * next pass finds again; the other order would leave an object that nothing leads to. Several
 * processes may end the same ones: what another one has removed is removed.
 */
#include "coordinator/object/artifact.h"

#include "base/log.h"
#include "coordinator/http/httpd.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/syncer.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/store.h"

#define PRUNE "prune"

struct artifact_limits artifact_limits(const struct app *a)
{
	struct artifact_limits l = a->artifacts;

	l.max_bytes = l.max_bytes ? l.max_bytes : ARTIFACT_BYTES;
	l.max_run_bytes = l.max_run_bytes ? l.max_run_bytes : ARTIFACT_RUN_BYTES;
	l.retention_days = l.retention_days ? l.retention_days : ARTIFACT_DAYS;
	return l;
}

int artifact_publish(
	struct app *a, int64_t id, struct object_upload *u, const char *digest, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(a->store, &tx, e) < 0 ||
		store_artifact_uploaded(a->store, id, digest, e) < 0 ||
		object_upload_commit(u, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	metric_add(&a->metrics, METRIC_ARTIFACTS, 1);
	return 0;
}

static int object_end(struct objects *o, const struct artifact_row *row, struct err *e)
{
	return artifact_delete(o, row->run_id, row->name, row->id, e);
}

/* In a folder the name is the key, and a later artifact of that name has it once the row is gone:
 * nobody takes the row meanwhile. */
static int near_end(struct app *a, const struct artifact_row *row, struct err *e)
{
	CLEANUP(artifact_row_release) struct artifact_row now = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };
	struct err own = { 0 };

	if (store_begin(a->store, &tx, e) < 0)
		return -1;
	if (store_artifact_get(a->store, row->id, &now, &own) < 0) {
		if (err_is(&own, ERR_NOT_FOUND))
			return 0;
		if (e)
			*e = own;
		return -1;
	}
	if (object_end(a->objects, row, e) < 0 || store_artifact_delete(a->store, row->id, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

int artifact_end(struct app *a, const struct artifact_row *row, struct err *e)
{
	if (!objects_far(a->objects))
		return near_end(a, row, e);
	return object_end(a->objects, row, e) < 0 ? -1
						  : store_artifact_delete(a->store, row->id, e);
}

int artifact_prune(struct app *a, struct wall now, int *ret_n, struct err *e)
{
	CLEANUP(artifact_list_release) struct artifact_list list = { 0 };

	*ret_n = 0;
	if (store_artifact_expired(a->store, now, ARTIFACT_PRUNE_MAX, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		if (artifact_end(a, &list.v[i], e) < 0)
			return -1;
		*ret_n += 1;
	}
	return 0;
}

/* ---- of a bucket, beside the calls ---- */

struct prune {
	struct app *app;
	struct artifact_list list;
	size_t gone; /* so many of the first are deleted */
	struct sync_task task;
};

static int prune_work(void *data, struct err *e)
{
	struct prune *p = data;

	for (; p->gone < p->list.n; p->gone++)
		if (object_end(p->app->objects, &p->list.v[p->gone], e) < 0)
			return -1;
	return 0;
}

static void prune_done(void *data)
{
	struct prune *p = data;
	struct err e = { 0 };

	if (p->task.failed)
		log_warn("objects", "not_deleted", F_ERR(&p->task.error));
	httpd_turn_begin(p->app->httpd);
	for (size_t i = 0; i < p->gone; i++)
		if (store_artifact_delete(p->app->store, p->list.v[i].id, &e) < 0) {
			log_warn("objects", "row_not_deleted", F_ERR(&e));
			break; /* the next pass finds it again */
		}
	httpd_turn_end(p->app->httpd);
	artifact_list_release(&p->list);
	free(p);
}

int artifact_prune_begin(struct app *a, struct wall now, struct err *e)
{
	struct prune *p;
	int n;

	if (!objects_far(a->objects))
		return artifact_prune(a, now, &n, e);
	if (syncer_busy(a->syncer, PRUNE))
		return 0;
	p = xcalloc(1, sizeof(*p));
	p->app = a;
	p->task = (struct sync_task){
		.work = prune_work, .done = prune_done, .data = p, .name = PRUNE
	};
	int rc = store_artifact_expired(a->store, now, ARTIFACT_PRUNE_MAX, &p->list, e);
	if (rc == 0 && p->list.n) {
		syncer_submit(a->syncer, &p->task);
		return 0;
	}
	free(p);
	return rc;
}
