/*
 * The end of artifacts: an object goes before its row. A crash in between leaves a row, which the
 * next pass finds again; the other order would leave an object that nothing leads to.
 */
#include "coordinator/object/artifact.h"

#include "coordinator/object/object.h"
#include "coordinator/object/objects.h"
#include "coordinator/store/artifact.h"

struct artifact_limits artifact_limits(const struct app *a)
{
	struct artifact_limits l = a->artifacts;

	l.max_bytes = l.max_bytes ? l.max_bytes : ARTIFACT_BYTES;
	l.max_run_bytes = l.max_run_bytes ? l.max_run_bytes : ARTIFACT_RUN_BYTES;
	l.retention_days = l.retention_days ? l.retention_days : ARTIFACT_DAYS;
	return l;
}

int artifact_prune(struct app *a, struct wall now, int *ret_n, struct err *e)
{
	CLEANUP(artifact_list_release) struct artifact_list list = { 0 };

	*ret_n = 0;
	if (store_artifact_expired(a->store, now, ARTIFACT_PRUNE_MAX, &list, e) < 0)
		return -1;
	for (size_t i = 0; i < list.n; i++) {
		CLEAN_STR char *key = object_key(list.v[i].run_id, list.v[i].name);

		if (object_delete(a->objects, key, e) < 0 ||
			store_artifact_delete(a->store, list.v[i].id, e) < 0)
			return -1;
		*ret_n += 1;
	}
	return 0;
}
