/*
 * The lists of an environment stand in tables of their own, so that a login or a pattern may hold
 * anything. They are few and read with it.
 */
#include "coordinator/environment/environment.h"

#include "base/utf8.h"
#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, environment_row, id),
	COLUMN("repo_id", COLUMN_INT, environment_row, repo_id),
	COLUMN("name", COLUMN_TEXT, environment_row, name),
	COLUMN("wait_minutes", COLUMN_INT, environment_row, wait_minutes),
	COLUMN("created_at", COLUMN_WALL, environment_row, created_at),
};
static const struct row_type environment_type = ROW_TYPE(environment_row, columns);

void environment_row_release(struct environment_row *r)
{
	strv_release(&r->reviewers);
	strv_release(&r->branches);
	row_release(&environment_type, r);
}

void environment_list_release(struct environment_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		environment_row_release(&l->v[i]);
	free(l->v);
	*l = (struct environment_list){ 0 };
}

int environment_name_check(const char *name, struct err *e)
{
	size_t n = strlen(name);
	bool fine = n && n <= ENVIRONMENT_NAME_MAX && utf8_valid(name, n) && name[0] != ' ' &&
		    name[n - 1] != ' ';

	for (const char *c = name; fine && *c; c++)
		fine = (unsigned char)*c >= ' ' && *c != 127;
	return fine ? 0
		    : err_set(e, ERR_INPUT,
			      "environment \"%.40s\": expected 1 to %d bytes without control "
			      "characters and without blanks around",
			      name, ENVIRONMENT_NAME_MAX);
}

static int list_read(struct query *q, struct strv *ret, struct err *e)
{
	int rc;

	while ((rc = sql_next(q, e)) > 0) {
		CLEAN_STR char *text = col_text(q, 0);

		strv_add(ret, text);
	}
	return rc;
}

static int rules_read(struct store *s, struct environment_row *r, struct err *e)
{
	CLEAN_QUERY struct query reviewers = { 0 };
	CLEAN_QUERY struct query branches = { 0 };

	if (sql_query(s, &reviewers, e,
		    "SELECT login FROM environment_reviewers WHERE environment_id = ?"
		    " ORDER BY position",
		    "i", r->id) < 0 ||
		list_read(&reviewers, &r->reviewers, e) < 0)
		return -1;
	return sql_query(s, &branches, e,
		       "SELECT pattern FROM environment_branches WHERE environment_id = ?"
		       " ORDER BY position",
		       "i", r->id) < 0
		       ? -1
		       : list_read(&branches, &r->branches, e);
}

/* 1, 0 there is none, -1. */
static int environment_find(struct store *s, int64_t repo_id, const char *name,
	struct environment_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &environment_type,
		    "FROM environments WHERE repo_id = ? AND name = ?", "it", repo_id, name) < 0)
		return -1;
	int rc = row_next(&q, &environment_type, ret, e);
	if (rc <= 0)
		return rc;
	return rules_read(s, ret, e) < 0 ? -1 : 1;
}

int store_environment_get(struct store *s, int64_t repo_id, const char *name,
	struct environment_row *ret, struct err *e)
{
	int rc = environment_find(s, repo_id, name, ret, e);

	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "there is no environment \"%.100s\"", name);
	return rc < 0 ? -1 : 0;
}

int store_environment_use(struct store *s, int64_t repo_id, const char *name, struct wall now,
	struct environment_row *ret, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t have = 0;
	int rc;

	if (store_begin(s, &tx, e) < 0 || (rc = environment_find(s, repo_id, name, ret, e)) < 0)
		return -1;
	if (rc > 0)
		return store_commit(&tx, e);
	if (environment_name_check(name, e) < 0 ||
		sql_int(s, &have, e, "SELECT count(*) FROM environments WHERE repo_id = ?", "i",
			repo_id) < 0)
		return -1;
	if (have >= ENVIRONMENTS_MAX)
		return err_set(e, ERR_LIMIT,
			"environment \"%.100s\": the repository has %d already, more are not "
			"possible",
			name, ENVIRONMENTS_MAX);
	if (sql_run(s, e,
		    "INSERT INTO environments (repo_id, name, wait_minutes, created_at)"
		    " VALUES (?, ?, 0, ?)",
		    "itw", repo_id, name, now) < 0 ||
		store_environment_get(s, repo_id, name, ret, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

int store_environment_rules(struct store *s, const struct environment_row *r, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e, "UPDATE environments SET wait_minutes = ?2 WHERE id = ?1", "ii",
			r->id, r->wait_minutes) < 0 ||
		sql_run(s, e, "DELETE FROM environment_reviewers WHERE environment_id = ?", "i",
			r->id) < 0 ||
		sql_run(s, e, "DELETE FROM environment_branches WHERE environment_id = ?", "i",
			r->id) < 0)
		return -1;
	for (size_t i = 0; i < r->reviewers.n; i++)
		if (sql_run(s, e,
			    "INSERT INTO environment_reviewers (environment_id, position, login)"
			    " VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			    "iit", r->id, (int64_t)i, r->reviewers.v[i]) < 0)
			return -1;
	for (size_t i = 0; i < r->branches.n; i++)
		if (sql_run(s, e,
			    "INSERT INTO environment_branches (environment_id, position, pattern)"
			    " VALUES (?, ?, ?)",
			    "iit", r->id, (int64_t)i, r->branches.v[i]) < 0)
			return -1;
	return store_commit(&tx, e);
}

int store_environment_list(
	struct store *s, int64_t repo_id, struct environment_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &environment_type,
		    "FROM environments WHERE repo_id = ? ORDER BY name", "i", repo_id) < 0 ||
		LIST_READ(&q, &environment_type, ret, e) < 0)
		return -1;
	for (size_t i = 0; i < ret->n; i++)
		if (rules_read(s, &ret->v[i], e) < 0)
			return -1;
	return 0;
}

int store_environment_delete(struct store *s, int64_t id, struct err *e)
{
	return sql_run(s, e, "DELETE FROM environments WHERE id = ?", "i", id);
}
