/*
 * What the coordinator asks of its store many times an hour stays quick when hundreds of thousands
 * of jobs are over: no statement walks a table whose size is the past. The database counts the rows
 * that a statement walked without an index.
 */
#include "tests/unit/help/coordinator_help.h"

#include <sqlite3.h>

#include "coordinator/app/metrics.h"
#include "coordinator/queue/rerun.h"
#include "coordinator/claim/lost_job.h"
#include "coordinator/queue/approve.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/queue/claim.h"
#include "coordinator/queue/eligible.h"
#include "coordinator/queue/explain.h"
#include "coordinator/queue/policy.h"
#include "coordinator/queue/revoke.h"
#include "coordinator/queue/waiting.h"
#include "coordinator/rights/access.h"
#include "coordinator/store/annotation.h"
#include "coordinator/store/brief/run.h"
#include "coordinator/store/hygiene.h"
#include "coordinator/store/jwt.h"
#include "coordinator/store/pull.h"
#include "coordinator/store/push.h"
#include "coordinator/store/retired.h"
#include "coordinator/store/run.h"
#include "coordinator/store/runner.h"
#include "coordinator/store/schedule.h"
#include "coordinator/sql/sql.h"
#include "coordinator/store/webhook.h"

#define PAST "300000"
enum { WALKED_MAX = 1000 };

