/*
 * A session is found anew for each request, and its user with it: one that is disabled, or whose
 * password was changed, is signed out everywhere at once. A password takes a while to check, so
 * what it was checked against must still be the user's when the session is added.
 */
#include "coordinator/rights/session.h"

#include "base/utf8.h"
#include "coordinator/sql/row.h"

#define USED_EVERY_US (5 * 60 * USEC_PER_SEC)

static const struct column columns[] = {
	COLUMN("s.id", COLUMN_INT, session_row, id),
	COLUMN("s.user_id", COLUMN_INT, session_row, user_id),
	COLUMN("u.login", COLUMN_TEXT, session_row, login),
	COLUMN("u.site_admin", COLUMN_BOOL, session_row, site_admin),
	COLUMN("s.agent", COLUMN_TEXT, session_row, agent),
	COLUMN("s.created_at", COLUMN_WALL, session_row, created_at),
	COLUMN("s.expires_at", COLUMN_WALL, session_row, expires_at),
	COLUMN("s.last_used_at", COLUMN_WALL, session_row, last_used_at),
};
static const struct row_type session_type = ROW_TYPE(session_row, columns);

void session_row_release(struct session_row *r)
{
	row_release(&session_type, r);
}

void session_list_release(struct session_list *l)
{
	LIST_RELEASE(&session_type, l);
}

/* By what a user proved who it is: a password's digest, or NULL and an identity. */
struct proof {
	int64_t user_id;
	const char *digest;
	int64_t identity;
};

static int session_add(struct store *s, const struct proof *p, const unsigned char sha[SHA256_LEN],
	const char *agent, struct wall now, struct err *e)
{
	CLEAN_STR char *kept = xstrndup(agent, utf8_cut(agent, SESSION_AGENT_MAX));
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e, "DELETE FROM sessions WHERE expires_at <= ?", "w", now) < 0 ||
		sql_run(s, e,
			"DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE"
			" user_id = ? ORDER BY id DESC LIMIT 1000000 OFFSET ?)",
			"ii", p->user_id, (int64_t)SESSIONS_OF_USER - 1) < 0 ||
		sql_run(s, e,
			"INSERT INTO sessions (user_id, token_sha256, agent, created_at,"
			" expires_at, last_used_at) SELECT id, ?, ?, ?, ?, ? FROM owners"
			" WHERE id = ? AND disabled_at IS NULL AND (password = ? OR id ="
			" (SELECT user_id FROM identities WHERE id = ?))",
			"btwwwiti", sha, (size_t)SHA256_LEN, kept, now,
			(struct wall){ now.us + SESSION_LIFETIME_US }, now, p->user_id, p->digest,
			p->identity) < 0)
		return -1;
	if (!sql_changes(s))
		return err_set(e, ERR_AUTH, "the password was changed, or the user disabled");
	return store_commit(&tx, e);
}

int store_session_add(struct store *s, int64_t user_id, const char *digest,
	const unsigned char sha[SHA256_LEN], const char *agent, struct wall now, struct err *e)
{
	return session_add(
		s, &(struct proof){ .user_id = user_id, .digest = digest }, sha, agent, now, e);
}

int store_session_add_linked(struct store *s, int64_t user_id, int64_t identity,
	const unsigned char sha[SHA256_LEN], const char *agent, struct wall now, struct err *e)
{
	return session_add(
		s, &(struct proof){ .user_id = user_id, .identity = identity }, sha, agent, now, e);
}

int store_session_find(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct session_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &session_type,
		    "FROM sessions s JOIN owners u ON u.id = s.user_id WHERE s.token_sha256 = ?"
		    " AND s.expires_at > ? AND u.disabled_at IS NULL",
		    "bw", sha, (size_t)SHA256_LEN, now) < 0)
		return -1;
	int rc = row_next(&q, &session_type, ret, e);
	query_end(&q);
	if (rc <= 0)
		return rc < 0 ? -1 : err_set(e, ERR_AUTH, "the session is over");
	if (ret->last_used_at.us + USED_EVERY_US > now.us)
		return 0;
	return sql_run(
		s, e, "UPDATE sessions SET last_used_at = ? WHERE id = ?", "wi", now, ret->id);
}

int store_session_list(
	struct store *s, int64_t user_id, struct wall now, struct session_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &session_type,
		    "FROM sessions s JOIN owners u ON u.id = s.user_id WHERE s.user_id = ?"
		    " AND s.expires_at > ? ORDER BY s.id DESC",
		    "iw", user_id, now) < 0)
		return -1;
	return LIST_READ(&q, &session_type, ret, e);
}

int store_session_end(struct store *s, int64_t user_id, int64_t id, struct err *e)
{
	if (sql_run(s, e, "DELETE FROM sessions WHERE id = ? AND user_id = ?", "ii", id, user_id) <
		0)
		return -1;
	return sql_changes(s) ? 0 : err_set(e, ERR_NOT_FOUND, "there is no such session");
}

/* ---- passwords ---- */

int store_password_set(struct store *s, int64_t user_id, const char *digest, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e, "UPDATE owners SET password = ? WHERE id = ?", "ti", digest,
			user_id) < 0 ||
		sql_run(s, e, "DELETE FROM sessions WHERE user_id = ?", "i", user_id) < 0)
		return -1;
	return store_commit(&tx, e);
}

int store_password_get(
	struct store *s, const char *login, int64_t *ret_user, char **ret_digest, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	*ret_user = 0;
	*ret_digest = NULL;
	if (sql_query(s, &q, e,
		    "SELECT id, password FROM owners WHERE login = ? AND kind = 'user'"
		    " AND disabled_at IS NULL AND password IS NOT NULL",
		    "t", login) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc > 0) {
		*ret_user = col_int(&q, 0);
		*ret_digest = col_text(&q, 1);
	}
	return rc < 0 ? -1 : 0;
}
