/* Artifacts of runs. A row stands before its object does and goes after it. */
#include "coordinator/store_sql.h"

#define COLUMNS "id, run_id, job_id, name, size_bytes, digest, created_at, upload_until, expires_at"

void artifact_row_release(struct artifact_row *r)
{
	free(r->name);
	free(r->digest);
	*r = (struct artifact_row){ 0 };
}

void artifact_list_release(struct artifact_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		artifact_row_release(&l->v[i]);
	free(l->v);
	*l = (struct artifact_list){ 0 };
}

static void row_read(struct query *q, struct artifact_row *r)
{
	r->id = col_int(q, 0);
	r->run_id = col_int(q, 1);
	r->job_id = col_int(q, 2);
	r->name = col_text(q, 3);
	r->size_bytes = col_int(q, 4);
	r->digest = col_text(q, 5);
	r->created_at = col_wall(q, 6);
	r->upload_until = col_wall(q, 7);
	r->expires_at = col_wall(q, 8);
}

static int list_read(struct query *q, struct artifact_list *ret, struct err *e)
{
	int rc;
	while ((rc = sql_next(q, e)) > 0)
		row_read(q, LIST_ADD(ret));
	return rc;
}

/* Takes the older one of the name out of the way, or refuses. */
static int name_free(
	struct store *s, const struct artifact_spec *spec, struct wall now, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	CLEANUP(artifact_row_release) struct artifact_row old = { 0 };
	if (sql_query(s, &q, e, "SELECT " COLUMNS " FROM artifacts WHERE run_id = ? AND name = ?",
		    "it", spec->run_id, spec->name))
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	row_read(&q, &old);
	query_end(&q);
	bool abandoned =
		!old.digest && (old.job_id == spec->job_id || old.upload_until.us <= now.us);
	if (!abandoned && !spec->overwrite)
		return err_set(e, ERR_CONFLICT,
			"the run has an artifact \"%s\" already; set overwrite: true to replace it",
			spec->name);
	return store_artifact_delete(s, old.id, e);
}

static int quota_left(struct store *s, const struct artifact_spec *spec, struct err *e)
{
	int64_t used = 0;
	if (sql_int(s, &used, e,
		    "SELECT ifnull(sum(size_bytes), 0) FROM artifacts WHERE run_id = ?", "i",
		    spec->run_id) < 0)
		return -1;
	if (used + spec->size_bytes > spec->run_bytes_max)
		return err_set(e, ERR_LIMIT,
			"artifacts of one run may have %lld bytes together, %lld are in use",
			(long long)spec->run_bytes_max, (long long)used);
	return 0;
}

int store_artifact_add(struct store *s, const struct artifact_spec *spec, struct wall now,
	int64_t *ret_id, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	if (store_begin(s, &tx, e) || name_free(s, spec, now, e) || quota_left(s, spec, e))
		return -1;
	if (sql_run(s, e,
		    "INSERT INTO artifacts (run_id, job_id, name, size_bytes, created_at,"
		    " upload_until, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
		    "iitiwww", spec->run_id, spec->job_id, spec->name, spec->size_bytes, now,
		    spec->upload_until, spec->expires_at))
		return -1;
	*ret_id = sql_last_id(s);
	return store_commit(&tx, e);
}

int store_artifact_get(struct store *s, int64_t id, struct artifact_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e, "SELECT " COLUMNS " FROM artifacts WHERE id = ?", "i", id))
		return -1;
	int rc = sql_next(&q, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no such artifact");
	if (rc > 0)
		row_read(&q, ret);
	return rc < 0 ? -1 : 0;
}

int store_artifact_uploaded(struct store *s, int64_t id, const char *digest, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE artifacts SET digest = ?2"
		    " WHERE id = ?1 AND ifnull(digest, ?2) = ?2",
		    "it", id, digest))
		return -1;
	return sql_changes(s) ? 0
			      : err_set(e, ERR_CONFLICT,
					"the artifact was uploaded or replaced meanwhile");
}

int store_artifact_list(struct store *s, int64_t run_id, const char *name, int64_t after,
	int64_t limit, struct wall now, struct artifact_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT " COLUMNS " FROM artifacts WHERE run_id = ?1 AND id > ?2"
		    " AND digest IS NOT NULL AND expires_at > ?3 AND (?4 IS NULL OR name = ?4)"
		    " ORDER BY id LIMIT ?5",
		    "iiwti", run_id, after, now, name, limit))
		return -1;
	return list_read(&q, ret, e);
}

int store_artifact_expired(
	struct store *s, struct wall now, int64_t limit, struct artifact_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT " COLUMNS " FROM artifacts WHERE expires_at <= ?1"
		    " UNION SELECT " COLUMNS
		    " FROM artifacts WHERE digest IS NULL AND upload_until <= ?1 LIMIT ?2",
		    "wi", now, limit))
		return -1;
	return list_read(&q, ret, e);
}

int store_artifact_delete(struct store *s, int64_t id, struct err *e)
{
	return sql_run(s, e, "DELETE FROM artifacts WHERE id = ?", "i", id);
}
