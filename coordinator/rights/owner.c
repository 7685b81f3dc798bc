/*
 * Users and organisations. Nobody is deleted: a login stands in runs and pushes as their actor, and
 * another person of the same name would inherit them. A user is disabled instead.
 */
#include "coordinator/rights/owner.h"

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, owner_row, id),
	COLUMN("login", COLUMN_TEXT, owner_row, login),
	COLUMN("kind = 'user'", COLUMN_BOOL, owner_row, user),
	COLUMN("site_admin", COLUMN_BOOL, owner_row, site_admin),
	COLUMN("created_at", COLUMN_WALL, owner_row, created_at),
	COLUMN("disabled_at", COLUMN_WALL, owner_row, disabled_at),
};
static const struct row_type owner_type = ROW_TYPE(owner_row, columns);

static const struct column member_columns[] = {
	COLUMN("o.login", COLUMN_TEXT, member_row, login),
	COLUMN("m.role", COLUMN_INT, member_row, role),
};
static const struct row_type member_type = ROW_TYPE(member_row, member_columns);

void owner_row_release(struct owner_row *r)
{
	row_release(&owner_type, r);
}

void owner_list_release(struct owner_list *l)
{
	LIST_RELEASE(&owner_type, l);
}

void member_list_release(struct member_list *l)
{
	LIST_RELEASE(&member_type, l);
}

int store_owner_add(struct store *s, struct owner_row *row, struct wall now, struct err *e)
{
	struct err why = { 0 };

	if (sql_int(s, &row->id, &why,
		    "INSERT INTO owners (login, kind, site_admin, created_at)"
		    " VALUES (?, ?, ?, ?) RETURNING id",
		    "ttyw", row->login, row->user ? "user" : "organisation", row->site_admin,
		    now) > 0)
		return 0;
	if (err_is(&why, ERR_CONFLICT))
		return err_set(e, ERR_CONFLICT,
			"\"%s\" exists already; users and organisations share their names",
			row->login);
	return err_set(e, why.class, "%s", why.text);
}

int store_owner_find(struct store *s, const char *login, struct owner_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &owner_type, "FROM owners WHERE login = ?", "t", login) < 0)
		return -1;
	int rc = row_next(&q, &owner_type, ret, e);
	if (rc == 0)
		return err_set(
			e, ERR_NOT_FOUND, "there is no user or organisation \"%.100s\"", login);
	return rc < 0 ? -1 : 0;
}

static int find_kind(
	struct store *s, const char *login, bool user, struct owner_row *ret, struct err *e)
{
	if (store_owner_find(s, login, ret, e) < 0)
		return -1;
	if (ret->user != user)
		return err_set(e, ERR_INPUT, "\"%s\" is %s, expected %s", ret->login,
			ret->user ? "a user" : "an organisation",
			user ? "a user" : "an organisation");
	return 0;
}

int store_user_find(struct store *s, const char *login, struct owner_row *ret, struct err *e)
{
	return find_kind(s, login, true, ret, e);
}

int store_organisation_find(
	struct store *s, const char *login, struct owner_row *ret, struct err *e)
{
	return find_kind(s, login, false, ret, e);
}

int store_owner_list(struct store *s, bool users_only, struct owner_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &owner_type,
		    "FROM owners WHERE kind = 'user' OR ? = 0 ORDER BY login", "y", users_only) < 0)
		return -1;
	return LIST_READ(&q, &owner_type, ret, e);
}

int store_user_count(struct store *s, int64_t *ret, struct err *e)
{
	return sql_int(s, ret, e, "SELECT count(*) FROM owners WHERE kind = 'user'", "") < 0 ? -1
											     : 0;
}

int store_user_set_admin(struct store *s, int64_t id, bool on, struct err *e)
{
	return sql_run(s, e, "UPDATE owners SET site_admin = ? WHERE id = ? AND kind = 'user'",
		"yi", on, id);
}

int store_user_set_disabled(struct store *s, int64_t id, struct wall disabled_at, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e, "UPDATE owners SET disabled_at = ? WHERE id = ? AND kind = 'user'",
			"wi", disabled_at, id) < 0 ||
		(disabled_at.us &&
			sql_run(s, e, "DELETE FROM sessions WHERE user_id = ?", "i", id) < 0))
		return -1;
	return store_commit(&tx, e);
}

/* ---- members ---- */

int store_member_set(
	struct store *s, int64_t owner_id, int64_t user_id, enum role role, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO memberships (owner_id, user_id, role) VALUES (?, ?, ?)"
		" ON CONFLICT (owner_id, user_id) DO UPDATE SET role = excluded.role",
		"iii", owner_id, user_id, (int64_t)role);
}

int store_member_remove(struct store *s, int64_t owner_id, int64_t user_id, struct err *e)
{
	if (sql_run(s, e, "DELETE FROM memberships WHERE owner_id = ? AND user_id = ?", "ii",
		    owner_id, user_id) < 0)
		return -1;
	return sql_changes(s) ? 0 : err_set(e, ERR_NOT_FOUND, "not a member");
}

int store_member_list(struct store *s, int64_t owner_id, struct member_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &member_type,
		    "FROM memberships m JOIN owners o ON o.id = m.user_id"
		    " WHERE m.owner_id = ? ORDER BY o.login",
		    "i", owner_id) < 0)
		return -1;
	return LIST_READ(&q, &member_type, ret, e);
}
