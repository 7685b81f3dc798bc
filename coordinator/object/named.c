/* Pages are read whole before fn is called, so that no statement is open while it works. */
#include "coordinator/object/named.h"

#include "coordinator/object/stored_log.h"
#include "coordinator/store/artifact.h"
#include "coordinator/store/retired.h"

enum { PAGE = 200 };

typedef int (*named_fn)(void *data, const struct object_named *o, struct err *e);

static int artifacts_page(struct store *s, const struct objects *objects, named_fn fn, void *data,
	int64_t *after, size_t *ret_n, struct err *e)
{
	CLEANUP(artifact_list_release) struct artifact_list l = { 0 };

	if (store_artifacts_after(s, *after, PAGE, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		CLEAN_STR char *key =
			artifact_key(objects, l.v[i].run_id, l.v[i].name, l.v[i].id, l.v[i].digest);
		const struct object_named o = { .key = key,
			.size = l.v[i].size_bytes,
			.digest = l.v[i].digest,
			.artifact_id = l.v[i].id,
			.created_at = l.v[i].created_at };

		if (fn(data, &o, e) < 0)
			return -1;
		*after = l.v[i].id;
	}
	*ret_n = l.n;
	return 0;
}

static int logs_page(
	struct store *s, named_fn fn, void *data, int64_t *after, size_t *ret_n, struct err *e)
{
	CLEANUP(archived_steps_release) struct archived_steps l = { 0 };

	if (store_archived_after(s, *after, PAGE, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		const struct archived_step *t = &l.v[i];
		CLEAN_STR char *key = stored_log_key(t->run_id, t->job_id, t->id);
		const struct object_named o = {
			.key = key, .size = t->log_bytes, .digest = t->log_digest
		};

		if (fn(data, &o, e) < 0)
			return -1;
		*after = t->id;
	}
	*ret_n = l.n;
	return 0;
}

int object_each_named(
	struct store *s, const struct objects *objects, named_fn fn, void *data, struct err *e)
{
	int64_t after = 0;
	size_t n;

	do
		if (artifacts_page(s, objects, fn, data, &after, &n, e) < 0)
			return -1;
	while (n == PAGE);
	after = 0;
	do
		if (logs_page(s, fn, data, &after, &n, e) < 0)
			return -1;
	while (n == PAGE);
	return 0;
}
