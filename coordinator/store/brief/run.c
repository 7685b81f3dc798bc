/*
 * The numbers of a repository's runs have no gaps worth the name, so a span of numbers bounds what
 * one call reads, however rare the runs are that a filter lets through.
 */
#include "coordinator/store/brief/run.h"

#include <inttypes.h>

#include "base/json.h"
#include "coordinator/sql/row.h"
#include "coordinator/store/state_row.h"

/* The payload, which message_take makes the message of: databases have no words for JSON in common.
 * Those of pushes with hundreds of commits are not parsed for one line. */
#define MESSAGE "CASE WHEN length(event_payload) < 65536 THEN event_payload END"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, run_brief, id),
	COLUMN("run_index", COLUMN_INT, run_brief, run_index),
	COLUMN("attempt", COLUMN_INT, run_brief, attempt),
	COLUMN("pull_number", COLUMN_INT, run_brief, pull_number),
	COLUMN("workflow_name", COLUMN_TEXT, run_brief, workflow_name),
	COLUMN("run_name", COLUMN_TEXT, run_brief, run_name),
	COLUMN("event", COLUMN_TEXT, run_brief, event),
	COLUMN("head_sha", COLUMN_TEXT, run_brief, head_sha),
	COLUMN("head_ref", COLUMN_TEXT, run_brief, head_ref),
	COLUMN("actor", COLUMN_TEXT, run_brief, actor),
	COLUMN(MESSAGE, COLUMN_TEXT, run_brief, message),
	COLUMN("awaits_approval", COLUMN_BOOL, run_brief, awaits_approval),
	COLUMN_STATUS("status", run_brief, state.status),
	COLUMN_CONCLUSION("conclusion", run_brief, state.conclusion),
	COLUMN("created_at", COLUMN_WALL, run_brief, created_at),
	COLUMN("started_at", COLUMN_WALL, run_brief, started_at),
	COLUMN("completed_at", COLUMN_WALL, run_brief, completed_at),
};
static const struct row_type brief_type = ROW_TYPE(run_brief, columns);

void run_brief_release(struct run_brief *b)
{
	row_release(&brief_type, b);
}

void run_briefs_release(struct run_briefs *l)
{
	LIST_RELEASE(&brief_type, l);
}

const char *run_brief_word(const struct run_brief *b)
{
	bool waits = b->awaits_approval && b->state.status == STATUS_QUEUED;

	return waits ? "waiting" : state_word(b->state);
}

/* A payload that is no JSON says nothing. */
static void message_take(struct run_brief *b)
{
	CLEAN_STR char *payload = TAKE(b->message);
	CLEAN_JSON struct json_doc *d =
		payload ? json_parse(payload, strlen(payload), NULL, NULL) : NULL;

	if (!d)
		return;
	const char *of_commit = json_get_string(json_get(json_root(d), "head_commit"), "message");
	b->message = xstrdup(
		of_commit ? of_commit
			  : json_get_string(json_get(json_root(d), "pull_request"), "title"));
}

int store_run_brief(struct store *s, int64_t run_id, struct run_brief *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &brief_type, "FROM workflow_runs WHERE id = ?", "i", run_id) < 0)
		return -1;
	int rc = row_next(&q, &brief_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "run %" PRId64 " does not exist", run_id);
	message_take(ret);
	return rc < 0 ? -1 : 0;
}

/* The number above the newest run. */
static int newest_index(struct store *s, int64_t repo_id, int64_t *ret, struct err *e)
{
	*ret = 0;
	return sql_int(s, ret, e,
		"SELECT coalesce(max(run_index), 0) + 1 FROM workflow_runs WHERE repo_id = ?", "i",
		repo_id);
}

int store_run_briefs(struct store *s, const struct run_brief_spec *spec, struct run_briefs *ret,
	int64_t *ret_next, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	int64_t before = spec->before;

	if (!before && newest_index(s, spec->repo_id, &before, e) < 0)
		return -1;
	int64_t from = before > RUN_BRIEFS_WALKED ? before - RUN_BRIEFS_WALKED : 1;
	if (row_select(s, &q, e, &brief_type,
		    "FROM workflow_runs WHERE repo_id = ?1 AND run_index < ?2 AND run_index >= ?3"
		    " AND (?4 IS NULL OR head_ref IN (?4, 'refs/heads/' || ?4, 'refs/tags/' || ?4))"
		    " AND (?5 IS NULL OR event = ?5) AND (?6 IS NULL OR conclusion = ?6 OR ?6 ="
		    " CASE WHEN status = 'queued' AND awaits_approval <> 0 THEN 'waiting' ELSE "
		    "status END)"
		    " AND (?7 IS NULL OR actor = ?7 COLLATE NOCASE)"
		    " ORDER BY run_index DESC LIMIT ?8",
		    "iiitttti", spec->repo_id, before, from, spec->branch, spec->event, spec->state,
		    spec->actor, spec->limit) < 0)
		return -1;
	if (LIST_READ(&q, &brief_type, ret, e) < 0)
		return -1;
	for (size_t i = 0; i < ret->n; i++)
		message_take(&ret->v[i]);
	bool full = (int64_t)ret->n == spec->limit;
	*ret_next = full ? ret->v[ret->n - 1].run_index : from;
	if (*ret_next <= 1)
		*ret_next = 0;
	return 0;
}
