/*
 * A hook waits as a whole after a failure (next_at), as its changes go out in order. What was given
 * up stays in the table with its reason, so that the operator sees it.
 */
#include "coordinator/store/webhook.h"

#include <inttypes.h>

#include "base/codec.h"
#include "coordinator/sql/row.h"
#include "coordinator/store/state_row.h"

#define WAITS "d.hook_id = h.id AND d.done_at IS NULL"
static const struct column columns[] = {
	COLUMN("h.id", COLUMN_INT, webhook_row, id),
	COLUMN("coalesce(h.repo_id, 0)", COLUMN_INT, webhook_row, repo_id),
	COLUMN("(SELECT r.owner || '/' || r.name FROM repositories r WHERE r.id = h.repo_id)",
		COLUMN_TEXT, webhook_row, repo),
	COLUMN("h.url", COLUMN_TEXT, webhook_row, url),
	COLUMN("h.format", COLUMN_TEXT, webhook_row, format),
	COLUMN("h.events", COLUMN_INT, webhook_row, events),
	COLUMN("h.public_only", COLUMN_BOOL, webhook_row, public_only),
	{ "h.sealed", COLUMN_BYTES, offsetof(struct webhook_row, sealed),
		offsetof(struct webhook_row, sealed_len) },
	COLUMN("h.failures", COLUMN_INT, webhook_row, failures),
	COLUMN("h.created_at", COLUMN_WALL, webhook_row, created_at),
	COLUMN("h.next_at", COLUMN_WALL, webhook_row, next_at),
	COLUMN("coalesce(h.sender, 0)", COLUMN_INT, webhook_row, sender),
};
static const struct row_type webhook_type = ROW_TYPE(webhook_row, columns);

static const struct column delivery_columns[] = {
	COLUMN("id", COLUMN_INT, delivery_row, id),
	COLUMN("hook_id", COLUMN_INT, delivery_row, hook_id),
	COLUMN("guid", COLUMN_TEXT, delivery_row, guid),
	COLUMN("event", COLUMN_TEXT, delivery_row, event),
	COLUMN("coalesce(run_id, 0)", COLUMN_INT, delivery_row, run_id),
	COLUMN("coalesce(job_id, 0)", COLUMN_INT, delivery_row, job_id),
	COLUMN("status IS NOT NULL", COLUMN_BOOL, delivery_row, has_state),
	COLUMN_STATUS("coalesce(status, 'queued')", delivery_row, state.status),
	COLUMN_CONCLUSION("conclusion", delivery_row, state.conclusion),
	COLUMN("coalesce(runner_id, 0)", COLUMN_INT, delivery_row, runner_id),
	COLUMN("changed_at", COLUMN_WALL, delivery_row, changed_at),
	COLUMN("tried_at", COLUMN_WALL, delivery_row, tried_at),
	COLUMN("done_at", COLUMN_WALL, delivery_row, done_at),
	COLUMN("attempts", COLUMN_INT, delivery_row, attempts),
	COLUMN("coalesce(answer, 0)", COLUMN_INT, delivery_row, answer),
	COLUMN("problem", COLUMN_TEXT, delivery_row, problem),
	COLUMN("outcome", COLUMN_TEXT, delivery_row, outcome),
};
static const struct row_type delivery_type = ROW_TYPE(delivery_row, delivery_columns);

void webhook_row_release(struct webhook_row *r)
{
	row_release(&webhook_type, r);
}

void webhook_list_release(struct webhook_list *l)
{
	LIST_RELEASE(&webhook_type, l);
}

void delivery_row_release(struct delivery_row *r)
{
	row_release(&delivery_type, r);
}

void delivery_list_release(struct delivery_list *l)
{
	LIST_RELEASE(&delivery_type, l);
}

char *webhook_context(int64_t repo_id, const char *url)
{
	return xasprintf("webhook:%" PRId64 ":%s", repo_id, url);
}

/* ---- hooks ---- */

/* The hook of that place and URL: 1, 0, -1. */
static int hook_find(
	struct store *s, const struct webhook_spec *spec, int64_t *ret_id, struct err *e)
{
	return sql_int(s, ret_id, e,
		"SELECT id FROM webhooks WHERE coalesce(repo_id, 0) = ? AND url = ?", "it",
		spec->repo_id, spec->url);
}

