/* Repositories with their secrets and variables. */
#include "coordinator/store_sql.h"

#include "base/limits.h"

#define REPO_COLUMNS "id, owner, name, private, default_branch, created_at"

static void repo_read(struct query *q, struct repo_row *r)
{
	r->id = col_int(q, 0);
	r->owner = col_text(q, 1);
	r->name = col_text(q, 2);
	r->private = col_int(q, 3);
	r->default_branch = col_text(q, 4);
	r->created_at = col_wall(q, 5);
}

void repo_row_release(struct repo_row *r)
{
	free(r->owner);
	free(r->name);
	free(r->default_branch);
	*r = (struct repo_row){ 0 };
}

void repo_list_release(struct repo_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		repo_row_release(&l->v[i]);
	free(l->v);
	*l = (struct repo_list){ 0 };
}

int store_repo_add(struct store *s, const char *owner, const char *name, bool private,
	const char *default_branch, struct wall now, int64_t *ret_id, struct err *e)
{
	struct err why = { 0 };
	if (sql_run(s, &why,
		    "INSERT INTO repositories (owner, name, private, default_branch, created_at)"
		    " VALUES (?, ?, ?, ?, ?)",
		    "ttytw", owner, name, private, default_branch, now)) {
		if (err_is(&why, ERR_CONFLICT))
			return err_set(
				e, ERR_CONFLICT, "repository %s/%s exists already", owner, name);
		return err_set(e, why.class, "%s", why.text);
	}
	*ret_id = sql_last_id(s);
	return 0;
}

static int repo_one(struct query *q, struct repo_row *ret, const char *what, struct err *e)
{
	int rc = sql_next(q, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "repository %s does not exist", what);
	if (rc < 0)
		return -1;
	repo_read(q, ret);
	return 0;
}

int store_repo_find(
	struct store *s, const char *owner, const char *name, struct repo_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT " REPO_COLUMNS " FROM repositories WHERE owner = ? AND name = ?", "tt",
		    owner, name))
		return -1;
	CLEAN_STR char *what = xasprintf("%s/%s", owner, name);
	return repo_one(&q, ret, what, e);
}

int store_repo_get(struct store *s, int64_t id, struct repo_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e, "SELECT " REPO_COLUMNS " FROM repositories WHERE id = ?", "i", id))
		return -1;
	CLEAN_STR char *what = xasprintf("%lld", (long long)id);
	return repo_one(&q, ret, what, e);
}

int store_repo_list(struct store *s, struct repo_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(
		    s, &q, e, "SELECT " REPO_COLUMNS " FROM repositories ORDER BY owner, name", ""))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		repo_read(&q, LIST_ADD(ret));
	return rc;
}

/* ---- secrets ---- */

void secret_list_release(struct secret_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].sealed);
	}
	free(l->v);
	*l = (struct secret_list){ 0 };
}

int store_secret_set(struct store *s, int64_t repo_id, const char *name, const void *sealed,
	size_t n, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t others = 0;
	if (store_begin(s, &tx, e) ||
		sql_int(s, &others, e,
			"SELECT count(*) FROM secrets WHERE repo_id = ? AND name <> ?", "it",
			repo_id, name) < 0)
		return -1;
	if (others >= LIMIT_SECRETS)
		return err_set(e, ERR_LIMIT, "a repository has at most %d secrets", LIMIT_SECRETS);
	if (sql_run(s, e,
		    "INSERT INTO secrets (repo_id, name, sealed, updated_at) VALUES (?, ?, ?, ?)"
		    " ON CONFLICT DO UPDATE SET sealed = excluded.sealed,"
		    " updated_at = excluded.updated_at",
		    "itbw", repo_id, name, sealed, n, now))
		return -1;
	return store_commit(&tx, e);
}

int store_secret_delete(struct store *s, int64_t repo_id, const char *name, struct err *e)
{
	if (sql_run(s, e, "DELETE FROM secrets WHERE repo_id = ? AND name = ?", "it", repo_id,
		    name))
		return -1;
	if (!sql_changes(s))
		return err_set(e, ERR_NOT_FOUND, "secret %s does not exist", name);
	return 0;
}

int store_secret_list(struct store *s, int64_t repo_id, struct secret_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e, "SELECT name, sealed FROM secrets WHERE repo_id = ? ORDER BY name",
		    "i", repo_id))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		struct secret_row *r = LIST_ADD(ret);
		r->name = col_text(&q, 0);
		const void *p = sqlite3_column_blob(q.st, 1);
		r->sealed_len = (size_t)sqlite3_column_bytes(q.st, 1);
		r->sealed = (unsigned char *)xmemdup0(p ? p : "", r->sealed_len);
	}
	return rc;
}

/* ---- variables ---- */

int store_variable_set(
	struct store *s, int64_t repo_id, const char *name, const char *value, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO variables (repo_id, name, value) VALUES (?, ?, ?)"
		" ON CONFLICT DO UPDATE SET value = excluded.value",
		"itt", repo_id, name, value);
}

int store_variable_list(struct store *s, int64_t repo_id, struct pairs *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e, "SELECT name, value FROM variables WHERE repo_id = ? ORDER BY name",
		    "i", repo_id))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		CLEAN_STR char *name = col_text(&q, 0);
		CLEAN_STR char *value = col_text(&q, 1);
		pairs_set(ret, name, value);
	}
	return rc;
}
