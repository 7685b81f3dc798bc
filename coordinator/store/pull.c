/*
 * An author is known by a merge alone: an approval says that one commit was read, not that the next
 * one will be harmless.
 */
#include "coordinator/store/pull.h"

#include "coordinator/sql/row.h"

static const struct column pull_columns[] = {
	COLUMN("id", COLUMN_INT, pull_row, id),
	COLUMN("repo_id", COLUMN_INT, pull_row, repo_id),
	COLUMN("number", COLUMN_INT, pull_row, number),
	COLUMN("reported", COLUMN_BOOL, pull_row, reported),
	COLUMN("author", COLUMN_TEXT, pull_row, author),
	COLUMN("head_sha", COLUMN_TEXT, pull_row, head_sha),
	COLUMN("base_ref", COLUMN_TEXT, pull_row, base_ref),
	COLUMN("closed", COLUMN_BOOL, pull_row, closed),
	COLUMN("merged", COLUMN_BOOL, pull_row, merged),
	COLUMN("created_at", COLUMN_WALL, pull_row, created_at),
	COLUMN("updated_at", COLUMN_WALL, pull_row, updated_at),
};
static const struct row_type pull_type = ROW_TYPE(pull_row, pull_columns);

static const struct column approval_columns[] = {
	COLUMN("repo_id", COLUMN_INT, approval_row, repo_id),
	COLUMN("number", COLUMN_INT, approval_row, number),
	COLUMN("head_sha", COLUMN_TEXT, approval_row, head_sha),
	COLUMN("approved_by", COLUMN_TEXT, approval_row, approved_by),
	COLUMN("reason", COLUMN_TEXT, approval_row, reason),
	COLUMN("secrets", COLUMN_BOOL, approval_row, secrets),
	COLUMN("created_at", COLUMN_WALL, approval_row, created_at),
};
static const struct row_type approval_type = ROW_TYPE(approval_row, approval_columns);

void pull_row_release(struct pull_row *r)
{
	row_release(&pull_type, r);
}

void approval_row_release(struct approval_row *r)
{
	row_release(&approval_type, r);
}

int store_pull_find(
	struct store *s, int64_t repo_id, int64_t number, struct pull_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &pull_type, "FROM pull_requests WHERE repo_id = ? AND number = ?",
		    "ii", repo_id, number) < 0)
		return -1;
	return row_next(&q, &pull_type, ret, e);
}

int store_pull_set(struct store *s, const struct pull_row *row, struct wall now, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO pull_requests (repo_id, number, reported, author, head_sha, base_ref,"
		" closed, merged, created_at, updated_at)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)"
		" ON CONFLICT (repo_id, number) DO UPDATE SET reported = excluded.reported,"
		" author = excluded.author, head_sha = excluded.head_sha,"
		" base_ref = excluded.base_ref, closed = excluded.closed,"
		" merged = excluded.merged, updated_at = excluded.updated_at",
		"iiytttyyw", row->repo_id, row->number, row->reported, row->author, row->head_sha,
		row->base_ref, row->closed, row->merged, now);
}

/* The first column of the first row, as an answer to a question. */
static int answer_of(int rc, int64_t found, bool *ret)
{
	*ret = found != 0;
	return rc < 0 ? -1 : 0;
}

int store_pull_author_known(
	struct store *s, int64_t repo_id, const char *author, int64_t but, bool *ret, struct err *e)
{
	int64_t found = 0;
	int rc = sql_int(s, &found, e,
		"SELECT EXISTS (SELECT 1 FROM pull_requests WHERE repo_id = ? AND author = ?"
		" AND merged = 1 AND number <> ?)",
		"iti", repo_id, author, but);

	return answer_of(rc, found, ret);
}

int store_pull_reported(struct store *s, int64_t repo_id, bool *ret, struct err *e)
{
	int64_t found = 0;
	int rc = sql_int(s, &found, e,
		"SELECT EXISTS (SELECT 1 FROM pull_requests WHERE repo_id = ? AND reported = 1)",
		"i", repo_id);

	return answer_of(rc, found, ret);
}

int store_pull_open_runs(
	struct store *s, int64_t repo_id, int64_t number, int64_t *ret, struct err *e)
{
	return sql_int(s, ret, e,
		       "SELECT count(*) FROM workflow_runs WHERE repo_id = ? AND pull_number = ?"
		       " AND pull_number > 0 AND status IN ('queued', 'running')",
		       "ii", repo_id, number) < 0
		       ? -1
		       : 0;
}

/* ---- approvals ---- */

int store_approval_find(struct store *s, int64_t repo_id, int64_t number, const char *head_sha,
	struct approval_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &approval_type,
		    "FROM pull_approvals WHERE repo_id = ? AND number = ? AND head_sha = ?", "iit",
		    repo_id, number, head_sha) < 0)
		return -1;
	return row_next(&q, &approval_type, ret, e);
}

int store_approval_add(struct store *s, const struct approval_row *row, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO pull_approvals (repo_id, number, head_sha, secrets, approved_by,"
		" reason, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)"
		" ON CONFLICT (repo_id, number, head_sha) DO UPDATE SET"
		" secrets = CASE WHEN excluded.secrets > pull_approvals.secrets THEN "
		"excluded.secrets ELSE pull_approvals.secrets END, approved_by = "
		"excluded.approved_by,"
		" reason = excluded.reason, created_at = excluded.created_at",
		"iityttw", row->repo_id, row->number, row->head_sha, row->secrets, row->approved_by,
		row->reason, row->created_at);
}

/* ---- deliveries ---- */

int store_delivery_find(struct store *s, int64_t repo_id, const char *key,
	const unsigned char body_sha[SHA256_LEN], char **ret_answer, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT body_sha256, answer FROM pull_deliveries"
		    " WHERE repo_id = ? AND delivery_key = ?",
		    "it", repo_id, key) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	struct slice was = col_bytes(&q, 0);
	if (was.len != SHA256_LEN || memcmp(was.ptr, body_sha, SHA256_LEN) != 0)
		return err_set(e, ERR_CONFLICT,
			"Idempotency-Key: an event with this key had another body, expected a key "
			"of its own for each event");
	*ret_answer = col_text(&q, 1);
	return 1;
}

int store_delivery_add(struct store *s, int64_t repo_id, const char *key,
	const unsigned char body_sha[SHA256_LEN], const char *answer, struct wall now,
	struct err *e)
{
	if (sql_run(s, e, "DELETE FROM pull_deliveries WHERE created_at < ?", "w",
		    (struct wall){ now.us - DELIVERY_KEPT_US }) < 0)
		return -1;
	return sql_run(s, e,
		"INSERT INTO pull_deliveries (repo_id, delivery_key, body_sha256, answer,"
		" created_at) VALUES (?, ?, ?, ?, ?)",
		"itbtw", repo_id, key, body_sha, (size_t)SHA256_LEN, answer, now);
}