static int hook_add(struct store *s, const struct webhook_spec *spec, struct wall now,
	int64_t *ret_id, struct err *e)
{
	int64_t have = 0;

	if (sql_int(s, &have, e, "SELECT count(*) FROM webhooks WHERE coalesce(repo_id, 0) = ?",
		    "i", spec->repo_id) < 0)
		return -1;
	if (have >= WEBHOOKS_PLACE)
		return err_set(
			e, ERR_LIMIT, "there are at most %d webhooks in one place", WEBHOOKS_PLACE);
	return sql_int(s, ret_id, e,
		       "INSERT INTO webhooks (repo_id, url, format, events, sealed, created_at,"
		       " public_only) VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?) RETURNING id",
		       "ittibwy", spec->repo_id, spec->url, spec->format, spec->events,
		       spec->sealed, spec->sealed_len, now, spec->public_only) < 0
		       ? -1
		       : 0;
}

int store_webhook_set(struct store *s, const struct webhook_spec *spec, struct wall now,
	int64_t *ret_id, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0)
		return -1;
	int rc = hook_find(s, spec, ret_id, e);
	if (rc == 0)
		rc = hook_add(s, spec, now, ret_id, e);
	else if (rc > 0)
		rc = sql_run(s, e,
			"UPDATE webhooks SET format = ?2, events = ?3, sealed = ?4, failures = 0,"
			" next_at = 0, public_only = ?5 WHERE id = ?1",
			"itiby", *ret_id, spec->format, spec->events, spec->sealed,
			spec->sealed_len, spec->public_only);
	return rc < 0 ? -1 : store_commit(&tx, e);
}

static int hook_counts(struct store *s, struct webhook_row *r, struct err *e)
{
	if (sql_int(s, &r->waiting, e,
		    "SELECT count(*) FROM webhook_deliveries WHERE hook_id = ? AND done_at IS NULL",
		    "i", r->id) < 0 ||
		sql_int(s, &r->dead, e,
			"SELECT count(*) FROM webhook_deliveries WHERE hook_id = ?"
			" AND outcome = 'dead'",
			"i", r->id) < 0)
		return -1;
	return 0;
}

int store_webhook_get(struct store *s, int64_t id, struct webhook_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &webhook_type, "FROM webhooks h WHERE h.id = ?", "i", id) < 0)
		return -1;
	int rc = row_next(&q, &webhook_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "webhook %" PRId64 " does not exist", id);
	return rc < 0 ? -1 : hook_counts(s, ret, e);
}

int store_webhook_list(struct store *s, struct webhook_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &webhook_type, "FROM webhooks h ORDER BY h.id", "") < 0 ||
		LIST_READ(&q, &webhook_type, ret, e) < 0)
		return -1;
	for (size_t i = 0; i < ret->n; i++)
		if (hook_counts(s, &ret->v[i], e) < 0)
			return -1;
	return 0;
}

int store_webhook_delete(struct store *s, int64_t id, struct err *e)
{
	if (sql_run(s, e, "DELETE FROM webhooks WHERE id = ?", "i", id) < 0)
		return -1;
	if (!sql_changes(s))
		return err_set(e, ERR_NOT_FOUND, "webhook %" PRId64 " does not exist", id);
	return 0;
}

int store_webhook_ping(
	struct store *s, int64_t id, struct wall now, int64_t *ret_delivery, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	unsigned char number[16];
	char guid[2 * sizeof(number) + 1];

	random_bytes(number, sizeof(number));
	hex_encode(number, sizeof(number), guid);
	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e, "UPDATE webhooks SET failures = 0, next_at = 0 WHERE id = ?", "i",
			id) < 0)
		return -1;
	if (!sql_changes(s))
		return err_set(e, ERR_NOT_FOUND, "webhook %" PRId64 " does not exist", id);
	if (sql_int(s, ret_delivery, e,
		    "INSERT INTO webhook_deliveries (hook_id, guid, event, changed_at)"
		    " VALUES (?, ?, 'ping', ?) RETURNING id",
		    "itw", id, guid, now) < 0)
		return -1;
	return store_commit(&tx, e);
}

/* ---- the outbox ---- */

int store_delivery_list(struct store *s, int64_t hook_id, const struct page *page,
	struct delivery_list *ret, int64_t *ret_total, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_int(s, ret_total, e, "SELECT count(*) FROM webhook_deliveries WHERE hook_id = ?",
		    "i", hook_id) < 0 ||
		row_select(s, &q, e, &delivery_type,
			"FROM webhook_deliveries WHERE hook_id = ? AND id < ? ORDER BY id DESC"
			" LIMIT ?",
			"iii", hook_id, page_below(page), page->limit) < 0)
		return -1;
	return LIST_READ(&q, &delivery_type, ret, e);
}

