/*
 * One row a user and issuer, with the subject or, as an invitation, without. That a subject belongs
 * to one user alone is the table's own rule, whoever writes into it.
 */
#include "coordinator/rights/identity.h"

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("i.id", COLUMN_INT, identity_row, id),
	COLUMN("i.user_id", COLUMN_INT, identity_row, user_id),
	COLUMN("u.disabled_at IS NOT NULL", COLUMN_BOOL, identity_row, disabled),
	COLUMN("i.issuer", COLUMN_TEXT, identity_row, issuer),
	COLUMN("i.subject", COLUMN_TEXT, identity_row, subject),
	COLUMN("i.created_at", COLUMN_WALL, identity_row, created_at),
	COLUMN("i.last_used_at", COLUMN_WALL, identity_row, last_used_at),
};
static const struct row_type identity_type = ROW_TYPE(identity_row, columns);

void identity_row_release(struct identity_row *r)
{
	row_release(&identity_type, r);
}

void identity_list_release(struct identity_list *l)
{
	LIST_RELEASE(&identity_type, l);
}

static int sessions_end(struct store *s, int64_t user_id, struct err *e)
{
	return sql_run(s, e, "DELETE FROM sessions WHERE user_id = ?", "i", user_id);
}

int store_identity_link(struct store *s, int64_t user_id, const char *issuer, const char *subject,
	struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	struct err why = { 0 };

	if (store_begin(s, &tx, e) < 0 || sessions_end(s, user_id, e) < 0)
		return -1;
	if (sql_run(s, &why,
		    "INSERT INTO identities (user_id, issuer, subject, created_at)"
		    " VALUES (?, ?, ?, ?) ON CONFLICT (user_id, issuer) DO UPDATE SET"
		    " subject = excluded.subject, created_at = excluded.created_at,"
		    " last_used_at = NULL",
		    "ittw", user_id, issuer, subject, now) < 0)
		return err_is(&why, ERR_CONFLICT)
			       ? err_set(e, ERR_CONFLICT,
					 "subject \"%.100s\" is linked to another user", subject)
			       : err_set(e, why.class, "%s", why.text);
	return store_commit(&tx, e);
}

int store_identity_unlink(struct store *s, int64_t user_id, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e, "DELETE FROM identities WHERE user_id = ?", "i", user_id) < 0)
		return -1;
	if (!sql_changes(s))
		return err_set(e, ERR_NOT_FOUND, "the user is not linked");
	return sessions_end(s, user_id, e) < 0 ? -1 : store_commit(&tx, e);
}

int store_identity_list(struct store *s, int64_t user_id, struct identity_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &identity_type,
		    "FROM identities i JOIN owners u ON u.id = i.user_id WHERE i.user_id = ?"
		    " ORDER BY i.id",
		    "i", user_id) < 0)
		return -1;
	return LIST_READ(&q, &identity_type, ret, e);
}

int store_identity_find(struct store *s, const char *issuer, const char *subject, struct wall now,
	struct identity_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &identity_type,
		    "FROM identities i JOIN owners u ON u.id = i.user_id"
		    " WHERE i.issuer = ? AND i.subject = ?",
		    "tt", issuer, subject) < 0)
		return -1;
	int rc = row_next(&q, &identity_type, ret, e);
	query_end(&q);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(e, ERR_NOT_FOUND, "nobody is linked to this subject");
	return sql_run(
		s, e, "UPDATE identities SET last_used_at = ? WHERE id = ?", "wi", now, ret->id);
}

int store_identity_accept(struct store *s, const char *issuer, const char *subject,
	const char *login, struct wall now, bool *ret, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE identities SET subject = ? WHERE user_id = (SELECT id FROM owners"
		    " WHERE login = ? AND kind = 'user') AND issuer = ? AND subject IS NULL"
		    " AND created_at > ?",
		    "tttw", subject, login, issuer,
		    (struct wall){ now.us - IDENTITY_INVITED_US }) < 0)
		return -1;
	*ret = sql_changes(s) > 0;
	return 0;
}
