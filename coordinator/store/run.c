/*
 * Reading runs. A run is written by coordinator/queue/run_create.c, and its state by settle.c
 * alone: it is always what the states of its jobs make of it.
 */
#include "coordinator/store/run.h"

#include <inttypes.h>
#include <stdio.h>

#include "coordinator/sql/row.h"
#include "coordinator/store/state_row.h"

static const struct column columns[] = {
	COLUMN("id", COLUMN_INT, run_row, id),
	COLUMN("repo_id", COLUMN_INT, run_row, repo_id),
	COLUMN("run_index", COLUMN_INT, run_row, run_index),
	COLUMN("coalesce(parent_run_id, 0)", COLUMN_INT, run_row, parent_run_id),
	COLUMN("workflow_file", COLUMN_TEXT, run_row, workflow_file),
	COLUMN("workflow_name", COLUMN_TEXT, run_row, workflow_name),
	COLUMN("event", COLUMN_TEXT, run_row, event),
	COLUMN("event_payload", COLUMN_TEXT, run_row, event_payload),
	COLUMN("head_sha", COLUMN_TEXT, run_row, head_sha),
	COLUMN("head_ref", COLUMN_TEXT, run_row, head_ref),
	COLUMN("actor", COLUMN_TEXT, run_row, actor),
	COLUMN("run_name", COLUMN_TEXT, run_row, run_name),
	COLUMN("problems", COLUMN_TEXT, run_row, problems),
	COLUMN("refused", COLUMN_BOOL, run_row, refused),
	COLUMN("inputs", COLUMN_TEXT, run_row, inputs),
	COLUMN("attempt", COLUMN_INT, run_row, attempt),
	COLUMN("coalesce(first_actor, actor)", COLUMN_TEXT, run_row, first_actor),
	COLUMN("cancels", COLUMN_INT, run_row, cancels),
	COLUMN("concurrency_group", COLUMN_TEXT, run_row, concurrency_group),
	COLUMN("cancel_in_progress", COLUMN_BOOL, run_row, cancel_in_progress),
	COLUMN("pending", COLUMN_BOOL, run_row, pending),
	COLUMN("reason", COLUMN_TEXT, run_row, reason),
	COLUMN("pull_number", COLUMN_INT, run_row, pull_number),
	COLUMN("pull_head", COLUMN_TEXT, run_row, pull_head),
	COLUMN("trust", COLUMN_INT, run_row, trust),
	COLUMN("awaits_approval", COLUMN_BOOL, run_row, awaits_approval),
	COLUMN("approved_by", COLUMN_TEXT, run_row, approved_by),
	COLUMN("approve_reason", COLUMN_TEXT, run_row, approve_reason),
	COLUMN("approved_at", COLUMN_WALL, run_row, approved_at),
	COLUMN_STATUS("status", run_row, state.status),
	COLUMN_CONCLUSION("conclusion", run_row, state.conclusion),
	COLUMN("created_at", COLUMN_WALL, run_row, created_at),
	COLUMN("started_at", COLUMN_WALL, run_row, started_at),
	COLUMN("completed_at", COLUMN_WALL, run_row, completed_at),
};
static const struct row_type run_type = ROW_TYPE(run_row, columns);

void run_row_release(struct run_row *r)
{
	row_release(&run_type, r);
}

void run_list_release(struct run_list *l)
{
	LIST_RELEASE(&run_type, l);
}

bool run_gets_secrets(const struct run_row *r)
{
	switch ((enum run_trust)r->trust) {
	case TRUST_OWN:
	case TRUST_APPROVED:
		return true;
	case TRUST_UNTRUSTED:
		return false;
	case TRUST_BY_EVENT:
		break;
	}
	return !str_starts(r->event, "pull_request");
}

const char *run_status_text(const struct run_row *r)
{
	bool waits = r->awaits_approval && r->state.status == STATUS_QUEUED;

	return waits ? "waiting" : status_text(r->state.status);
}

const char *run_state_word(const struct run_row *r)
{
	return r->state.conclusion == CONCLUSION_NONE ? run_status_text(r) : state_word(r->state);
}

const char *run_trust_text(const struct run_row *r)
{
	static const char *const names[] = { [TRUST_BY_EVENT] = "untrusted",
		[TRUST_OWN] = "trusted",
		[TRUST_UNTRUSTED] = "untrusted",
		[TRUST_APPROVED] = "approved" };

	return r->pull_number && r->trust >= 0 && r->trust < (int64_t)ARRAY_LEN(names)
		       ? names[r->trust]
		       : NULL;
}

#define CHECKED_SHA "coalesce(pull_head, head_sha)"

const char *run_checked_sha(const struct run_row *r)
{
	return r->pull_head ? r->pull_head : r->head_sha;
}

int store_run_get(struct store *s, int64_t id, struct run_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &run_type, "FROM workflow_runs WHERE id = ?", "i", id) < 0)
		return -1;
	int rc = row_next(&q, &run_type, ret, e);
	if (rc == 0)
		return err_set(e, ERR_NOT_FOUND, "run %" PRId64 " does not exist", id);
	return rc < 0 ? -1 : 0;
}

int store_run_list(
	struct store *s, int64_t repo_id, int64_t limit, struct run_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &run_type,
		    "FROM workflow_runs WHERE ?1 = 0 OR repo_id = ?1 ORDER BY id DESC LIMIT ?2",
		    "ii", repo_id, limit) < 0)
		return -1;
	return LIST_READ(&q, &run_type, ret, e);
}

