/*
 * Records of host hygiene: only ever added, and never twice. The idempotency key tells a repeated
 * call from a new one, the audit key holds the records of one undertaking together: host and action
 * do not change, no status comes twice, and it ends once.
 */
#include "coordinator/store/hygiene.h"

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("h.id", COLUMN_INT, hygiene_row, id),
	COLUMN("coalesce(h.runner_id, 0)", COLUMN_INT, hygiene_row, runner_id),
	COLUMN("r.name", COLUMN_TEXT, hygiene_row, runner),
	COLUMN("h.audit_key", COLUMN_TEXT, hygiene_row, key),
	COLUMN("h.host", COLUMN_TEXT, hygiene_row, host),
	COLUMN("h.action", COLUMN_TEXT, hygiene_row, action),
	COLUMN("h.status", COLUMN_TEXT, hygiene_row, status),
	COLUMN("h.documents", COLUMN_TEXT, hygiene_row, documents),
	COLUMN("h.created_at", COLUMN_WALL, hygiene_row, created_at),
};
static const struct row_type hygiene_type = ROW_TYPE(hygiene_row, columns);

void hygiene_list_release(struct hygiene_list *l)
{
	LIST_RELEASE(&hygiene_type, l);
}

/* 1 and the id of the record that the idempotency key made, 0, -1. */
static int reported_before(struct store *s, int64_t runner_id, const char *idempotency_key,
	const unsigned char *sha, int64_t *ret_id, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT id, body_sha256 = ?3 FROM hygiene_records"
		    " WHERE runner_id = ?1 AND idempotency_key = ?2",
		    "itb", runner_id, idempotency_key, sha, (size_t)SHA256_LEN) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	if (!col_int(&q, 1))
		return err_set(e, ERR_CONFLICT, "Idempotency-Key was used for another record");
	*ret_id = col_int(&q, 0);
	return 1;
}

/* What the audit key stands for does not change, and ends once. */
static int one_undertaking(struct store *s, const struct hygiene_row *r, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	bool ends = str_eq(r->status, "completed") || str_eq(r->status, "failed");

	if (sql_query(s, &q, e,
		    "SELECT host = ?3 AND action = ?4, status, status IN ('completed', 'failed')"
		    " FROM hygiene_records WHERE runner_id = ?1 AND audit_key = ?2",
		    "ittt", r->runner_id, r->key, r->host, r->action) < 0)
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		CLEAN_STR char *had = col_text(&q, 1);

		if (!col_int(&q, 0))
			return err_set(e, ERR_CONFLICT,
				"key \"%.200s\" belongs to another host or action", r->key);
		if (str_eq(had, r->status) || (ends && col_int(&q, 2)))
			return err_set(
				e, ERR_CONFLICT, "key \"%.200s\" is %s already", r->key, had);
	}
	return rc;
}

int store_hygiene_add(struct store *s, const struct hygiene_row *r, const char *idempotency_key,
	const unsigned char body_sha[SHA256_LEN], struct wall now, int64_t *ret_id, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0)
		return -1;
	int rc = reported_before(s, r->runner_id, idempotency_key, body_sha, ret_id, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (one_undertaking(s, r, e) < 0 ||
		sql_int(s, ret_id, e,
			"INSERT INTO hygiene_records (runner_id, idempotency_key, body_sha256,"
			" audit_key, host, action, status, documents, created_at)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
			"itbtttttw", r->runner_id, idempotency_key, body_sha, (size_t)SHA256_LEN,
			r->key, r->host, r->action, r->status, r->documents, now) < 0)
		return -1;
	return store_commit(&tx, e) < 0 ? -1 : 1;
}

int store_hygiene_recent(
	struct store *s, int64_t runner_id, struct wall since, int64_t *ret, struct err *e)
{
	return sql_int(s, ret, e,
		       "SELECT count(*) FROM hygiene_records WHERE runner_id = ? AND created_at > "
		       "?",
		       "iw", runner_id, since) < 0
		       ? -1
		       : 0;
}

int store_hygiene_prune(struct store *s, struct wall before, int64_t *ret_count, struct err *e)
{
	if (sql_run(s, e, "DELETE FROM hygiene_records WHERE created_at <= ?", "w", before) < 0)
		return -1;
	*ret_count = sql_changes(s);
	return 0;
}

#define FILTERED                                                               \
	"FROM hygiene_records h LEFT JOIN runners r ON r.id = h.runner_id"     \
	" WHERE (?1 IS NULL OR h.host = ?1) AND (?2 IS NULL OR h.action = ?2)" \
	" AND (?3 IS NULL OR h.status = ?3)"

int store_hygiene_list(struct store *s, const struct hygiene_filter *f, const struct page *page,
	struct hygiene_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &hygiene_type,
		    FILTERED " AND h.id < ?5 ORDER BY h.id DESC LIMIT ?4", "tttii", f->host,
		    f->action, f->status, page->limit, page_below(page)) < 0)
		return -1;
	return LIST_READ(&q, &hygiene_type, ret, e);
}

int store_hygiene_count(
	struct store *s, const struct hygiene_filter *f, int64_t *ret, struct err *e)
{
	return sql_int(
		s, ret, e, "SELECT count(*) " FILTERED, "ttt", f->host, f->action, f->status);
}
