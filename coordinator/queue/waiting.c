/*
 * Who waits for whom. Jobs of one repository that ask for the same labels are one row, read from an
 * index without looking at the jobs: there are few such rows however long the queue is, and whether
 * a runner may take of one is plain code (eligible.h). Whoever asks for many runners reads the rows
 * once.
 */
#include "coordinator/queue/waiting.h"

#include <stdlib.h>

#include "coordinator/queue/eligible.h"
#include "coordinator/sql/row.h"
#include "coordinator/store/run.h"
#include "coordinator/store/runner.h"

/* The least of what the levels set; 0: nothing. */
#define LEAST(a, b, c)                                                          \
	"coalesce((SELECT min(l.n) FROM (SELECT " a " AS n UNION ALL SELECT " b \
	" UNION ALL SELECT " c ") l), 0)"

static const struct column queue_columns[] = {
	COLUMN("j.repo_id", COLUMN_INT, queue_row, repo_id),
	COLUMN("j.id", COLUMN_INT, queue_row, first_id),
	COLUMN("o.owner", COLUMN_TEXT, queue_row, owner),
	COLUMN("j.runs_on", COLUMN_STRV, queue_row, labels),
	COLUMN("q.n", COLUMN_INT, queue_row, jobs),
	COLUMN("j.created_at", COLUMN_WALL, queue_row, oldest_at),
	COLUMN("q.since", COLUMN_WALL, queue_row, since),
	COLUMN("ps.disabled_at IS NOT NULL", COLUMN_BOOL, queue_row, disabled[POLICY_SITE]),
	COLUMN("po.disabled_at IS NOT NULL", COLUMN_BOOL, queue_row, disabled[POLICY_OWNER]),
	COLUMN("pr.disabled_at IS NOT NULL", COLUMN_BOOL, queue_row, disabled[POLICY_REPO]),
	COLUMN("ps.allowed_runners", COLUMN_STRV, queue_row, allowed[POLICY_SITE]),
	COLUMN("coalesce(po.allowed_runners, '[]')", COLUMN_STRV, queue_row, allowed[POLICY_OWNER]),
	COLUMN("coalesce(pr.allowed_runners, '[]')", COLUMN_STRV, queue_row, allowed[POLICY_REPO]),
	COLUMN(LEAST("ps.max_repo_concurrent_jobs", "po.max_repo_concurrent_jobs",
		       "pr.max_repo_concurrent_jobs"),
		COLUMN_INT, queue_row, repo_cap),
	COLUMN(LEAST("ps.max_owner_concurrent_jobs", "po.max_owner_concurrent_jobs", "NULL"),
		COLUMN_INT, queue_row, owner_cap),
};
static const struct row_type queue_type = ROW_TYPE(queue_row, queue_columns);
/* Behind q(id, n, since): the first job of each row, how many there are, and since when. */
#define WITH_POLICIES                                                                  \
	" JOIN workflow_jobs j ON j.id = q.id JOIN repositories o ON o.id = j.repo_id" \
	" JOIN policies ps ON ps.id = 1 LEFT JOIN policies po ON po.owner = o.owner"   \
	" LEFT JOIN policies pr ON pr.repo_id = o.id"

static const struct column waiting_columns[] = {
	COLUMN("id", COLUMN_INT, waiting_row, job_id),
	COLUMN("ready_at", COLUMN_WALL, waiting_row, since),
};
static const struct row_type waiting_type = ROW_TYPE(waiting_row, waiting_columns);

static void queue_row_release(struct queue_row *r)
{
	row_release(&queue_type, r);
}

void queue_list_release(struct queue_list *l)
{
	LIST_RELEASE(&queue_type, l);
}

/* ---- what runs, where a cap asks for it ---- */

static void running_add(struct queue_list *l, int64_t repo_id, const char *owner, int64_t n)
{
	for (size_t i = 0; i < l->n; i++) {
		struct queue_row *q = &l->v[i];

		q->repo_running += q->repo_id == repo_id ? n : 0;
		q->owner_running += strcasecmp(q->owner, owner) == 0 ? n : 0;
	}
}

