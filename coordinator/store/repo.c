/* Repositories. Names compare without case (the schema's collation), as clone URLs are typed by
 * hand. */
#include "coordinator/store/repo.h"

#include <inttypes.h>

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, repo_row, id),
	COLUMN("owner_id", COLUMN_INT, repo_row, owner_id),
	COLUMN("owner", COLUMN_TEXT, repo_row, owner),
	COLUMN("name", COLUMN_TEXT, repo_row, name),
	COLUMN("private", COLUMN_BOOL, repo_row, private),
	COLUMN("default_branch", COLUMN_TEXT, repo_row, default_branch),
	COLUMN("created_at", COLUMN_WALL, repo_row, created_at),
};
static const struct row_type repo_type = ROW_TYPE(repo_row, columns);

void repo_row_release(struct repo_row *r)
{
	row_release(&repo_type, r);
}

void repo_list_release(struct repo_list *l)
{
	LIST_RELEASE(&repo_type, l);
}

int store_repo_add(struct store *s, const char *owner, const char *name, bool private,
	const char *default_branch, struct wall now, int64_t *ret_id, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	struct err why = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e,
			"INSERT INTO owners (login, kind, created_at) VALUES (?, 'organisation', ?)"
			" ON CONFLICT (login) DO NOTHING",
			"tw", owner, now) < 0)
		return -1;
	if (sql_int(s, ret_id, &why,
		    "INSERT INTO repositories (owner, name, private, default_branch, created_at,"
		    " owner_id) VALUES (?1, ?2, ?3, ?4, ?5,"
		    " (SELECT id FROM owners WHERE login = ?1)) RETURNING id",
		    "ttytw", owner, name, private, default_branch, now) < 0) {
		if (err_is(&why, ERR_CONFLICT))
			return err_set(
				e, ERR_CONFLICT, "repository %s/%s already exists", owner, name);
		return err_set(e, why.class, "%s", why.text);
	}
	return store_commit(&tx, e);
}

int store_repo_find(
	struct store *s, const char *owner, const char *name, struct repo_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &repo_type, "FROM repositories WHERE owner = ? AND name = ?", "tt",
		    owner, name) < 0)
		return -1;
	int rc = row_next(&q, &repo_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "repository %s/%s does not exist", owner, name);
	return rc < 0 ? -1 : 0;
}

int store_repo_get(struct store *s, int64_t id, struct repo_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &repo_type, "FROM repositories WHERE id = ?", "i", id) < 0)
		return -1;
	int rc = row_next(&q, &repo_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "repository %" PRId64 " does not exist", id);
	return rc < 0 ? -1 : 0;
}

int store_repo_list(struct store *s, struct repo_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &repo_type, "FROM repositories ORDER BY owner, name", "") < 0)
		return -1;
	return LIST_READ(&q, &repo_type, ret, e);
}

int store_repo_counts(struct store *s, int64_t id, int64_t *ret_runs, int64_t *ret_open,
	int64_t *ret_runners, struct err *e)
{
	if (sql_int(s, ret_runs, e, "SELECT count(*) FROM workflow_runs WHERE repo_id = ?", "i",
		    id) < 0 ||
		sql_int(s, ret_open, e,
			"SELECT count(*) FROM workflow_runs WHERE repo_id = ?"
			" AND status IN ('queued', 'running')",
			"i", id) < 0)
		return -1;
	return sql_int(s, ret_runners, e,
		       "SELECT count(*) FROM runners WHERE scope_repo_id = ?"
		       " AND revoked_at IS NULL",
		       "i", id) < 0
		       ? -1
		       : 0;
}

int store_repo_badge_set(struct store *s, int64_t id, const unsigned char *sha, struct err *e)
{
	return sha ? sql_run(s, e, "UPDATE repositories SET badge_token_sha256 = ?2 WHERE id = ?1",
			     "ib", id, sha, (size_t)SHA256_LEN)
		   : sql_run(s, e, "UPDATE repositories SET badge_token_sha256 = NULL WHERE id = ?",
			     "i", id);
}

int store_repo_by_badge(struct store *s, const char *owner, const char *name,
	const unsigned char sha[SHA256_LEN], struct repo_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &repo_type,
		    "FROM repositories WHERE owner = ? AND name = ? AND badge_token_sha256 = ?",
		    "ttb", owner, name, sha, (size_t)SHA256_LEN) < 0)
		return -1;
	int rc = row_next(&q, &repo_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "repository %s/%s does not exist", owner, name);
	return rc < 0 ? -1 : 0;
}

int store_repo_set_private(struct store *s, int64_t id, bool private, struct err *e)
{
	return sql_run(s, e, "UPDATE repositories SET private = ? WHERE id = ?", "yi", private, id);
}
