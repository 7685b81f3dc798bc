/*
 * Artifacts of runs. A row stands before its object does and goes after it, so that no object is
 * ever without a row that leads to it. The quota of a run is the sum of its rows' announced sizes,
 * uploaded or not: it cannot be passed by many uploads at once.
 */
#include "coordinator/store/artifact.h"

#include <inttypes.h>

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, artifact_row, id),
	COLUMN("run_id", COLUMN_INT, artifact_row, run_id),
	COLUMN("job_id", COLUMN_INT, artifact_row, job_id),
	COLUMN("name", COLUMN_TEXT, artifact_row, name),
	COLUMN("size_bytes", COLUMN_INT, artifact_row, size_bytes),
	COLUMN("digest", COLUMN_TEXT, artifact_row, digest),
	COLUMN("created_at", COLUMN_WALL, artifact_row, created_at),
	COLUMN("upload_until", COLUMN_WALL, artifact_row, upload_until),
	COLUMN("expires_at", COLUMN_WALL, artifact_row, expires_at),
};
static const struct row_type artifact_type = ROW_TYPE(artifact_row, columns);

void artifact_row_release(struct artifact_row *r)
{
	row_release(&artifact_type, r);
}

void artifact_list_release(struct artifact_list *l)
{
	LIST_RELEASE(&artifact_type, l);
}

/* Jobs of earlier attempts whose results stand in the run ?1. */
#define KEPT_JOBS "SELECT kept_from FROM workflow_jobs WHERE run_id = ?1 AND kept_from IS NOT NULL"

static int name_taken(const struct artifact_spec *spec, struct err *e)
{
	return err_set(e, ERR_CONFLICT,
		"the run has an artifact \"%s\" already; set overwrite: true to replace it",
		spec->name);
}

/* One that a job of an earlier attempt made stays there; the new one is found before it. */
static int kept_name_free(struct store *s, const struct artifact_spec *spec, struct err *e)
{
	int64_t id = 0;
	int rc = spec->overwrite ? 0
				 : sql_int(s, &id, e,
					   "SELECT id FROM artifacts WHERE job_id IN (" KEPT_JOBS
					   ") AND name = ?2 AND digest IS NOT NULL LIMIT 1",
					   "it", spec->run_id, spec->name);

	return rc > 0 ? name_taken(spec, e) : rc;
}

/* Takes the older one of the name out of the way, or refuses. */
static int name_free(
	struct store *s, const struct artifact_spec *spec, struct wall now, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	CLEANUP(artifact_row_release) struct artifact_row old = { 0 };

	if (row_select(s, &q, e, &artifact_type, "FROM artifacts WHERE run_id = ? AND name = ?",
		    "it", spec->run_id, spec->name) < 0)
		return -1;
	int rc = row_next(&q, &artifact_type, &old, e);
	query_end(&q);
	if (rc < 0)
		return -1;
	bool abandoned =
		!old.digest && (old.job_id == spec->job_id || old.upload_until.us <= now.us);
	if (rc > 0 && !abandoned && !spec->overwrite)
		return name_taken(spec, e);
	if (rc > 0 && store_artifact_delete(s, old.id, e) < 0)
		return -1;
	return kept_name_free(s, spec, e);
}

static int quota_left(struct store *s, const struct artifact_spec *spec, struct err *e)
{
	int64_t used = 0;

	if (sql_int(s, &used, e,
		    "SELECT CAST(coalesce(sum(size_bytes), 0) AS BIGINT) FROM artifacts WHERE "
		    "run_id = ?",
		    "i", spec->run_id) < 0)
		return -1;
	if (used + spec->size_bytes > spec->run_bytes_max)
		return err_set(e, ERR_LIMIT,
			"artifacts of one run may have %" PRId64 " bytes together, %" PRId64
			" are in use",
			spec->run_bytes_max, used);
	return 0;
}

int store_artifact_add(struct store *s, const struct artifact_spec *spec, struct wall now,
	int64_t *ret_id, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || name_free(s, spec, now, e) < 0 ||
		quota_left(s, spec, e) < 0)
		return -1;
	if (sql_int(s, ret_id, e,
		    "INSERT INTO artifacts (run_id, job_id, name, size_bytes, created_at,"
		    " upload_until, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
		    "iitiwww", spec->run_id, spec->job_id, spec->name, spec->size_bytes, now,
		    spec->upload_until, spec->expires_at) < 0)
		return -1;
	return store_commit(&tx, e);
}

int store_artifact_get(struct store *s, int64_t id, struct artifact_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &artifact_type, "FROM artifacts WHERE id = ?", "i", id) < 0)
		return -1;
	int rc = row_next(&q, &artifact_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such artifact");
	return rc < 0 ? -1 : 0;
}

int store_artifact_uploaded(struct store *s, int64_t id, const char *digest, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE artifacts SET digest = ?2"
		    " WHERE id = ?1 AND coalesce(digest, ?2) = ?2",
		    "it", id, digest) < 0)
		return -1;
	return sql_changes(s) ? 0
			      : err_set(e, ERR_CONFLICT,
					"the artifact was uploaded or replaced meanwhile");
}

int store_artifact_list(struct store *s, int64_t run_id, const char *name, int64_t after,
	int64_t limit, struct wall now, struct artifact_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &artifact_type,
		    "FROM artifacts WHERE id > ?2 AND (run_id = ?1 OR (job_id IN (" KEPT_JOBS
		    ") AND NOT EXISTS (SELECT 1 FROM artifacts own WHERE own.run_id = ?1"
		    " AND own.name = artifacts.name)))"
		    " AND digest IS NOT NULL AND expires_at > ?3 AND (?4 IS NULL OR name = ?4)"
		    " ORDER BY id LIMIT ?5",
		    "iiwti", run_id, after, now, name, limit) < 0)
		return -1;
	return LIST_READ(&q, &artifact_type, ret, e);
}

int store_artifact_expired(
	struct store *s, struct wall now, int64_t limit, struct artifact_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &artifact_type,
		    "FROM artifacts WHERE id IN (SELECT id FROM artifacts WHERE expires_at <= ?1"
		    " UNION SELECT id FROM artifacts WHERE digest IS NULL AND upload_until <= ?1)"
		    " LIMIT ?2",
		    "wi", now, limit) < 0)
		return -1;
	return LIST_READ(&q, &artifact_type, ret, e);
}

int store_artifact_delete(struct store *s, int64_t id, struct err *e)
{
	return sql_run(s, e, "DELETE FROM artifacts WHERE id = ?", "i", id);
}

int store_artifacts_after(
	struct store *s, int64_t after, int64_t limit, struct artifact_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &artifact_type,
		    "FROM artifacts WHERE id > ? AND digest IS NOT NULL ORDER BY id LIMIT ?", "ii",
		    after, limit) < 0)
		return -1;
	return LIST_READ(&q, &artifact_type, ret, e);
}
