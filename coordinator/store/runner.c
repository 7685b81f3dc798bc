/*
 * Runners and their registration tokens. A runner's row outlives its tokens: rotating revokes them
 * and adds one, revoking the runner revokes them all and stays for the record. How many jobs it has
 * is counted from the jobs each time, so that no counter can be wrong after a crash.
 */
#include "coordinator/store/runner.h"

#include <inttypes.h>

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("r.id", COLUMN_INT, runner_row, id),
	COLUMN("r.name", COLUMN_TEXT, runner_row, name),
	COLUMN("r.labels", COLUMN_STRV, runner_row, labels),
	COLUMN("r.allowed_labels", COLUMN_STRV, runner_row, allowed_labels),
	COLUMN("r.refused_labels", COLUMN_STRV, runner_row, refused_labels),
	COLUMN("r.scope_owner", COLUMN_TEXT, runner_row, scope_owner),
	COLUMN("coalesce(r.scope_repo_id, 0)", COLUMN_INT, runner_row, scope_repo_id),
	COLUMN("(SELECT o.owner || '/' || o.name FROM repositories o WHERE o.id = r.scope_repo_id)",
		COLUMN_TEXT, runner_row, scope_repo),
	COLUMN("r.capacity", COLUMN_INT, runner_row, capacity),
	COLUMN("r.host_name", COLUMN_TEXT, runner_row, host_name),
	COLUMN("r.version", COLUMN_TEXT, runner_row, version),
	COLUMN("r.created_at", COLUMN_WALL, runner_row, created_at),
	COLUMN("r.last_heartbeat_at", COLUMN_WALL, runner_row, last_heartbeat_at),
	COLUMN("r.offline_at", COLUMN_WALL, runner_row, offline_at),
	COLUMN("r.drained_at", COLUMN_WALL, runner_row, drained_at),
	COLUMN("r.drain_reason", COLUMN_TEXT, runner_row, drain_reason),
	COLUMN("r.revoked_at", COLUMN_WALL, runner_row, revoked_at),
	COLUMN("r.freed_at", COLUMN_WALL, runner_row, freed_at),
	COLUMN("r.revoke_reason", COLUMN_TEXT, runner_row, revoke_reason),
	COLUMN("r.trouble", COLUMN_TEXT, runner_row, trouble),
	COLUMN("r.trouble_text", COLUMN_TEXT, runner_row, trouble_text),
	COLUMN("r.trouble_since", COLUMN_WALL, runner_row, trouble_since),
	COLUMN("r.trouble_at", COLUMN_WALL, runner_row, trouble_at),
	COLUMN("coalesce(r.heartbeat_instance, 0)", COLUMN_INT, runner_row, heartbeat_instance),
	COLUMN("r.beats", COLUMN_INT, runner_row, beats),
	COLUMN("r.beats_since", COLUMN_WALL, runner_row, beats_since),
	COLUMN("(SELECT count(*) FROM workflow_jobs j"
	       " WHERE j.runner_id = r.id AND j.status = 'running')",
		COLUMN_INT, runner_row, active_jobs),
};
static const struct row_type runner_type = ROW_TYPE(runner_row, columns);

void runner_row_release(struct runner_row *r)
{
	row_release(&runner_type, r);
}

void runner_list_release(struct runner_list *l)
{
	LIST_RELEASE(&runner_type, l);
}

static int token_add(struct store *s, int64_t runner_id, const unsigned char sha[SHA256_LEN],
	struct wall now, struct wall expires_at, struct err *e)
{
	return sql_run(s, e,
		"INSERT INTO runner_tokens (runner_id, token_sha256, created_at, expires_at)"
		" VALUES (?, ?, ?, ?)",
		"ibww", runner_id, sha, (size_t)SHA256_LEN, now, expires_at);
}

static int tokens_revoke(struct store *s, int64_t runner_id, struct wall now, struct err *e)
{
	return sql_run(s, e,
		"UPDATE runner_tokens SET revoked_at = ?2 WHERE runner_id = ?1"
		" AND revoked_at IS NULL",
		"iw", runner_id, now);
}

