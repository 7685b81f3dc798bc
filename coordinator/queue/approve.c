/*
 * An approval is a row of its own beside the marks on the runs: a run of the same commit that is
 * made later (a label is set, the run is started again) must find it, and one of another commit
 * must not.
 */
#include "coordinator/queue/approve.h"

#include <inttypes.h>

#include "base/ids.h"
#include "coordinator/queue/cancel.h"
#include "coordinator/store/pull.h"
#include "coordinator/sql/sql.h"

/* The open runs of a pull request that wait: of the commit `of`, and not of the commit `but`. */
static int waiting_runs(struct store *s, int64_t repo_id, int64_t number, const char *of,
	const char *but, struct ids *ret, struct err *e)
{
	CLEAN_QUERY struct query q = { 0 };

	if (sql_query(s, &q, e,
		    "SELECT id FROM workflow_runs WHERE repo_id = ?1 AND pull_number = ?2"
		    " AND pull_number > 0 AND status IN ('queued', 'running')"
		    " AND awaits_approval = 1 AND pull_head = coalesce(?3, pull_head)"
		    " AND pull_head <> coalesce(?4, '') ORDER BY id",
		    "iitt", repo_id, number, of, but) < 0)
		return -1;
	int rc;
	while ((rc = sql_next(&q, e)) > 0)
		ids_add(ret, col_int(&q, 0));
	return rc;
}

int store_pull_cancel_waiting(struct store *s, int64_t repo_id, int64_t number, const char *but,
	const char *why, struct wall now, struct err *e)
{
	CLEANUP(ids_release) struct ids waiting = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 ||
		waiting_runs(s, repo_id, number, NULL, but, &waiting, e) < 0)
		return -1;
	for (size_t i = 0; i < waiting.n; i++)
		if (run_cancel_once(s, waiting.v[i], why, now, e) < 0)
			return -1;
	return store_commit(&tx, e);
}

static int run_release(
	struct store *s, int64_t run_id, const struct approval *a, struct wall now, struct err *e)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };
	enum run_trust trust = a->secrets ? TRUST_APPROVED : TRUST_UNTRUSTED;

	if (store_run_get(s, run_id, &run, e) < 0 ||
		sql_run(s, e,
			"UPDATE workflow_runs SET awaits_approval = 0, trust = ?2, approved_by = "
			"?3,"
			" approve_reason = ?4, approved_at = ?5 WHERE id = ?1",
			"iittw", run_id, (int64_t)trust, a->by, a->reason, now) < 0)
		return -1;
	return run_let_start(s, run_id, run.concurrency_group != NULL, now, e);
}

const char *approve_verb(bool secrets)
{
	return secrets ? "run.approve-with-secrets" : "run.approve";
}

static int may_approve(const struct run_row *run, const struct approval *a, struct err *e)
{
	bool others = run->pull_number && run->trust != TRUST_OWN;

	if (a->reason && strlen(a->reason) > APPROVE_REASON_MAX)
		return err_set(e, ERR_INPUT, "reason: %zu bytes, expected at most %d",
			strlen(a->reason), APPROVE_REASON_MAX);
	if (!others)
		return err_set(e, ERR_CONFLICT,
			"run %" PRId64 " needs no approval: it is not of an untrusted pull request",
			run->id);
	if (!run->awaits_approval && !a->secrets)
		return err_set(e, ERR_CONFLICT,
			"run %" PRId64 " is %s and does not wait for approval", run->id,
			run_status_text(run));
	return 0;
}

int store_run_approve(struct store *s, int64_t run_id, const struct approval *a, struct wall now,
	int64_t *ret_started, struct err *e)
{
	CLEANUP(run_row_release) struct run_row run = { 0 };
	CLEANUP(ids_release) struct ids waiting = { 0 };
	CLEAN_TX struct store_tx tx = { 0 };

	if (store_begin(s, &tx, e) < 0 || store_run_get(s, run_id, &run, e) < 0 ||
		may_approve(&run, a, e) < 0)
		return -1;
	const struct approval_row row = { .repo_id = run.repo_id,
		.number = run.pull_number,
		.head_sha = run.pull_head,
		.approved_by = (char *)a->by,
		.reason = (char *)a->reason,
		.secrets = a->secrets,
		.created_at = now };
	if (store_approval_add(s, &row, e) < 0 ||
		waiting_runs(s, run.repo_id, run.pull_number, run.pull_head, NULL, &waiting, e) < 0)
		return -1;
	for (size_t i = 0; i < waiting.n; i++)
		if (run_release(s, waiting.v[i], a, now, e) < 0)
			return -1;
	*ret_started = (int64_t)waiting.n;
	return store_commit(&tx, e);
}

int run_trust_again(
	struct store *s, const struct run_row *old, struct run_spec *spec, struct err *e)
{
	CLEANUP(approval_row_release) struct approval_row approval = { 0 };

	spec->pull_number = old->pull_number;
	spec->pull_head = old->pull_head;
	spec->trust = (enum run_trust)old->trust;
	spec->awaits_approval = old->awaits_approval;
	if (!old->pull_number || old->trust == TRUST_OWN)
		return 0;
	int rc = store_approval_find(
		s, old->repo_id, old->pull_number, old->pull_head, &approval, e);
	if (rc <= 0)
		return rc;
	spec->awaits_approval = false;
	spec->trust = approval.secrets ? TRUST_APPROVED : TRUST_UNTRUSTED;
	return 0;
}
