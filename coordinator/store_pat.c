/* Personal access tokens: only their SHA-256 is here. */
#include "coordinator/store_sql.h"

void pat_row_release(struct pat_row *r)
{
	free(r->name);
	*r = (struct pat_row){ 0 };
}

int store_pat_add(struct store *s, const char *name, const unsigned char sha[SHA256_LEN],
	unsigned scopes, struct wall now, struct wall expires_at, int64_t *ret_id, struct err *e)
{
	if (sql_run(s, e,
		    "INSERT INTO pats (name, token_sha256, scopes, created_at, expires_at)"
		    " VALUES (?, ?, ?, ?, ?)",
		    "tbiww", name, sha, (size_t)SHA256_LEN, (int64_t)scopes, now, expires_at))
		return -1;
	*ret_id = sql_last_id(s);
	return 0;
}

int store_pat_find(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct pat_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT id, name, scopes, created_at, expires_at, revoked_at FROM pats"
		    " WHERE token_sha256 = ? AND revoked_at IS NULL"
		    " AND (expires_at IS NULL OR expires_at > ?)",
		    "bw", sha, (size_t)SHA256_LEN, now))
		return -1;
	int rc = sql_next(&q, e);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(e, ERR_AUTH, "token is unknown, expired or revoked");
	ret->id = col_int(&q, 0);
	ret->name = col_text(&q, 1);
	ret->scopes = (unsigned)col_int(&q, 2);
	ret->created_at = col_wall(&q, 3);
	ret->expires_at = col_wall(&q, 4);
	ret->revoked_at = col_wall(&q, 5);
	return 0;
}
