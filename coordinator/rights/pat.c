/*
 * Personal access tokens: only their SHA-256 is here, so the file gives nobody a token. They are
 * random and long: a plain hash needs no salt, and how long the index takes to find a hash tells
 * nothing about the token.
 */
#include "coordinator/rights/pat.h"

#include <inttypes.h>

#include "base/limits.h"
#include "coordinator/sql/row.h"

#define USED_EVERY_US (60 * USEC_PER_SEC)

static const struct column columns[] = {
	COLUMN("p.id", COLUMN_INT, pat_row, id),
	COLUMN("p.user_id", COLUMN_INT, pat_row, user_id),
	COLUMN("u.login", COLUMN_TEXT, pat_row, login),
	COLUMN("u.site_admin", COLUMN_BOOL, pat_row, site_admin),
	COLUMN("p.name", COLUMN_TEXT, pat_row, name),
	COLUMN("p.scopes", COLUMN_INT, pat_row, scopes),
	COLUMN("p.created_at", COLUMN_WALL, pat_row, created_at),
	COLUMN("p.expires_at", COLUMN_WALL, pat_row, expires_at),
	COLUMN("p.revoked_at", COLUMN_WALL, pat_row, revoked_at),
	COLUMN("p.last_used_at", COLUMN_WALL, pat_row, last_used_at),
};
static const struct row_type pat_type = ROW_TYPE(pat_row, columns);

#define GOOD_PAT                                                                   \
	"FROM pats p JOIN owners u ON u.id = p.user_id WHERE p.revoked_at IS NULL" \
	" AND u.disabled_at IS NULL AND (p.expires_at IS NULL OR p.expires_at > ?) AND "

void pat_row_release(struct pat_row *r)
{
	row_release(&pat_type, r);
}

void pat_list_release(struct pat_list *l)
{
	LIST_RELEASE(&pat_type, l);
}

int store_pat_add(
	struct store *s, const struct pat_spec *p, struct wall now, int64_t *ret_id, struct err *e)
{
	return sql_int(s, ret_id, e,
		       "INSERT INTO pats (user_id, name, token_sha256, scopes, created_at,"
		       " expires_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
		       "itbiww", p->user_id, p->name, p->sha, (size_t)SHA256_LEN,
		       (int64_t)p->scopes, now, p->expires_at) > 0
		       ? 0
		       : -1;
}

static int read_good(struct query *q, struct pat_row *ret, struct err *e)
{
	int rc = row_next(q, &pat_type, ret, e);

	if (rc == 0)
		return err_set(e, ERR_AUTH, "token is unknown, expired or revoked");
	return rc < 0 ? -1 : 0;
}

int store_pat_find(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct pat_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &pat_type, GOOD_PAT "p.token_sha256 = ?", "wb", now, sha,
		    (size_t)SHA256_LEN) < 0)
		return -1;
	return read_good(&q, ret, e);
}

int store_pat_again(
	struct store *s, int64_t id, struct wall now, struct pat_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &pat_type, GOOD_PAT "p.id = ?", "wi", now, id) < 0)
		return -1;
	return read_good(&q, ret, e);
}

int store_pat_list(struct store *s, int64_t user_id, struct pat_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &pat_type,
		    "FROM pats p JOIN owners u ON u.id = p.user_id"
		    " WHERE ?1 = 0 OR p.user_id = ?1 ORDER BY p.id",
		    "i", user_id) < 0)
		return -1;
	return LIST_READ(&q, &pat_type, ret, e);
}

int store_pat_revoke(struct store *s, int64_t id, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t revoked = 0;

	if (store_begin(s, &tx, e) < 0)
		return -1;
	int rc = sql_int(
		s, &revoked, e, "SELECT coalesce(revoked_at, 0) FROM pats WHERE id = ?", "i", id);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "token %" PRId64 " does not exist", id);
	if (revoked)
		return err_set(e, ERR_CONFLICT, "token %" PRId64 " is revoked already", id);
	if (sql_run(s, e, "UPDATE pats SET revoked_at = ? WHERE id = ?", "wi", now, id) < 0)
		return -1;
	return store_commit(&tx, e);
}

int store_pat_used(struct store *s, const struct pat_row *pat, struct wall now, struct err *e)
{
	if (now.us - pat->last_used_at.us < USED_EVERY_US)
		return 0;
	return sql_run(s, e, "UPDATE pats SET last_used_at = ? WHERE id = ?", "wi", now, pat->id);
}