/* Filters that were not given cost nothing: newest first, the rows of a page are soon found. */
#define FILTERED                                                                                \
	"FROM workflow_runs WHERE (?1 = 0 OR repo_id = ?1)"                                     \
	" AND (?2 IS NULL OR conclusion = ?2 OR ?2 ="                                           \
	" CASE WHEN status = 'queued' AND awaits_approval <> 0 THEN 'waiting' ELSE status END)" \
	" AND (?3 IS NULL OR head_ref IN (?3, 'refs/heads/' || ?3, 'refs/tags/' || ?3))"        \
	" AND (?4 IS NULL OR event = ?4) AND (?5 IS NULL OR actor = ?5 COLLATE NOCASE)"         \
	" AND (?6 IS NULL OR workflow_name = ?6 OR workflow_file = ?6"                          \
	" OR substr(workflow_file, length(workflow_file) - length(?6)) = '/' || ?6)"

int store_run_find(struct store *s, const struct run_filter *f, const struct page *page,
	struct run_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &run_type, FILTERED " AND id < ?8 ORDER BY id DESC LIMIT ?7",
		    "itttttii", f->repo_id, f->state, f->branch, f->event, f->actor, f->workflow,
		    page->limit, page_below(page)) < 0)
		return -1;
	return LIST_READ(&q, &run_type, ret, e);
}

int store_run_count(struct store *s, const struct run_filter *f, int64_t *ret, struct err *e)
{
	return sql_int(s, ret, e, "SELECT count(*) " FILTERED, "ittttt", f->repo_id, f->state,
		f->branch, f->event, f->actor, f->workflow);
}

/* ---- of a commit, of a ref ---- */

/* The first commit with a run from `from` on: 1, 0 none, -1. */
static int sha_from(
	struct store *s, int64_t repo_id, const char *from, char out[RUN_SHA_MAX], struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT " CHECKED_SHA " FROM workflow_runs WHERE repo_id = ?"
		    " AND " CHECKED_SHA " >= ? ORDER BY " CHECKED_SHA " LIMIT 1",
		    "it", repo_id, from) < 0)
		return -1;
	int rc = sql_next(&q, e);
	if (rc <= 0)
		return rc;
	CLEAN_STR char *found = col_text(&q, 0);
	snprintf(out, RUN_SHA_MAX, "%s", found ? found : "");
	return 1;
}

static int sha_complete(
	struct store *s, int64_t repo_id, size_t digits, char out[RUN_SHA_MAX], struct err *e)
{
	char found[RUN_SHA_MAX], next[RUN_SHA_MAX + 1], second[RUN_SHA_MAX];
	int rc = sha_from(s, repo_id, out, found, e);

	if (rc < 0)
		return -1;
	if (rc == 0 || strncmp(found, out, digits) != 0)
		return err_set(e, ERR_NOT_FOUND, "no commit %s has a run here", out);
	snprintf(next, sizeof(next), "%s0", found); /* the smallest text above it */
	rc = sha_from(s, repo_id, next, second, e);
	if (rc < 0)
		return -1;
	if (rc > 0 && strncmp(second, out, digits) == 0)
		return err_set(e, ERR_CONFLICT, "commit %s is ambiguous: %s and %s fit", out, found,
			second);
	memcpy(out, found, RUN_SHA_MAX);
	return 0;
}

int store_run_sha(
	struct store *s, int64_t repo_id, const char *text, char out[RUN_SHA_MAX], struct err *e)
{
	size_t n = strlen(text);

	if (n < RUN_SHA_LEAST || n >= RUN_SHA_MAX || strspn(text, "0123456789abcdefABCDEF") != n)
		return err_set(e, ERR_INPUT, "commit \"%.50s\": expected %d to %d hex digits", text,
			RUN_SHA_LEAST, RUN_SHA_MAX - 1);
	for (size_t i = 0; i <= n; i++)
		out[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] | 0x20 : text[i]);
	return n == RUN_SHA_MAX - 1 ? 0 : sha_complete(s, repo_id, n, out, e);
}

#define HEAD_AFTER(column, key, marks)                                                        \
	"FROM workflow_runs WHERE repo_id = ? AND " column " = ? AND (" key ") > (" marks ")" \
	" ORDER BY " key ", id DESC LIMIT 1"

/* A commit may have any number of runs (a schedule adds one each time), so the index is entered
 * anew for each file and event; and for each name, as what a base requires runs from the same file
 * (trigger/required.h). On a branch a name may change with a commit: the newest counts. */
static int head_after(struct store *s, int64_t repo_id, enum run_heads of, const char *which,
	const struct run_row *last, struct run_row *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	const char *file = last ? last->workflow_file : "", *event = last ? last->event : "";
	const char *name = last ? last->workflow_name : "";
	int rc = of == RUNS_OF_COMMIT
			 ? row_select(s, &q, e, &run_type,
				   HEAD_AFTER(CHECKED_SHA, "workflow_file, event, workflow_name",
					   "?, ?, ?"),
				   "itttt", repo_id, which, file, event, name)
			 : row_select(s, &q, e, &run_type,
				   HEAD_AFTER("head_ref", "workflow_file, event", "?, ?"), "ittt",
				   repo_id, which, file, event);

	return rc < 0 ? -1 : row_next(&q, &run_type, ret, e);
}

int store_run_heads(struct store *s, int64_t repo_id, enum run_heads of, const char *which,
	struct run_list *ret, struct err *e)
{
	for (;;) {
		struct run_row next = { 0 };
		int rc = head_after(
			s, repo_id, of, which, ret->n ? &ret->v[ret->n - 1] : NULL, &next, e);

		if (rc <= 0) {
			run_row_release(&next);
			return rc;
		}
		*LIST_ADD(ret) = next;
	}
}
