/*
 * The members of a group are few (one at work, one that waits, those that just came), so they are
 * read as a list and the rules are plain code. Whatever cancels or lets go settles the run that it
 * changed; that may lead back here for another group, but each time there is one waiting member
 * less.
 */
#include "coordinator/queue/concurrency.h"

#include <inttypes.h>

#include "coordinator/queue/cancel.h"
#include "coordinator/queue/settle.h"
#include "coordinator/sql/row.h"

struct member {
	int64_t repo_id, run_id, job_id; /* job_id 0: the run as a whole */
	char *group;
	bool pending, cancels;
};
struct members {
	struct member *v;
	size_t n;
};

static const struct column columns[] = {
	COLUMN("repo_id", COLUMN_INT, member, repo_id),
	COLUMN("run_id", COLUMN_INT, member, run_id),
	COLUMN("job_id", COLUMN_INT, member, job_id),
	COLUMN("concurrency_group", COLUMN_TEXT, member, group),
	COLUMN("pending", COLUMN_BOOL, member, pending),
	COLUMN("cancel_in_progress", COLUMN_BOOL, member, cancels),
};
static const struct row_type member_type = ROW_TYPE(member, columns);

/* Runs and jobs as rows of one shape; the condition which of them follows. */
#define RUNS                                                                       \
	"SELECT repo_id, id AS run_id, 0 AS job_id, concurrency_group, pending,"   \
	" cancel_in_progress FROM workflow_runs"                                   \
	" WHERE concurrency_group IS NOT NULL AND status IN ('queued', 'running')" \
	" AND awaits_approval = 0 AND "
#define JOBS                                                                                 \
	"SELECT r.repo_id, j.run_id, j.id AS job_id, j.concurrency_group, j.pending,"        \
	" j.cancel_in_progress FROM workflow_jobs j JOIN workflow_runs r ON r.id = j.run_id" \
	" WHERE j.concurrency_group IS NOT NULL AND j.status IN ('queued', 'running') AND "

static void members_release(struct members *l)
{
	LIST_RELEASE(&member_type, l);
}

/* Who is in the group of m. */
static int members_list(struct store *s, const struct member *m, struct members *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &member_type,
		    "FROM (" RUNS "repo_id = ?1 AND concurrency_group = ?2 UNION ALL " JOBS
		    "r.repo_id = ?1 AND j.concurrency_group = ?2 AND (j.ready <> 0 OR j.pending <> "
		    "0)) m"
		    " ORDER BY run_id, job_id",
		    "it", m->repo_id, m->group) < 0)
		return -1;
	return LIST_READ(&q, &member_type, ret, e);
}

static bool same(const struct member *a, const struct member *b)
{
	return a->run_id == b->run_id && a->job_id == b->job_id;
}

/* A run's hold of a group is no obstacle to its own jobs. */
static bool in_the_way(const struct member *m, const struct member *of)
{
	return !same(m, of) && !(m->job_id == 0 && m->run_id == of->run_id);
}

static int member_cancel(struct store *s, const struct member *m, const struct member *by,
	struct wall now, struct err *e)
{
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEAN_STR char *why = xasprintf("cancelled: run %" PRId64
					" came after it in the concurrency group \"%s\"",
		by->run_id, by->group);

	return m->job_id ? store_job_cancel(s, m->job_id, why, now, &job, e)
			 : run_cancel_once(s, m->run_id, why, now, e);
}

