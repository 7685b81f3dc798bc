/* Runners and their registration tokens. */
#include "coordinator/store_sql.h"

#define RUNNER_COLUMNS                                                                    \
	"r.id, r.name, r.labels, r.capacity, r.host_name, r.version, r.created_at,"       \
	" r.last_heartbeat_at, r.offline_at, r.drained_at, r.drain_reason, r.revoked_at," \
	" r.revoke_reason, (SELECT count(*) FROM workflow_jobs j"                         \
	" WHERE j.runner_id = r.id AND j.status = 'running')"

static int runner_read(struct query *q, struct runner_row *r, struct err *e)
{
	r->id = col_int(q, 0);
	r->name = col_text(q, 1);
	r->capacity = col_int(q, 3);
	r->host_name = col_text(q, 4);
	r->version = col_text(q, 5);
	r->created_at = col_wall(q, 6);
	r->last_heartbeat_at = col_wall(q, 7);
	r->offline_at = col_wall(q, 8);
	r->drained_at = col_wall(q, 9);
	r->drain_reason = col_text(q, 10);
	r->revoked_at = col_wall(q, 11);
	r->revoke_reason = col_text(q, 12);
	r->active_jobs = col_int(q, 13);
	return col_strv(q, 2, &r->labels, e);
}

void runner_row_release(struct runner_row *r)
{
	free(r->name);
	strv_release(&r->labels);
	free(r->host_name);
	free(r->version);
	free(r->drain_reason);
	free(r->revoke_reason);
	*r = (struct runner_row){ 0 };
}

void runner_list_release(struct runner_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		runner_row_release(&l->v[i]);
	free(l->v);
	*l = (struct runner_list){ 0 };
}

static int token_add(struct store *s, int64_t runner_id, const unsigned char sha[SHA256_LEN],
	struct wall now, struct wall expires_at, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO runner_tokens (runner_id, token_sha256, created_at, expires_at)"
		" VALUES (?, ?, ?, ?)",
		"ibww", runner_id, sha, (size_t)SHA256_LEN, now, expires_at);
}

static int tokens_revoke(struct store *s, int64_t runner_id, struct wall now, struct err *e)
{
	return sql_run(s, e,
		"UPDATE runner_tokens SET revoked_at = ?2 WHERE runner_id = ?1"
		" AND revoked_at IS NULL",
		"iw", runner_id, now);
}

int store_runner_register(struct store *s, const char *name, const struct strv *labels,
	int64_t capacity, const unsigned char token_sha[SHA256_LEN], struct wall now,
	struct wall expires_at, int64_t *ret_id, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	if (store_begin(s, &tx, e))
		return -1;
	struct err why = { 0 };
	if (sql_run(s, &why,
		    "INSERT INTO runners (name, labels, capacity, created_at) VALUES (?, ?, ?, ?)",
		    "tviw", name, labels, capacity, now)) {
		if (err_is(&why, ERR_CONFLICT))
			return err_set(e, ERR_CONFLICT, "runner \"%s\" exists already", name);
		return err_set(e, why.class, "%s", why.text);
	}
	int64_t id = sql_last_id(s);
	if (token_add(s, id, token_sha, now, expires_at, e) || store_commit(&tx, e))
		return -1;
	*ret_id = id;
	return 0;
}

int store_runner_by_token(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct runner_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT " RUNNER_COLUMNS " FROM runner_tokens t"
		    " JOIN runners r ON r.id = t.runner_id"
		    " WHERE t.token_sha256 = ? AND t.revoked_at IS NULL AND r.revoked_at IS NULL"
		    " AND (t.expires_at IS NULL OR t.expires_at > ?)",
		    "bw", sha, (size_t)SHA256_LEN, now))
		return -1;
	int rc = sql_next(&q, e);
	if (rc == 0)
		return err_set(e, ERR_AUTH, "runner token is unknown, expired or revoked");
	return rc < 0 ? -1 : runner_read(&q, ret, e);
}