int store_runner_register(struct store *s, const char *name, const struct strv *labels,
	int64_t capacity, const unsigned char token_sha[SHA256_LEN], struct wall now,
	struct wall expires_at, int64_t *ret_id, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0)
		return -1;
	struct err why = { 0 };
	int64_t id = 0;
	if (sql_int(s, &id, &why,
		    "INSERT INTO runners (name, labels, allowed_labels, capacity, created_at)"
		    " VALUES (?1, ?2, ?2, ?3, ?4) RETURNING id",
		    "tviw", name, labels, capacity, now) < 0) {
		if (err_is(&why, ERR_CONFLICT))
			return err_set(e, ERR_CONFLICT, "runner \"%s\" already exists", name);
		return err_set(e, why.class, "%s", why.text);
	}
	if (token_add(s, id, token_sha, now, expires_at, e) < 0 || store_commit(&tx, e) < 0)
		return -1;
	*ret_id = id;
	return 0;
}

int store_runner_by_token(struct store *s, const unsigned char sha[SHA256_LEN], struct wall now,
	struct runner_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &runner_type,
		    "FROM runner_tokens t JOIN runners r ON r.id = t.runner_id"
		    " WHERE t.token_sha256 = ? AND t.revoked_at IS NULL AND r.revoked_at IS NULL"
		    " AND (t.expires_at IS NULL OR t.expires_at > ?)",
		    "bw", sha, (size_t)SHA256_LEN, now) < 0)
		return -1;
	int rc = row_next(&q, &runner_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_AUTH, "runner token is unknown, expired or revoked");
	return rc < 0 ? -1 : 0;
}

int store_runner_get(struct store *s, int64_t id, struct runner_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &runner_type, "FROM runners r WHERE r.id = ?", "i", id) < 0)
		return -1;
	int rc = row_next(&q, &runner_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "runner %" PRId64 " does not exist", id);
	return rc < 0 ? -1 : 0;
}

int store_runner_list(struct store *s, struct runner_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &runner_type, "FROM runners r ORDER BY r.id", "") < 0)
		return -1;
	return LIST_READ(&q, &runner_type, ret, e);
}

int store_runner_heartbeat(
	struct store *s, int64_t id, const struct runner_report *h, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0)
		return -1;
	if (sql_run(s, e,
		    "UPDATE runners SET last_heartbeat_at = ?2, offline_at = NULL,"
		    " trouble = NULL, trouble_text = NULL, trouble_since = NULL,"
		    " trouble_at = NULL,"
		    " beats = CASE WHEN beats_since BETWEEN ?6 AND ?2 THEN beats + 1 ELSE 1 END,"
		    " beats_since = CASE WHEN beats_since BETWEEN ?6 AND ?2 THEN beats_since"
		    " ELSE ?2 END,"
		    " capacity = CASE WHEN ?3 > 0 THEN ?3 ELSE capacity END, host_name = "
		    "coalesce(?4, host_name),"
		    " version = coalesce(?5, version), heartbeat_instance = nullif(?7, 0)"
		    " WHERE id = ?1",
		    "iwittii", id, now, h->capacity, h->host_name, h->version,
		    now.us - RUNNER_BEATS_US, s->instance) < 0)
		return -1;
	if (h->labels &&
		sql_run(s, e, "UPDATE runners SET labels = ?2, refused_labels = ?3 WHERE id = ?1",
			"ivv", id, h->labels, h->refused_labels) < 0)
		return -1;
	return store_commit(&tx, e);
}

/* ---- what keeps it from work ---- */

int store_runner_trouble(
	struct store *s, int64_t id, const struct runner_trouble *t, struct wall now, struct err *e)
{
	return sql_run(s, e,
		"UPDATE runners SET trouble_since = CASE WHEN trouble = ?2 THEN trouble_since"
		" ELSE ?4 END, trouble = ?2, trouble_text = ?3, trouble_at = ?5 WHERE id = ?1",
		"ittww", id, t->kind, t->text, t->since, now);
}

bool runner_troubled(const struct runner_row *r, struct wall since)
{
	return r->trouble && r->trouble_at.us > since.us;
}

