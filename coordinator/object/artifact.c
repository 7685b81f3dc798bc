/*
 * The end of artifacts: an object goes before its row. A crash in between leaves a row, which the
 * next pass finds again; the other order would leave an object that nothing leads to.
 */
#include "coordinator/object/artifact.h"

#include "base/log.h"
#include "coordinator/http/httpd.h"
#include "coordinator/object/objects.h"
#include "coordinator/object/syncer.h"
#include "coordinator/store/artifact.h"

#define PRUNE "prune"

struct artifact_limits artifact_limits(const struct app *a)
{
	struct artifact_limits l = a->artifacts;

	l.max_bytes = l.max_bytes ? l.max_bytes : ARTIFACT_BYTES;
	l.max_run_bytes = l.max_run_bytes ? l.max_run_bytes : ARTIFACT_RUN_BYTES;
	l.retention_days = l.retention_days ? l.retention_days : ARTIFACT_DAYS;
	return l;
}

static int one_prune(struct app *a, const struct artifact_row *row, struct err *e)
{
	CLEAN_STR char *key = artifact_key(a->objects, row->run_id, row->name, row->id);

	return object_delete(a->objects, key, e) < 0 ? -1
						     : store_artifact_delete(a->store, row->id, e);
}

int artifact_prune(struct app *a, struct wall now, int *ret_n, struct err *e)
{
	CLEANUP(artifact_list_release) struct artifact_list list = { 0 };

	*ret_n = 0;
	if (store_artifact_expired(a->store, now, ARTIFACT_PRUNE_MAX, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		if (one_prune(a, &list.v[i], e) < 0)
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
	struct objects *o = p->app->objects;

	for (; p->gone < p->list.n; p->gone++) {
		const struct artifact_row *row = &p->list.v[p->gone];
		CLEAN_STR char *key = artifact_key(o, row->run_id, row->name, row->id);

		if (object_delete(o, key, e) < 0)
			return -1;
	}
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