int store_delivery_get(struct store *s, int64_t id, struct delivery_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &delivery_type, "FROM webhook_deliveries WHERE id = ?", "i", id) <
		0)
		return -1;
	int rc = row_next(&q, &delivery_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "delivery %" PRId64 " does not exist", id);
	return rc < 0 ? -1 : 0;
}

int store_webhook_due(struct store *s, struct wall now, struct webhook_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &webhook_type,
		    "FROM webhooks h WHERE h.next_at <= ? AND EXISTS"
		    " (SELECT 1 FROM webhook_deliveries d WHERE " WAITS ") ORDER BY h.next_at",
		    "w", now) < 0)
		return -1;
	return LIST_READ(&q, &webhook_type, ret, e);
}

int store_delivery_next(struct store *s, int64_t hook_id, struct delivery_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &delivery_type,
		    "FROM webhook_deliveries WHERE hook_id = ? AND done_at IS NULL"
		    " ORDER BY id LIMIT 1",
		    "i", hook_id) < 0)
		return -1;
	return row_next(&q, &delivery_type, ret, e);
}

int store_webhook_take(struct store *s, int64_t id, int64_t instance, struct err *e)
{
	if (sql_run(s, e,
		    "UPDATE webhooks SET sender = ?2 WHERE id = ?1 AND (coalesce(sender, 0) = ?2"
		    " OR coalesce(sender, 0) NOT IN (SELECT v.id FROM live_instances v))",
		    "ii", id, instance) < 0)
		return -1;
	return sql_changes(s) > 0;
}

int store_webhooks_free(struct store *s, int64_t instance, struct err *e)
{
	return sql_run(s, e, "UPDATE webhooks SET sender = NULL WHERE coalesce(sender, 0) = ?", "i",
		instance);
}

int store_delivery_tried(struct store *s, const struct delivery_result *r, struct err *e)
{
	CLEAN_TX struct store_tx tx = { 0 };
	const char *outcome = r->delivered ? "delivered" : r->dead ? "dead" : NULL;
	struct wall done = outcome ? r->now : (struct wall){ 0 };

	if (store_begin(s, &tx, e) < 0 ||
		sql_run(s, e,
			"UPDATE webhook_deliveries SET attempts = attempts + ?2, tried_at = ?3,"
			" answer = nullif(?4, 0), problem = ?5, outcome = ?6, done_at = ?7"
			" WHERE id = ?1 AND done_at IS NULL",
			"iiwittw", r->id, (int64_t)r->answered, r->now, r->answer, r->problem,
			outcome, done) < 0)
		return -1;
	if (!sql_changes(s)) /* another serve has sent it since */
		return store_commit(&tx, e);
	if (sql_run(s, e,
		    "UPDATE webhooks SET failures = CASE WHEN ?2 <> 0 THEN 0 ELSE failures + 1 END,"
		    " next_at = coalesce(?3, 0) WHERE id = ?1",
		    "iyw", r->hook_id, r->delivered, r->next_at) < 0)
		return -1;
	return store_commit(&tx, e);
}

int store_deliveries_give_up(struct store *s, int64_t hook_id, struct wall now, struct err *e)
{
	struct wall oldest = { now.us - WEBHOOK_AGE_US };

	if (sql_run(s, e,
		    "UPDATE webhook_deliveries SET outcome = 'dead', done_at = ?2,"
		    " problem = 'given up after a day: ' || coalesce(problem, 'not tried')"
		    " WHERE hook_id = ?1 AND done_at IS NULL AND changed_at <= ?3",
		    "iww", hook_id, now, oldest) < 0)
		return -1;
	return sql_run(s, e,
		"UPDATE webhook_deliveries SET outcome = 'dead', done_at = ?2,"
		" problem = 'given up: too many wait: ' || coalesce(problem, 'not tried')"
		" WHERE hook_id = ?1 AND done_at IS NULL AND id <= (SELECT id FROM"
		" webhook_deliveries WHERE hook_id = ?1 AND done_at IS NULL"
		" ORDER BY id DESC LIMIT 1 OFFSET ?3)",
		"iwi", hook_id, now, (int64_t)WEBHOOK_WAITING);
}

int store_deliveries_prune(struct store *s, struct wall now, struct err *e)
{
	struct wall before = { now.us - WEBHOOK_KEPT_US };

	return sql_run(s, e,
		"DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries"
		" WHERE done_at IS NOT NULL AND done_at < ? ORDER BY done_at LIMIT 1000)",
		"w", before);
}