const char *runner_trouble_words(const char *kind)
{
	static const struct {
		const char *kind, *words;
	} known[] = {
		{ "disk", "whose disk has been full" },
		{ "engine", "whose container engine has not answered" },
		{ "machine", "whose machine has been unable to run jobs" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(known[i].kind, kind))
			return known[i].words;
	return "which has been in trouble";
}

/* ---- what it may serve ---- */

void runner_narrow(const struct runner_row *r, const struct strv *labels, struct strv *ret_served,
	struct strv *ret_refused)
{
	strv_each (label, labels) {
		if (strv_contains(&r->allowed_labels, label))
			strv_add(ret_served, label);
		else if (ret_refused)
			strv_add(ret_refused, label);
	}
}

int store_runner_scope(
	struct store *s, int64_t id, const char *owner, int64_t repo_id, struct err *e)
{
	return sql_run(s, e,
		"UPDATE runners SET scope_owner = ?2, scope_repo_id = nullif(?3, 0) WHERE id = ?1",
		"iti", id, owner, repo_id);
}

/* ---- the verbs ---- */

/* A verb changed no row: there is no such runner, or it is revoked. */
static int runner_untouched(struct store *s, int64_t id, struct err *e)
{
	struct runner_row r = { 0 };

	if (store_runner_get(s, id, &r, e) < 0)
		return -1;
	runner_row_release(&r);
	return err_set(e, ERR_CONFLICT, "runner %" PRId64 " is revoked", id);
}

int store_runner_drain(
	struct store *s, int64_t id, const char *reason, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE runners SET drained_at = coalesce(drained_at, ?2), drain_reason = ?3"
		    " WHERE id = ?1 AND revoked_at IS NULL",
		    "iwt", id, now, reason) < 0)
		return -1;
	return sql_changes(s) ? 0 : runner_untouched(s, id, e);
}

int store_runner_set_labels(struct store *s, int64_t id, const struct strv *labels, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE runners SET allowed_labels = ?2, labels = ?2, refused_labels = '[]'"
		    " WHERE id = ?1 AND revoked_at IS NULL",
		    "iv", id, labels) < 0)
		return -1;
	return sql_changes(s) ? 0 : runner_untouched(s, id, e);
}

int store_runner_undrain(struct store *s, int64_t id, struct wall now, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE runners SET freed_at = CASE WHEN drained_at IS NULL THEN freed_at ELSE "
		    "?2 END,"
		    " drained_at = NULL, drain_reason = NULL"
		    " WHERE id = ?1 AND revoked_at IS NULL",
		    "iw", id, now) < 0)
		return -1;
	return sql_changes(s) ? 0 : runner_untouched(s, id, e);
}

int store_runner_rotate(struct store *s, int64_t id, const unsigned char sha[SHA256_LEN],
	struct wall now, struct wall expires_at, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	struct runner_row r = { 0 };

	if (store_begin(s, &tx, e) < 0 || store_runner_get(s, id, &r, e) < 0)
		return -1;
	bool revoked = r.revoked_at.us != 0;
	runner_row_release(&r);
	if (revoked)
		return err_set(e, ERR_CONFLICT, "runner %" PRId64 " is revoked", id);
	if (tokens_revoke(s, id, now, e) < 0 || token_add(s, id, sha, now, expires_at, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

int store_runner_revoke(
	struct store *s, int64_t id, const char *reason, struct wall now, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e,
			"UPDATE runners SET revoked_at = ?2, revoke_reason = ?3,"
			" offline_at = coalesce(offline_at, ?2)"
			" WHERE id = ?1 AND revoked_at IS NULL",
			"iwt", id, now, reason) < 0)
		return -1;
	if (!sql_changes(s))
		return runner_untouched(s, id, e);
	if (tokens_revoke(s, id, now, e) < 0)
		return -1;
	return store_commit(&tx, e);
}

int store_runner_freed(struct store *s, int64_t job_id, struct wall now, struct err *e)
{
	return sql_run(s, e,
		"UPDATE runners SET freed_at = ?2"
		" WHERE id = (SELECT runner_id FROM workflow_jobs WHERE id = ?1)",
		"iw", job_id, now);
}

int store_runner_cleanup_stale(
	struct store *s, struct wall before, struct wall now, int64_t *ret_count, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE runners SET offline_at = ?2 WHERE offline_at IS NULL"
		    " AND coalesce(last_heartbeat_at, created_at) < ?1",
		    "ww", before, now) < 0)
		return -1;
	*ret_count = sql_changes(s);
	return 0;
}