int store_runner_get(struct store *s, int64_t id, struct runner_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e, "SELECT " RUNNER_COLUMNS " FROM runners r WHERE r.id = ?", "i", id))
		return -1;
	int rc = sql_next(&q, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "runner %lld does not exist", (long long)id);
	return rc < 0 ? -1 : runner_read(&q, ret, e);
}

int store_runner_list(struct store *s, struct runner_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e, "SELECT " RUNNER_COLUMNS " FROM runners r ORDER BY r.id", ""))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		if (runner_read(&q, LIST_ADD(ret), e))
			return -1;
	return rc;
}

int store_runner_heartbeat(
	struct store *s, int64_t id, const struct heartbeat *h, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	if (store_begin(s, &tx, e))
		return -1;
	if (sql_run(s, e,
		    "UPDATE runners SET last_heartbeat_at = ?2, offline_at = NULL,"
		    " capacity = iif(?3 > 0, ?3, capacity), host_name = ifnull(?4, host_name),"
		    " version = ifnull(?5, version) WHERE id = ?1",
		    "iwitt", id, now, h->capacity, h->host_name, h->version))
		return -1;
	if (h->labels &&
		sql_run(s, e, "UPDATE runners SET labels = ?2 WHERE id = ?1", "iv", id, h->labels))
		return -1;
	return store_commit(&tx, e);
}

/* A verb changed no row: there is no such runner, or it is revoked. */
static int runner_untouched(struct store *s, int64_t id, struct err *e)
{
	struct runner_row r = { 0 };
	if (store_runner_get(s, id, &r, e))
		return -1;
	runner_row_release(&r);
	return err_set(e, ERR_CONFLICT, "runner %lld is revoked", (long long)id);
}

int store_runner_drain(
	struct store *s, int64_t id, const char *reason, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE runners SET drained_at = ifnull(drained_at, ?2), drain_reason = ?3"
		    " WHERE id = ?1 AND revoked_at IS NULL",
		    "iwt", id, now, reason))
		return -1;
	return sql_changes(s) ? 0 : runner_untouched(s, id, e);
}

int store_runner_undrain(struct store *s, int64_t id, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE runners SET drained_at = NULL, drain_reason = NULL"
		    " WHERE id = ? AND revoked_at IS NULL",
		    "i", id))
		return -1;
	return sql_changes(s) ? 0 : runner_untouched(s, id, e);
}

int store_runner_rotate(struct store *s, int64_t id, const unsigned char sha[SHA256_LEN],
	struct wall now, struct wall expires_at, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	struct runner_row r = { 0 };
	if (store_begin(s, &tx, e) || store_runner_get(s, id, &r, e))
		return -1;
	bool revoked = r.revoked_at.us != 0;
	runner_row_release(&r);
	if (revoked)
		return err_set(e, ERR_CONFLICT, "runner %lld is revoked", (long long)id);
	if (tokens_revoke(s, id, now, e) || token_add(s, id, sha, now, expires_at, e))
		return -1;
	return store_commit(&tx, e);
}

int store_runner_revoke(
	struct store *s, int64_t id, const char *reason, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	if (store_begin(s, &tx, e) ||
		sql_run(s, e,
			"UPDATE runners SET revoked_at = ?2, revoke_reason = ?3,"
			" offline_at = ifnull(offline_at, ?2)"
			" WHERE id = ?1 AND revoked_at IS NULL",
			"iwt", id, now, reason))
		return -1;
	if (!sql_changes(s))
		return runner_untouched(s, id, e);
	if (tokens_revoke(s, id, now, e))
		return -1;
	return store_commit(&tx, e);
}

int store_runner_cleanup_stale(
	struct store *s, struct wall before, struct wall now, int64_t *ret_count, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE runners SET offline_at = ?2 WHERE offline_at IS NULL"
		    " AND ifnull(last_heartbeat_at, created_at) < ?1",
		    "ww", before, now))
		return -1;
	*ret_count = sql_changes(s);
	return 0;
}