static int running_fill(struct store *s, struct queue_list *l, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	bool asked = false;

	for (size_t i = 0; i < l->n; i++)
		asked = asked || l->v[i].repo_cap || l->v[i].owner_cap;
	if (!asked)
		return 0;
	if (sql_query(s, &q, e,
		    "SELECT n.repo_id, o.owner, n.n FROM (SELECT repo_id, count(*) AS n"
		    " FROM workflow_jobs WHERE status = 'running' GROUP BY repo_id) n"
		    " JOIN repositories o ON o.id = n.repo_id",
		    "") < 0)
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		CLEAN_STR char *owner = col_text(&q, 1);

		running_add(l, col_int(&q, 0), owner, col_int(&q, 2));
	}
	return rc;
}

/* ---- the rows ---- */

int store_queue(struct store *s, struct queue_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &queue_type,
		    "FROM (SELECT min(id) AS id, count(*) AS n, min(ready_at) AS since"
		    " FROM workflow_jobs"
		    " WHERE status = 'queued' AND ready = 1 GROUP BY repo_id, runs_on)"
		    " q" WITH_POLICIES " ORDER BY j.runs_on, j.repo_id",
		    "") < 0 ||
		LIST_READ(&q, &queue_type, ret, e) < 0)
		return -1;
	return running_fill(s, ret, e);
}

/* Walks the distinct pairs by index: each step is one look-up. Every claim does it, so it must not
 * read the jobs of a row: there is one index of what waits, in the order that is asked for. */
int store_queue_heads(struct store *s, struct queue_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &queue_type,
		    "FROM (WITH RECURSIVE heads(id) AS ("
		    " SELECT (SELECT id FROM workflow_jobs WHERE status = 'queued' AND ready = 1"
		    " ORDER BY repo_id, runs_on, id LIMIT 1)"
		    " UNION ALL SELECT coalesce((SELECT n.id FROM workflow_jobs n"
		    " WHERE n.status = 'queued' AND n.ready = 1 AND n.repo_id = c.repo_id"
		    " AND n.runs_on > c.runs_on ORDER BY n.runs_on, n.id LIMIT 1),"
		    " (SELECT n.id FROM workflow_jobs n WHERE n.status = 'queued'"
		    " AND n.ready = 1 AND n.repo_id > c.repo_id"
		    " ORDER BY n.repo_id, n.runs_on, n.id LIMIT 1))"
		    " FROM heads h JOIN workflow_jobs c ON c.id = h.id)"
		    " SELECT id, 0 AS n, 0 AS since FROM heads WHERE id IS NOT NULL) "
		    "q" WITH_POLICIES " ORDER BY j.id",
		    "") < 0 ||
		LIST_READ(&q, &queue_type, ret, e) < 0)
		return -1;
	return running_fill(s, ret, e);
}

int store_queue_of_job(struct store *s, int64_t job_id, struct queue_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &queue_type,
		    "FROM (SELECT id, 1 AS n, ready_at AS since FROM workflow_jobs WHERE id = ?)"
		    " q" WITH_POLICIES,
		    "i", job_id) < 0 ||
		LIST_READ(&q, &queue_type, ret, e) < 0)
		return -1;
	return running_fill(s, ret, e);
}

static bool same_labels(const struct queue_row *a, const struct queue_row *b)
{
	if (a->labels.n != b->labels.n)
		return false;
	for (size_t i = 0; i < a->labels.n; i++)
		if (!str_eq(a->labels.v[i], b->labels.v[i]))
			return false;
	return true;
}

void queue_merge(struct queue_list *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct queue_row *to = n ? &l->v[n - 1] : NULL, *from = &l->v[i];

		if (!to || !same_labels(to, from)) {
			l->v[n++] = *from;
			continue;
		}
		to->jobs += from->jobs;
		to->runners += from->runners;
		to->offline += from->offline;
		to->troubled += from->troubled;
		if (from->oldest_at.us < to->oldest_at.us)
			to->oldest_at = from->oldest_at;
		if (from->since.us < to->since.us)
			to->since = from->since;
		queue_row_release(from);
	}
	l->n = n;
}

/* ---- runners for rows ---- */