static void sql(struct store *s, const char *text)
{
	char *why = NULL;

	if (sqlite3_exec(s->db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
}

/* Finished jobs of one run a hundred, each with a step; all by runner r1. */
static void make_past(struct store *s)
{
	sql(s, "BEGIN");
	sql(s, "INSERT INTO webhooks (url, format, events, sealed, created_at)"
	       " VALUES ('http://a/', 'json', 3, x'00', 1)");
	sql(s, "INSERT INTO workflow_runs (repo_id, run_index, workflow_file, workflow_name, event,"
	       " event_payload, head_sha, head_ref, status, conclusion, created_at, completed_at,"
	       " actor)"
	       " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " PAST
	       " / 100) SELECT 1, i + 100, 'f', 'f', 'push', '{}', '', 'r', 'completed', 'success',"
	       " 1, 2, 'x' FROM n");
	sql(s, "INSERT INTO workflow_jobs (repo_id, run_id, position, job_key, name, runs_on, "
	       "needs,"
	       " timeout_minutes, permissions, env, status, conclusion, ready, created_at, leg,"
	       " legs, runner_id, claimed_at, last_seen_at, completed_at, claim_key)"
	       " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " PAST
	       ") SELECT 1, i / 100 + 1, i, 'k', 'k', '[\"linux\"]', '[]', 1, '{}', '{}',"
	       " 'completed', 'success', 1, 1, i, 1, 1, 1, 1, 2, 'key' || i FROM n"
	       " WHERE i / 100 < " PAST " / 100");
	sql(s, "INSERT INTO workflow_steps (job_id, position, run, env, with_args,"
	       " continue_on_error, status, conclusion, completed_at) SELECT id, 0, 'x', '{}',"
	       " '{}', 0, 'completed', 'success', 2 FROM workflow_jobs");
	sql(s, "UPDATE webhook_deliveries SET done_at = 1, outcome = 'delivered'");
	sql(s, "COMMIT");
}

/* What the outside asks, and what it is told. */
static void outside(struct world *w)
{
	struct store *s = w->app.store;
	struct wall now = wall_now();
	CLEANUP(run_list_release) struct run_list commit = { 0 };
	CLEANUP(run_list_release) struct run_list ref = { 0 };
	CLEANUP(webhook_list_release) struct webhook_list due = { 0 };
	CLEANUP(delivery_row_release) struct delivery_row next = { 0 };
	struct annotation_counts counts = { 0 };
	char sha[RUN_SHA_MAX];
	struct err e = { 0 };

	must_err(store_run_heads(s, w->repo_id, RUNS_OF_COMMIT, SHA_A, &commit, &e));
	must_err(store_run_heads(s, w->repo_id, RUNS_OF_REF, "r", &ref, &e));
	assert_int_equal(1, ref.n);
	assert_int_equal(-1, store_run_sha(s, w->repo_id, "fffffff", sha, NULL));
	must_err(store_annotation_counts(s, commit.v[0].id, 0, &counts, &e));
	must_err(store_webhook_due(s, now, &due, &e));
	assert_int_equal(1, due.n);
	assert_int_equal(1, store_delivery_next(s, due.v[0].id, &next, &e));
	must_err(store_delivery_tried(
		s, &(struct delivery_result){ .id = next.id, .hook_id = 1, .now = now }, &e));
	must_err(store_deliveries_give_up(s, due.v[0].id, now, &e));
}

/* What the pages ask. */
static void browsers(struct world *w)
{
	const struct readable_spec all = { .owner = "", .name = "", .limit = 50 };
	const struct run_brief_spec rare = {
		.repo_id = w->repo_id, .actor = "nobody", .limit = 30
	};
	CLEANUP(readable_list_release) struct readable_list repos = { 0 };
	CLEANUP(run_briefs_release) struct run_briefs runs = { 0 };
	int64_t next;
	struct err e = { 0 };

	must_err(store_readable_list(w->app.store, &all, &repos, &e));
	assert_int_equal(1, repos.n);
	must_err(store_run_briefs(w->app.store, &rare, &runs, &next, &e));
	assert_int_equal(0, runs.n);
	assert_true(next > RUN_BRIEFS_WALKED / 2); /* the rest is for another call */
}

/* What an event of a pull request asks and leaves. */
static void live_pull(struct world *w)
{
	static const unsigned char sha[SHA256_LEN];
	struct store *s = w->app.store;
	const struct pull_row row = { .repo_id = w->repo_id,
		.number = 1,
		.author = (char *)"eve",
		.head_sha = (char *)SHA_A,
		.base_ref = (char *)"trunk" };
	CLEANUP(pull_row_release) struct pull_row was = { 0 };
	CLEANUP(approval_row_release) struct approval_row approval = { 0 };
	CLEAN_STR char *answer = NULL;
	struct wall now = wall_now();
	struct err e = { 0 };
	int64_t n;
	bool yes;

	assert_int_equal(0, store_pull_find(s, w->repo_id, 1, &was, &e));
	must_err(store_pull_open_runs(s, w->repo_id, 1, &n, &e));
	must_err(store_pull_reported(s, w->repo_id, &yes, &e));
	must_err(store_pull_author_known(s, w->repo_id, "eve", 1, &yes, &e));
	must_err(store_pull_set(s, &row, now, &e));
	must_err(store_pull_cancel_waiting(s, w->repo_id, 1, NULL, "why", now, &e));
	must_err(store_open_jobs(s, w->repo_id, true, &n, &e));
	assert_int_equal(0, store_approval_find(s, w->repo_id, 1, SHA_A, &approval, &e));
	assert_int_equal(0, store_delivery_find(s, w->repo_id, "key", sha, &answer, &e));
	must_err(store_delivery_add(s, w->repo_id, "key", sha, "{}", now, &e));
}

/* A day of a coordinator, in short. */
static void live(struct world *w)
{
	struct store *s = w->app.store;
	struct wall now = wall_now();
	CLEANUP(strv_release) struct strv labels = labels_of("linux,x64");
	CLEANUP(queue_list_release) struct queue_list queue = { 0 };
	CLEANUP(waiting_list_release) struct waiting_list waiting = { 0 };
	CLEANUP(runner_list_release) struct runner_list runners = { 0 };
	CLEANUP(schedule_list_release) struct schedule_list due = { 0 };
	CLEANUP(push_rows_release) struct push_rows pushes = { 0 };
	CLEANUP(old_steps_release) struct old_steps old = { 0 };
	CLEANUP(run_list_release) struct run_list runs = { 0 };
	CLEANUP(job_row_release) struct job_row job = { 0 };
	CLEAN_BUF struct buf page = BUF_INIT(MIB(1));
	CLEAN_STR char *jti = NULL;
	struct run_created run, again;
	CLEANUP(policy_row_release)
	struct policy_row policy = { .caps = { 1000, 1000, 1000, 1000 } };
	CLEANUP(job_waits_release) struct job_waits why = { 0 };
	struct err e = { 0 };
	int64_t n;
	size_t lost;

	must_err(store_policy_put(s, &(struct policy_place){ .level = POLICY_SITE }, &policy, &e));
	run = RUN(w, "a:linux", "b:linux:a", "c:x64&linux");
	must_err(store_queue(s, &queue, &e));
	must_err(queue_count_runners(s, &queue, now, &e));
	must_err(store_matching_list(
		s, &(struct offer){ .name = "r1", .labels = &labels }, 50, &waiting, &e));
	world_claim(w, "linux,x64", &job);
	must_err(store_claim_made(s, job.id, "jti", &e));
	assert_int_equal(0, store_claim_key_find(s, w->runner_id, "key", &n, &jti, &e));
	must_err(store_claims_return(s, now, &n, &e));
	job_row_release(&job);
	world_claim(w, "linux,x64", &job);
	must_err(lost_jobs_end(&w->app, 60 * USEC_PER_SEC, now, &lost, &e));
	world_finish(w, job.id, CONCLUSION_SUCCESS);
	must_err(store_run_cancel(s, run.run_id, "cancelled by ada", now, &e));
	must_err(store_run_rerun(
		s, &(struct rerun_spec){ .run_id = run.run_id, .actor = "x" }, now, &again, &e));
	must_err(metrics_page(&w->app.metrics, s, &page, &e));
	must_err(store_runner_list(s, &runners, &e));
	must_err(store_schedule_due(s, now, &due, &e));
	must_err(store_push_list(s, &pushes, &e));
	must_err(store_answer_prune(s, now, &e));
	must_err(store_hygiene_recent(s, w->runner_id, now, &n, &e));
	must_err(store_hygiene_prune(s, (struct wall){ 1 }, &n, &e));
	must_err(store_jwt_prune(s, now, 100, &n, &e));
	must_err(store_steps_old(s, (struct wall){ 1 }, 100, &old, &e));
	must_err(store_run_list(s, w->repo_id, 20, &runs, &e));
	live_pull(w);
	must_err(store_run_explain(
		s, &(struct explain_spec){ .run_id = again.run_id, .now = now }, &why, &e));
	must_err(runner_revoke(s, w->runner_id, "x", now, &n, &e));
}

static void test_no_statement_walks_the_past(void **state UNUSED)
{
	struct world w;

	world_open(&w);
	make_past(w.app.store);
	live(&w);
	outside(&w);
	browsers(&w);
	for (size_t i = 0; i < w.app.store->n_cache; i++) {
		const struct statement *st = &w.app.store->cache[i];
		int walked = sqlite3_stmt_status(st->st, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
		int sorted = sqlite3_stmt_status(st->st, SQLITE_STMTSTATUS_SORT, 0);
		int steps = sqlite3_stmt_status(st->st, SQLITE_STMTSTATUS_VM_STEP, 0);

		if (walked > WALKED_MAX || steps > 100 * WALKED_MAX)
			fail_msg("%d rows walked, %d steps, %d sorts: %s", walked, steps, sorted,
				sqlite3_sql(st->st));
	}
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_statement_walks_the_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
