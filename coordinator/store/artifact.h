/* Artifacts of runs: the rows; their bytes are objects (coordinator/object/object.h). */
#ifndef COORDINATOR_STORE_ARTIFACT_H
#define COORDINATOR_STORE_ARTIFACT_H

#include "base/clock.h"
#include "coordinator/store/store.h"

struct artifact_row {
	int64_t id, run_id, job_id;
	char *name;
	int64_t size_bytes; /* of the object */
	char *digest;       /* "sha256:…" of it; NULL: not uploaded yet */
	struct wall created_at;
	struct wall upload_until; /* until then its upload URL is good */
	struct wall expires_at;
};
struct artifact_list {
	struct artifact_row *v;
	size_t n;
};
void artifact_row_release(struct artifact_row *r);
void artifact_list_release(struct artifact_list *l);
struct artifact_spec {
	int64_t run_id, job_id;
	const char *name;
	int64_t size_bytes;
	bool overwrite;
	int64_t run_bytes_max; /* of all artifacts of the run together */
	struct wall upload_until, expires_at;
};
/* ERR_CONFLICT when the run has one of that name, unless overwrite is set, or the one there never
 * came to its upload and belongs to the same job or is too late for it. ERR_LIMIT past
 * run_bytes_max. */
int store_artifact_add(struct store *s, const struct artifact_spec *spec, struct wall now,
	int64_t *ret_id, struct err *e) CHECK_RESULT;
int store_artifact_get(
	struct store *s, int64_t id, struct artifact_row *ret, struct err *e) CHECK_RESULT;
/* Says that the object is in place. ERR_CONFLICT when another digest was recorded before. */
int store_artifact_uploaded(
	struct store *s, int64_t id, const char *digest, struct err *e) CHECK_RESULT;
/* Uploaded and not expired ones of a run with id > after, by id; name NULL: all. Those of jobs
 * whose results the run repeats (queue/rerun.h) belong to it, unless it has one of that name
 * itself. */
int store_artifact_list(struct store *s, int64_t run_id, const char *name, int64_t after,
	int64_t limit, struct wall now, struct artifact_list *ret, struct err *e) CHECK_RESULT;
/* Expired ones, and those whose upload never came. */
int store_artifact_expired(struct store *s, struct wall now, int64_t limit,
	struct artifact_list *ret, struct err *e) CHECK_RESULT;
int store_artifact_delete(struct store *s, int64_t id, struct err *e) CHECK_RESULT;

/* Of all runs: at most limit with id > after, by id, that were uploaded. */
int store_artifacts_after(struct store *s, int64_t after, int64_t limit, struct artifact_list *ret,
	struct err *e) CHECK_RESULT;

#endif