static int64_t *count_of(struct queue_row *q, const struct runner_row *r, struct wall online_since)
{
	if (runner_troubled(r, online_since))
		return &q->troubled;
	return !r->offline_at.us && r->last_heartbeat_at.us > online_since.us ? &q->runners
									      : &q->offline;
}

static void count_runner(struct queue_list *l, const struct runner_row *r, struct wall online_since)
{
	const struct offer o = offer_of(r);
	const struct queue_row *counted = NULL;
	struct queue_row *first = NULL;

	for (size_t i = 0; i < l->n; i++) {
		if (!first || !same_labels(first, &l->v[i]))
			first = &l->v[i];
		if (counted == first || eligible_unfit(&l->v[i], &o))
			continue;
		counted = first;
		++*count_of(first, r, online_since);
	}
}

int queue_count_runners(
	struct store *s, struct queue_list *l, struct wall online_since, struct err *e)
{
	CLEANUP(runner_list_release) struct runner_list runners = { 0 };

	if (store_runner_list(s, &runners, e) < 0)
		return -1;
	for (size_t i = 0; i < runners.n; i++) {
		const struct runner_row *r = &runners.v[i];

		if (!r->revoked_at.us && !r->drained_at.us)
			count_runner(l, r, online_since);
	}
	return 0;
}

/* ---- rows for a runner ---- */

struct matching queue_matching(const struct queue_list *l, const struct offer *o)
{
	struct matching m = { 0 };

	for (size_t i = 0; i < l->n; i++) {
		const struct queue_row *q = &l->v[i];

		if (!eligible(q, o))
			continue;
		m.jobs += q->jobs;
		if (!m.oldest_at.us || q->since.us < m.oldest_at.us)
			m.oldest_at = q->since;
	}
	return m;
}

bool queue_offers(const struct queue_list *l, const struct offer *o)
{
	for (size_t i = 0; i < l->n; i++)
		if (eligible(&l->v[i], o))
			return true;
	return false;
}

int store_matching(struct store *s, const struct offer *o, struct matching *ret, struct err *e)
{
	CLEANUP(queue_list_release) struct queue_list l = { 0 };

	if (store_queue(s, &l, e) < 0)
		return -1;
	*ret = queue_matching(&l, o);
	return 0;
}

void waiting_list_release(struct waiting_list *l)
{
	LIST_RELEASE(&waiting_type, l);
}

static int waiting_of_row(struct store *s, const struct queue_row *row, int64_t limit,
	struct waiting_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &waiting_type,
		    "FROM workflow_jobs WHERE status = 'queued' AND ready = 1 AND repo_id = ?1"
		    " AND runs_on = ?2 ORDER BY id LIMIT ?3",
		    "ivi", row->repo_id, &row->labels, limit) < 0)
		return -1;
	return LIST_READ(&q, &waiting_type, ret, e);
}

static int by_id(const void *a, const void *b)
{
	const struct waiting_row *x = a, *y = b;

	return x->job_id < y->job_id ? -1 : x->job_id > y->job_id;
}

int store_matching_list(struct store *s, const struct offer *o, int64_t limit,
	struct waiting_list *ret, struct err *e)
{
	CLEANUP(queue_list_release) struct queue_list l = { 0 };

	if (store_queue_heads(s, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		if (eligible(&l.v[i], o) && waiting_of_row(s, &l.v[i], limit, ret, e) < 0)
			return -1;
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_id);
	if (ret->n > (size_t)limit)
		ret->n = (size_t)limit; /* rows own nothing */
	return 0;
}

int store_open_jobs(struct store *s, int64_t repo_id, bool untrusted, int64_t *ret, struct err *e)
{
	return sql_int(s, ret, e,
		       "SELECT count(*) FROM workflow_runs r JOIN workflow_jobs j ON j.run_id = "
		       "r.id"
		       " WHERE r.repo_id = ? AND r.status IN ('queued', 'running')"
		       " AND j.status IN ('queued', 'running') AND CASE WHEN r.trust = ? THEN 1 "
		       "ELSE 0 END = ?",
		       "iiy", repo_id, (int64_t)TRUST_UNTRUSTED, untrusted) < 0
		       ? -1
		       : 0;
}
