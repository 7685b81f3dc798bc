/*
 * An index holds the runs that are not over, and those alone; what one call reads is bounded by
 * their number, not by how many of their jobs wait. Whether one does is asked for each of them, and
 * answered by the first that is found.
 */
#include "coordinator/store/brief/queue.h"

#include "coordinator/sql/row.h"

static const struct column columns[] = {
	COLUMN("r.id", COLUMN_INT, queued_run, id),
	COLUMN("r.repo_id", COLUMN_INT, queued_run, repo_id),
	COLUMN("EXISTS (SELECT 1 FROM workflow_jobs j WHERE j.run_id = r.id"
	       " AND j.status = 'queued')",
		COLUMN_BOOL, queued_run, waits),
};
static const struct row_type queued_type = ROW_TYPE(queued_run, columns);

void queued_runs_release(struct queued_runs *l)
{
	LIST_RELEASE(&queued_type, l);
}

int store_queued_runs(struct store *s, int64_t after, struct queued_runs *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &queued_type,
		    "FROM (SELECT id, repo_id FROM workflow_runs INDEXED BY workflow_runs_open"
		    " WHERE status IN ('queued', 'running') AND id > ?1 ORDER BY id LIMIT ?2) r"
		    " ORDER BY r.id",
		    "ii", after, (int64_t)QUEUED_RUNS_WALKED) < 0)
		return -1;
	return LIST_READ(&q, &queued_type, ret, e);
}
