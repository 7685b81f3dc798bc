/* Records of host hygiene: only ever added, and never twice. */
#include "coordinator/store_sql.h"

void hygiene_list_release(struct hygiene_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		struct hygiene_row *r = &l->v[i];
		char *owned[] = { r->runner, r->key, r->host, r->action, r->status, r->documents };
		for (size_t k = 0; k < ARRAY_LEN(owned); k++)
			free(owned[k]);
	}
	free(l->v);
	*l = (struct hygiene_list){ 0 };
}

/* 1 and the id of the record that the idempotency key made, 0, -1. */
static int told_before(struct store *s, int64_t runner_id, const char *idempotency_key,
	const unsigned char *sha, int64_t *ret_id, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT id, body_sha256 = ?3 FROM hygiene_records"
		    " WHERE runner_id = ?1 AND idempotency_key = ?2",
		    "itb", runner_id, idempotency_key, sha, (size_t)SHA256_LEN))
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
		    "ittt", r->runner_id, r->key, r->host, r->action))
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
	if (store_begin(s, &tx, e))
		return -1;
	int rc = told_before(s, r->runner_id, idempotency_key, body_sha, ret_id, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (one_undertaking(s, r, e) ||
		sql_run(s, e,
			"INSERT INTO hygiene_records (runner_id, idempotency_key, body_sha256,"
			" audit_key, host, action, status, documents, created_at)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
			"itbtttttw", r->runner_id, idempotency_key, body_sha, (size_t)SHA256_LEN,
			r->key, r->host, r->action, r->status, r->documents, now))
		return -1;
	*ret_id = sql_last_id(s);
	return store_commit(&tx, e) ? -1 : 1;
}

int store_hygiene_list(
	struct store *s, const char *host, int64_t limit, struct hygiene_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT h.id, ifnull(h.runner_id, 0), r.name, h.audit_key, h.host, h.action,"
		    " h.status, h.documents, h.created_at FROM hygiene_records h"
		    " LEFT JOIN runners r ON r.id = h.runner_id"
		    " WHERE ?1 IS NULL OR h.host = ?1 ORDER BY h.id DESC LIMIT ?2",
		    "ti", host, limit))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		struct hygiene_row *r = LIST_ADD(ret);
		char **texts[] = { &r->runner, &r->key, &r->host, &r->action, &r->status,
			&r->documents };
		r->id = col_int(&q, 0);
		r->runner_id = col_int(&q, 1);
		for (size_t i = 0; i < ARRAY_LEN(texts); i++)
			*texts[i] = col_text(&q, 2 + (int)i);
		r->created_at = col_wall(&q, 8);
	}
	return rc;
}
