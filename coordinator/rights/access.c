/*
 * The rule stands once, as an expression over a repository r and a user u; each way to name a
 * repository joins the two. A disabled user is left out of the join, and has what a stranger has.
 */
#include "coordinator/rights/access.h"

#include "coordinator/sql/row.h"

#define ROLE_OF                                                                             \
	"CASE WHEN u.site_admin = 1 OR r.owner_id = u.id THEN 3 ELSE ("                     \
	"SELECT max(g.role) FROM (SELECT CASE WHEN r.private = 0 THEN 1 ELSE 0 END AS role" \
	" UNION ALL SELECT c.role FROM repo_collaborators c"                                \
	" WHERE c.repo_id = r.id AND c.user_id = u.id"                                      \
	" UNION ALL SELECT m.role FROM memberships m"                                       \
	" WHERE m.owner_id = r.owner_id AND m.user_id = u.id) g) END"
#define WITH_USER " LEFT JOIN owners u ON u.id = ? AND u.kind = 'user' AND u.disabled_at IS NULL"

static const struct column columns[] = {
	COLUMN("r.id", COLUMN_INT, access_row, repo_id),
	COLUMN(ROLE_OF, COLUMN_INT, access_row, role),
	COLUMN("r.private = 0", COLUMN_BOOL, access_row, public),
};
static const struct row_type access_type = ROW_TYPE(access_row, columns);

static const struct column readable_columns[] = {
	COLUMN("r.id", COLUMN_INT, readable_row, repo_id),
	COLUMN("r.owner", COLUMN_TEXT, readable_row, owner),
	COLUMN("r.name", COLUMN_TEXT, readable_row, name),
	COLUMN("r.private", COLUMN_BOOL, readable_row, private),
};
static const struct row_type readable_type = ROW_TYPE(readable_row, readable_columns);

static const struct column grant_columns[] = {
	COLUMN("login", COLUMN_TEXT, grant_row, login),
	COLUMN("role", COLUMN_INT, grant_row, role),
	COLUMN("through", COLUMN_TEXT, grant_row, through),
	COLUMN("disabled", COLUMN_BOOL, grant_row, disabled),
};
static const struct row_type grant_type = ROW_TYPE(grant_row, grant_columns);

static const char *const role_names[] = {
	[ROLE_NONE] = "none",
	[ROLE_READ] = "read",
	[ROLE_WRITE] = "write",
	[ROLE_ADMIN] = "admin",
};

const char *role_text(enum role r)
{
	return role_names[r];
}

int role_parse(const char *text, enum role *ret, struct err *e)
{
	for (enum role r = ROLE_READ; r <= ROLE_ADMIN; r++)
		if (str_eq(text, role_names[r])) {
			*ret = r;
			return 0;
		}
	return err_set(e, ERR_INPUT, "role \"%.40s\", expected read, write or admin", text);
}

void grant_list_release(struct grant_list *l)
{
	LIST_RELEASE(&grant_type, l);
}

static int read_access(struct query *q, struct access_row *ret, struct err *e)
{
	*ret = (struct access_row){ 0 };
	return row_next(q, &access_type, ret, e) < 0 ? -1 : 0;
}

int store_access_repo(
	struct store *s, int64_t user_id, int64_t repo_id, struct access_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &access_type, "FROM repositories r" WITH_USER " WHERE r.id = ?",
		    "ii", user_id, repo_id) < 0)
		return -1;
	return read_access(&q, ret, e);
}

int store_access_named(struct store *s, int64_t user_id, const char *owner, const char *name,
	struct access_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &access_type,
		    "FROM repositories r" WITH_USER " WHERE r.owner = ? AND r.name = ?", "itt",
		    user_id, owner, name) < 0)
		return -1;
	return read_access(&q, ret, e);
}

int store_access_run(
	struct store *s, int64_t user_id, int64_t run_id, struct access_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &access_type,
		    "FROM workflow_runs w JOIN repositories r ON r.id = w.repo_id" WITH_USER
		    " WHERE w.id = ?",
		    "ii", user_id, run_id) < 0)
		return -1;
	return read_access(&q, ret, e);
}

int store_access_job(
	struct store *s, int64_t user_id, int64_t job_id, struct access_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &access_type,
		    "FROM workflow_jobs j JOIN workflow_runs w ON w.id = j.run_id"
		    " JOIN repositories r ON r.id = w.repo_id" WITH_USER " WHERE j.id = ?",
		    "ii", user_id, job_id) < 0)
		return -1;
	return read_access(&q, ret, e);
}

/* ---- all that one may read ---- */

void readable_list_release(struct readable_list *l)
{
	LIST_RELEASE(&readable_type, l);
}

int store_readable_list(
	struct store *s, const struct readable_spec *spec, struct readable_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &readable_type,
		    "FROM repositories r" WITH_USER " WHERE (r.owner, r.name) > (?, ?)"
		    " AND " ROLE_OF " > 0 ORDER BY r.owner, r.name LIMIT ?",
		    "itti", spec->user_id, spec->owner, spec->name, spec->limit) < 0)
		return -1;
	return LIST_READ(&q, &readable_type, ret, e);
}

/* ---- collaborators ---- */

int store_collaborator_set(
	struct store *s, int64_t repo_id, int64_t user_id, enum role role, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO repo_collaborators (repo_id, user_id, role) VALUES (?, ?, ?)"
		" ON CONFLICT (repo_id, user_id) DO UPDATE SET role = excluded.role",
		"iii", repo_id, user_id, (int64_t)role);
}

int store_collaborator_remove(struct store *s, int64_t repo_id, int64_t user_id, struct err *e)
{
	if (sql_run(s, e, "DELETE FROM repo_collaborators WHERE repo_id = ? AND user_id = ?", "ii",
		    repo_id, user_id) < 0)
		return -1;
	return sql_changes(s) ? 0 : err_set(e, ERR_NOT_FOUND, "not a collaborator");
}

int store_grant_list(struct store *s, int64_t repo_id, struct grant_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &grant_type,
		    "FROM (SELECT u.login, u.disabled_at IS NOT NULL AS disabled, g.role, g.through"
		    " FROM (SELECT o.id AS user_id, 3 AS role, 'owner' AS through"
		    " FROM repositories r JOIN owners o ON o.id = r.owner_id"
		    " WHERE r.id = ?1 AND o.kind = 'user'"
		    " UNION ALL SELECT m.user_id, m.role, 'member'"
		    " FROM repositories r JOIN memberships m ON m.owner_id = r.owner_id"
		    " WHERE r.id = ?1"
		    " UNION ALL SELECT user_id, role, 'collaborator'"
		    " FROM repo_collaborators WHERE repo_id = ?1"
		    " UNION ALL SELECT id, 3, 'site admin' FROM owners WHERE site_admin = 1) g"
		    " JOIN owners u ON u.id = g.user_id) l ORDER BY login, through",
		    "i", repo_id) < 0)
		return -1;
	return LIST_READ(&q, &grant_type, ret, e);
}
