/* See retention.h. */
#include "coordinator/retention.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/limits.h"
#include "coordinator/admin.h"
#include "coordinator/artifact.h"
#include "coordinator/object.h"
#include "coordinator/step_log.h"

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

static int log_copy(struct app *a, const struct old_step *step, struct err *e)
{
	CLEAN_STR char *key = step_log_key(step->run_id, step->job_id, step->id);
	struct copy c = { object_upload_begin(a->data_dir, step->log_bytes, e), e };
	char digest[OBJECT_DIGEST_MAX];
	int rc = !c.to || store_log_each(a->store, step->id, copy_chunk, &c, e) ||
				 object_upload_end(c.to, digest, e) ||
				 object_upload_commit(c.to, key, e)
			 ? -1
			 : 0;
	object_upload_free(c.to);
	return rc ? err_wrap(e, "log of step %lld", (long long)step->id) : 0;
}

/* A crash in between leaves object and chunks: the next time makes the object anew. */
static int logs_archive(
	struct app *a, struct wall before, struct wall now, int64_t *ret, struct err *e)
{
	for (;;) {
		CLEANUP(old_steps_release) struct old_steps l = { 0 };
		if (store_steps_old(a->store, before, STEPS_AT_ONCE, &l, e))
			return -1;
		for (size_t i = 0; i < l.n; i++) {
			int64_t n = 0;
			if (log_copy(a, &l.v[i], e) ||
				store_step_archived(a->store, l.v[i].id, now, &n, e))
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
		if (artifact_prune(a, now, &n, e))
			return -1;
		*ret += n;
	} while (n == ARTIFACT_PRUNE_MAX);
	return 0;
}

/* Everything of a run stands below one folder. */
static int objects_remove(struct app *a, int64_t run_id, struct err *e)
{
	CLEAN_STR char *runs = path_join(a->data_dir, "objects/actions/runs");
	CLEAN_STR char *name = xasprintf("%lld", (long long)run_id);
	CLEAN_STR char *path = path_join(runs, name);
	uint64_t left = 0;
	if (access(path, F_OK) < 0)
		return 0;
	CLEAN_FD int at = dir_open(runs, e);
	return at < 0 ? -1 : tree_remove(at, name, &left, e);
}

static int runs_prune(struct app *a, struct wall before, int64_t *ret, struct err *e)
{
	int64_t id;
	int rc;
	while ((rc = store_run_old(a->store, before, &id, e)) > 0) {
		if (objects_remove(a, id, e) || store_run_delete(a->store, id, e))
			return err_wrap(e, "run %lld", (long long)id);
		*ret += 1;
	}
	return rc;
}

static void count(struct app *a, const struct retention_done *d)
{
	metric_add(&a->metrics, METRIC_PRUNED_CHUNKS, d->chunks);
	metric_add(&a->metrics, METRIC_PRUNED_BLOBS, d->blobs);
	metric_add(&a->metrics, METRIC_PRUNED_RUNS, d->runs);
	metric_add(&a->metrics, METRIC_PRUNED_JWT, d->jwt_used);
}

int retention_run(struct app *a, const struct retention *r, struct wall now,
	struct retention_done *ret, struct err *e)
{
	CLEAN_STR char *temp = path_join(a->data_dir, "objects/tmp");
	*ret = (struct retention_done){ 0 };
	if (dir_ensure_parents(temp, 0700, e))
		return -1;
	int rc = runs_prune(a, (struct wall){ now.us - r->runs_us }, &ret->runs, e) ||
		 blobs_prune(a, now, &ret->blobs, e) ||
		 logs_archive(a, (struct wall){ now.us - r->chunks_us }, now, &ret->chunks, e) ||
		 store_jwt_prune(a->store, (struct wall){ now.us - r->jwt_us }, &ret->jwt_used, e);
	count(a, ret);
	return metrics_flush(&a->metrics, a->store, rc ? NULL : e) || rc ? -1 : 0;
}

/* ---- the verb ---- */

static int done_print(const struct retention_done *d, bool json)
{
	CLEAN_BUF struct buf out = BUF_INIT(KIB(4));
	struct json_writer w;
	if (!json) {
		printf("log chunks archived %lld, artifacts removed %lld, runs removed %lld, "
		       "used tokens forgotten %lld\n",
			(long long)d->chunks, (long long)d->blobs, (long long)d->runs,
			(long long)d->jwt_used);
		return EXIT_OK;
	}
	json_writer_init(&w, &out, false);
	json_begin_object(&w);
	json_kv_int(&w, "chunks", d->chunks);
	json_kv_int(&w, "blobs", d->blobs);
	json_kv_int(&w, "runs", d->runs);
	json_kv_int(&w, "jwt_used", d->jwt_used);
	json_end_object(&w);
	return admin_print_json(&w, &out);
}

static int cleanup(const char *data, const struct retention *r, bool json)
{
	CLEAN_ADMIN struct admin a = { 0 };
	struct retention_done done;
	struct err e = { 0 };
	if (admin_open(&a, data, &e))
		return admin_fail(&e);
	struct app app = { .store = a.store, .data_dir = a.data_dir };
	if (retention_run(&app, r, wall_now(), &done, &e))
		return admin_fail(&e);
	return done_print(&done, json);
}

int verb_run_job(int argc, char **argv)
{
	const char *data = NULL, *output = NULL;
	int64_t chunks = KEEP_CHUNKS_DAYS, runs = KEEP_RUNS_DAYS, jwt = KEEP_JWT_DAYS;
	bool json = false;
	char **args;
	int n;
	const struct cli_flag flags[] = {
		{ "keep-chunks-days", CLI_INT, &chunks, "N", "logs in the store (7)", 0, 36500 },
		{ "keep-runs-days", CLI_INT, &runs, "N", "runs that are not pinned (365)", 1,
			36500 },
		{ "keep-tokens-days", CLI_INT, &jwt, "N", "ids of used tokens (30)", 1, 36500 },
		ADMIN_DATA_FLAG(data),
		ADMIN_OUTPUT_FLAG(output),
	};
	int rc = cli_parse(argc, argv, flags, ARRAY_LEN(flags), NULL, 1, &args, &n);
	if (rc)
		return rc > 0 ? EXIT_OK : EXIT_USAGE;
	if (n != 1 || !str_eq(args[0], "workflow:cleanup"))
		return cli_fail(
			EXIT_USAGE, "job \"%s\", expected workflow:cleanup", n ? args[0] : "");
	if (admin_output(output, &json))
		return EXIT_USAGE;
	struct retention r = { DAYS_US(chunks), DAYS_US(runs), DAYS_US(jwt) };
	return cleanup(data, &r, json);
}