/* Pending ones first: a member that ends lets the next one in. */
static int others_cancel(struct store *s, const struct member *m, bool pending, struct wall now,
	bool *ret_any, struct err *e)
{
	CLEANUP(members_release) struct members l = { 0 };

	if (members_list(s, m, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		if (l.v[i].pending != pending || !in_the_way(&l.v[i], m))
			continue;
		if (member_cancel(s, &l.v[i], m, now, e) < 0)
			return -1;
		*ret_any = true;
	}
	return 0;
}

static int member_start(struct store *s, const struct member *m, struct wall now, struct err *e)
{
	struct state run;

	if (m->job_id)
		return sql_run(s, e,
			"UPDATE workflow_jobs SET pending = 0, ready = 1, ready_at = ?2"
			" WHERE id = ?1",
			"iw", m->job_id, now);
	if (sql_run(s, e, "UPDATE workflow_runs SET pending = 0 WHERE id = ?", "i", m->run_id) < 0)
		return -1;
	return run_settle(s, m->run_id, now, &run, e);
}

/* The one that waits starts when nobody is at work. */
static int group_advance(struct store *s, const struct member *of, struct wall now, struct err *e)
{
	CLEANUP(members_release) struct members l = { 0 };
	const struct member *next = NULL;

	if (members_list(s, of, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n && !next; i++)
		next = l.v[i].pending ? &l.v[i] : NULL;
	if (!next)
		return 0;
	for (size_t i = 0; i < l.n; i++)
		if (!l.v[i].pending && in_the_way(&l.v[i], next))
			return 0;
	return member_start(s, next, now, e);
}

static int member_enter(struct store *s, const struct member *m, struct wall now,
	bool *ret_cancelled, struct err *e)
{
	if (others_cancel(s, m, true, now, ret_cancelled, e) < 0 ||
		(m->cancels && others_cancel(s, m, false, now, ret_cancelled, e) < 0))
		return -1;
	return group_advance(s, m, now, e);
}

int concurrency_run_enters(struct store *s, int64_t run_id, struct wall now, struct err *e)
{
	CLEANUP(members_release) struct members l = { 0 };
	CLEAN_QUERY struct query q = { 0 };
	bool cancelled = false;

	if (row_select(s, &q, e, &member_type, "FROM (" RUNS "id = ?) m", "i", run_id) < 0 ||
		LIST_READ(&q, &member_type, &l, e) < 0)
		return -1;
	return l.n ? member_enter(s, &l.v[0], now, &cancelled, e) : 0;
}

int concurrency_jobs_enter(
	struct store *s, int64_t run_id, struct wall now, bool *ret_cancelled, struct err *e)
{
	CLEANUP(members_release) struct members l = { 0 };
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &member_type,
		    "FROM (SELECT r.repo_id, j.run_id, j.id AS job_id, j.concurrency_group,"
		    " j.pending, j.cancel_in_progress FROM workflow_runs r CROSS JOIN " JOBS_DUE
		    " AND r.id = ?1 AND j.concurrency_group IS NOT NULL AND r.pending = 0"
		    " AND r.awaits_approval = 0 AND " GATE_PASSED("j") ") m ORDER BY job_id",
		    "i", run_id) < 0 ||
		LIST_READ(&q, &member_type, &l, e) < 0)
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		if (sql_run(s, e, "UPDATE workflow_jobs SET pending = 1 WHERE id = ?", "i",
			    l.v[i].job_id) < 0 ||
			member_enter(s, &l.v[i], now, ret_cancelled, e) < 0)
			return -1;
	}
	return 0;
}

/* A job that its environment took back when it was to be claimed has left its group, too. */
int concurrency_leave(struct store *s, int64_t run_id, bool over, struct wall now, struct err *e)
{
	CLEANUP(members_release) struct members left = { 0 };
	CLEAN_QUERY struct query q = { 0 };

	if (row_select(s, &q, e, &member_type,
		    "FROM (SELECT repo_id, id AS run_id, 0 AS job_id, concurrency_group, pending,"
		    " cancel_in_progress FROM workflow_runs WHERE id = ?1 AND ?2 <> 0 UNION"
		    " SELECT r.repo_id, 0, 0, g.concurrency_group, 0, 0 FROM groups_left g"
		    " JOIN workflow_runs r ON r.id = g.run_id WHERE g.run_id = ?1) m"
		    " WHERE concurrency_group IS NOT NULL",
		    "iy", run_id, over) < 0 ||
		LIST_READ(&q, &member_type, &left, e) < 0)
		return -1;
	if (left.n && sql_run(s, e, "DELETE FROM groups_left WHERE run_id = ?", "i", run_id) < 0)
		return -1;
	for (size_t i = 0; i < left.n; i++)
		if (group_advance(s, &left.v[i], now, e) < 0)
			return -1;
	return 0;
}
