/*
 * Secrets and variables in one table, as they differ in their bytes only. A secret comes and goes
 * sealed: this room holds no key, so that a copy of the file opens none of them. Each scope is
 * asked by an index of its own; which one shadows which is plain code.
 */
#include "coordinator/environment/secret.h"

#include <inttypes.h>
#include <strings.h>

#include "base/limits.h"
#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("v.name", COLUMN_TEXT, value_row, name),
	{ "v.value", COLUMN_BYTES, offsetof(struct value_row, bytes),
		offsetof(struct value_row, len) },
	COLUMN("v.owner", COLUMN_TEXT, value_row, owner),
	COLUMN("coalesce(v.repo_id, 0)", COLUMN_INT, value_row, repo_id),
	COLUMN("coalesce(v.environment_id, 0)", COLUMN_INT, value_row, environment_id),
	COLUMN("v.updated_at", COLUMN_WALL, value_row, updated_at),
};
static const struct row_type value_type = ROW_TYPE(value_row, columns);

const char *value_kind_text(enum value_kind k)
{
	return k == VALUE_SECRET ? "secret" : "variable";
}

/* Owners are found whatever the case of their names. */
static char *owner_folded(const struct value_scope *scope)
{
	char *owner = xstrdup(scope->owner);

	for (char *c = owner; c && *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 'a' - 'A') : *c;
	return owner;
}

/* The key of the table: scopes are told apart by text, so that one index serves them all. */
static char *scope_key(const struct value_scope *scope)
{
	CLEAN_STR char *owner = owner_folded(scope);

	if (owner)
		return xasprintf("owner:%s", owner);
	if (scope->repo_id)
		return xasprintf("repository:%" PRId64, scope->repo_id);
	if (scope->environment_id)
		return xasprintf("environment:%" PRId64, scope->environment_id);
	return xstrdup("site");
}

char *secret_context(const struct value_scope *scope, const char *name)
{
	CLEAN_STR char *owner = owner_folded(scope);

	if (owner)
		return xasprintf("secret:owner:%s:%s", owner, name);
	if (scope->environment_id)
		return xasprintf("secret:environment:%" PRId64 ":%s", scope->environment_id, name);
	if (scope->repo_id)
		return xasprintf("secret:%" PRId64 ":%s", scope->repo_id, name);
	return xasprintf("secret:site:%s", name);
}

void value_list_release(struct value_list *l)
{
	LIST_RELEASE(&value_type, l);
}

int store_value_set(struct store *s, enum value_kind k, const struct value_scope *scope,
	const char *name, struct slice value, struct wall now, struct err *e)
{
	CLEAN_STR char *key = scope_key(scope);
	CLEAN_TX struct store_tx tx = { 0 };
	int64_t others = 0;

	if (store_begin(s, &tx, e) < 0 ||
		sql_int(s, &others, e,
			"SELECT count(*) FROM scoped_values WHERE kind = ? AND scope = ?"
			" AND name <> ?",
			"ttt", value_kind_text(k), key, name) < 0)
		return -1;
	if (others >= LIMIT_SECRETS)
		return err_set(e, ERR_LIMIT, "%d %ss in this scope already, more are not possible",
			LIMIT_SECRETS, value_kind_text(k));
	if (sql_run(s, e,
		    "INSERT INTO scoped_values (kind, owner, repo_id, environment_id, scope, name,"
		    " value, updated_at) VALUES (?, ?, nullif(?, 0), nullif(?, 0), ?, ?, ?, ?)"
		    " ON CONFLICT (kind, scope, name) DO UPDATE SET value = excluded.value,"
		    " name = excluded.name, updated_at = excluded.updated_at",
		    "ttiittbw", value_kind_text(k), scope->owner, scope->repo_id,
		    scope->environment_id, key, name, value.ptr, value.len, now) < 0)
		return -1;
	return store_commit(&tx, e);
}

int store_value_delete(struct store *s, enum value_kind k, const struct value_scope *scope,
	const char *name, struct err *e)
{
	CLEAN_STR char *key = scope_key(scope);

	if (sql_run(s, e, "DELETE FROM scoped_values WHERE kind = ? AND scope = ? AND name = ?",
		    "ttt", value_kind_text(k), key, name) < 0)
		return -1;
	return sql_changes(s) ? 0
			      : err_set(e, ERR_NOT_FOUND, "there is no %s %s in this scope",
					value_kind_text(k), name);
}

int store_value_list(struct store *s, enum value_kind k, const struct value_scope *scope,
	struct value_list *ret, struct err *e)
{
	CLEAN_STR char *key = scope_key(scope);
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &value_type,
		    "FROM scoped_values v WHERE v.kind = ? AND v.scope = ? ORDER BY v.name", "tt",
		    value_kind_text(k), key) < 0)
		return -1;
	return LIST_READ(&q, &value_type, ret, e);
}

/* ---- what a job gets ---- */

static struct value_row *find(struct value_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcasecmp(l->v[i].name, name) == 0)
			return &l->v[i];
	return NULL;
}

/* What the narrower scope has replaces what is there. */
static int scope_over(struct store *s, enum value_kind k, const struct value_scope *scope,
	struct value_list *ret, struct err *e)
{
	CLEANUP(value_list_release) struct value_list l = { 0 };

	if (store_value_list(s, k, scope, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		struct value_row *there = find(ret, l.v[i].name);

		if (there)
			row_release(&value_type, there);
		else
			there = LIST_ADD(ret);
		*there = l.v[i];
		l.v[i] = (struct value_row){ 0 };
	}
	return 0;
}

/* The owner of the repository and the environment's id (0: none, or there is none of the name). */
static int scopes_of(struct store *s, int64_t repo_id, const char *environment, char **ret_owner,
	int64_t *ret_environment, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT owner, coalesce((SELECT id FROM environments WHERE repo_id = r.id"
		    " AND name = ?2), 0) FROM repositories r WHERE id = ?1",
		    "it", repo_id, environment) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc > 0) {
		*ret_owner = col_text(&q, 0);
		*ret_environment = col_int(&q, 1);
		return 0;
	}
	return rc < 0 ? -1 : err_set(e, ERR_NOT_FOUND, "there is no such repository");
}

int store_value_visible(struct store *s, enum value_kind k, int64_t repo_id,
	const char *environment, struct value_list *ret, struct err *e)
{
	CLEAN_STR char *owner = NULL;
	int64_t environment_id = 0;

	if (scopes_of(s, repo_id, environment, &owner, &environment_id, e) < 0)
		return -1;
	const struct value_scope scopes[] = { { 0 }, { .owner = owner }, { .repo_id = repo_id },
		{ .environment_id = environment_id } };
	size_t n = environment_id ? 4 : 3;
	for (size_t i = 0; i < n; i++)
		if (scope_over(s, k, &scopes[i], ret, e) < 0)
			return -1;
	return 0;
}

int store_variables(
	struct store *s, int64_t repo_id, const char *environment, struct pairs *ret, struct err *e)
{
	CLEANUP(value_list_release) struct value_list l = { 0 };

	if (store_value_visible(s, VALUE_VARIABLE, repo_id, environment, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		pairs_set_n(ret, l.v[i].name, l.v[i].bytes, l.v[i].len);
	return 0;
}
