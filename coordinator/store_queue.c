/* Who waits for whom: the queue by labels, and what a runner could take. */
#include "coordinator/store_sql.h"

void queue_list_release(struct queue_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		strv_release(&l->v[i].labels);
	free(l->v);
	*l = (struct queue_list){ 0 };
}

int store_queue(struct store *s, struct queue_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT runs_on, count(*), min(created_at), (SELECT count(*) FROM runners r"
		    " WHERE r.revoked_at IS NULL AND r.drained_at IS NULL AND NOT EXISTS ("
		    " SELECT 1 FROM json_each(workflow_jobs.runs_on) w WHERE w.value NOT IN"
		    " (SELECT value FROM json_each(r.labels))))"
		    " FROM workflow_jobs WHERE status = 'queued' AND ready = 1"
		    " GROUP BY runs_on ORDER BY runs_on",
		    ""))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		struct queue_row *r = LIST_ADD(ret);
		r->jobs = col_int(&q, 1);
		r->oldest_at = col_wall(&q, 2);
		r->runners = col_int(&q, 3);
		if (col_strv(&q, 0, &r->labels, e))
			return -1;
	}
	return rc;
}

/* A list of labels (JSON) that another one covers. */
#define COVERED(list, by)                                 \
	"NOT EXISTS (SELECT 1 FROM json_each(" list ") w" \
	" WHERE w.value NOT IN (SELECT value FROM json_each(" by ")))"

int store_matching(struct store *s, const struct strv *labels, struct matching *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT ifnull(sum(n), 0), min(oldest) FROM (SELECT runs_on, count(*) n,"
		    " min(ready_at) oldest FROM workflow_jobs WHERE status = 'queued'"
		    " AND ready = 1 GROUP BY runs_on) WHERE " COVERED("runs_on", "?"),
		    "v", labels) ||
		sql_next(&q, e) < 0)
		return -1;
	ret->jobs = col_int(&q, 0);
	ret->oldest_at = col_wall(&q, 1);
	return 0;
}

void waiting_list_release(struct waiting_list *l)
{
	free(l->v);
	*l = (struct waiting_list){ 0 };
}

int store_matching_list(struct store *s, const struct strv *labels, int64_t limit,
	struct waiting_list *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };
	if (sql_query(s, &q, e,
		    "SELECT id, ready_at FROM workflow_jobs WHERE status = 'queued'"
		    " AND ready = 1 AND " COVERED("runs_on", "?1") " ORDER BY id LIMIT ?2",
		    "vi", labels, limit))
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0) {
		struct waiting_row *r = LIST_ADD(ret);
		r->job_id = col_int(&q, 0);
		r->since = col_wall(&q, 1);
	}
	return rc;
}
